from wavelets.transform import forward

__all__ = ["forward"]
