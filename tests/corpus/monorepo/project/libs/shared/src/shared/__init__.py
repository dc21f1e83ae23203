from shared.queue import Queue

__all__ = ["Queue"]
