"""The machine, as small capabilities that are handed in: processes, HTTP, cache, containers, clock, progress."""
