"""The standard library, for the Python that runs the service."""

from __future__ import annotations

import sys

REMOVED = {
    "asynchat": 12, "asyncore": 12, "distutils": 12, "imp": 12, "smtpd": 12,
    "aifc": 13, "audioop": 13, "cgi": 13, "cgitb": 13, "chunk": 13, "crypt": 13, "imghdr": 13, "lib2to3": 13,
    "mailcap": 13, "msilib": 13, "nis": 13, "nntplib": 13, "ossaudiodev": 13, "pipes": 13, "sndhdr": 13, "spwd": 13,
    "sunau": 13, "telnetlib": 13, "uu": 13, "xdrlib": 13,
    "binhex": 11, "formatter": 10, "parser": 10, "symbol": 10, "macpath": 8, "dummy_threading": 9, "_bootlocale": 10,
}  # fmt: skip
"""Modules, and the Python 3 minor version that no longer has them ("What's New in Python", sections "Removed")."""

_ADDED = frozenset({"annotationlib", "compression", "tomllib"})
_NO_MODULES = frozenset({"__main__", "_typeshed", "test", "idlelib"})
_EVER = (frozenset(sys.stdlib_module_names) | _ADDED | _NO_MODULES) - REMOVED.keys()


def is_standard(top: str, python: str) -> bool:
    """Whether a top-level module belongs to Python itself; without a version, to any Python 3."""
    if top in _EVER:
        return True
    gone = REMOVED.get(top)
    if gone is None:
        return False
    major, _, minor = python.partition(".")
    known = major == "3" and minor.isdecimal()
    return not known or int(minor) < gone
