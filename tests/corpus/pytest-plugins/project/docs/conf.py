import wavelets

project = "wavelets"
html_theme = "furo"
version = getattr(wavelets, "__version__", "")
