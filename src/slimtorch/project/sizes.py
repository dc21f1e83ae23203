"""Bytes in the words of messages; `config.kinds.size` reads them back."""

from __future__ import annotations


def written(count: float) -> str:
    """Bytes for people, in powers of ten as registries count them: ``2.7 GB``, ``512 MB``, ``37 kB``."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def signed(count: float) -> str:
    """The same with its sign: ``+2.7 GB``, ``-512 MB``."""
    return f"{'-' if count < 0 else '+'}{written(abs(count))}"
