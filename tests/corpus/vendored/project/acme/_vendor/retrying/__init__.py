from acme._vendor.retrying.core import retry

__all__ = ["retry"]
