"""Checks what was made, by other means than it was made with."""
