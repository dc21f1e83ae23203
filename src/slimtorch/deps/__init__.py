"""Judges a project's dependencies: what the service needs, what only development needs, what fits together."""
