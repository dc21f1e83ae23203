"""Some sixty families of torch operators; their results are the numbers that must not change.

Needs torch and nothing else, not even slimtorch: the folder also runs as ``python -m operators record OUT.json``
beside any torch, and inside images. Importing `battery` imports torch and fills the table; comparing needs no torch.
"""
