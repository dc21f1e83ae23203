"""What slimming takes out of a CUDA install and of the digits image, what it costs, and what the result still does."""
