"""A project's source tree → facts: what it imports, from where, and what that says about GPUs and compilers."""
