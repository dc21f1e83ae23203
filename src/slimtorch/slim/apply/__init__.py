"""Carries proposals out: on the tree of an image, or on a folder in place."""
