"""What the user wants (config → Project), what was pinned (Lock), what will be built (Plan). Pure."""
