"""Taking development's requirements out of production's files, and losing nothing on the way. Pure."""
