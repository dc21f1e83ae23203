"""Facts about ELF files: needed libraries, run paths, machine; and how the loader would find what they need."""
