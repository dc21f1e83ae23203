"""Makes things: a lock from a project, an image from a plan."""
