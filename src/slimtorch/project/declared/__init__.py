"""What a project declares that it needs, wherever it is written, with file and line."""
