"""What could go for something smaller."""
