"""Hostile bytes for the parsers and writers of `elf`: guided by coverage, bounded in time."""
