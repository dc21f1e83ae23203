"""Facts about an image, without opinions: which file is whose, and how large."""
