"""What each dependency of a project is for, and what that costs."""
