"""Stand-ins for libraries: the same names, almost no bytes, and a plain message at the first call."""
