"""What changed between two locks, and why."""
