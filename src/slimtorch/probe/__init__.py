"""Proof: what an image's files say (static), and what the image does when it is started and asked (smoke)."""
