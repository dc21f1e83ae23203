"""Scripts that the image's own interpreter runs; standard library only, read as data, never imported."""
