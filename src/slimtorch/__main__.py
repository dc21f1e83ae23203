"""``python -m slimtorch`` is the ``slimtorch`` command."""

from slimtorch.cli.main import main

if __name__ == "__main__":
    main()
