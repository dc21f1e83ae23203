"""What each command does, as a function: the library's public face. A flow joins rooms and holds no knowledge."""
