"""GPU code in libraries: the containers of CUDA ("fat binaries"), what is in them, and what a GPU needs of it."""
