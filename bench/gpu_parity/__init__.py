"""What an installation computes on a GPU, recorded and compared. Needs torch and nothing else of this project."""
