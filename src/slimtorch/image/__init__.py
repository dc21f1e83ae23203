"""The algebra of images: immutable nouns of the OCI image-spec, and pure functions on them."""
