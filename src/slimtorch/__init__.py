"""Light, safe, provable container images for PyTorch services.

Only the version lives here, so that ``slimtorch --help`` stays quick. The library's public face is `slimtorch.flows`.
"""

__version__ = "0.1.0"
