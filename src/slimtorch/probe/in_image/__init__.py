"""Scripts that run inside an image, with the image's interpreter and its standard library only."""
