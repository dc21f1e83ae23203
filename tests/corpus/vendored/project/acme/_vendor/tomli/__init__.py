from ._parser import load, loads

__all__ = ("load", "loads")
