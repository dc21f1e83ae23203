"""Merges configuration files, comments and all."""
