"""Where files come from: indexes, wheels, Debian packages and the service's own folder. Each yields a `FileTree`."""
