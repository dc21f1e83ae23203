import argparse
import sys

from . import server
from .index import Index


def main() -> int:
    parser = argparse.ArgumentParser(prog="docsearch")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--listen", default="tcp://*:5555")
    arguments = parser.parse_args()
    index = Index()
    for name in arguments.files:
        index.add(name)
    server.serve(index, arguments.listen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
