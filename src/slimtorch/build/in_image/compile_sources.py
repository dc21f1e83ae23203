"""Compiles Python sources: frames of (path, source) on standard input, frames of (path, bytecode) on standard output.

A frame is a 4-byte length and the path, then an 8-byte length and the data (big endian). A source that does not compile
is left out, as `compileall` leaves it. The bytecode holds the final path, so that tracebacks name the file in the
image, and is marked unchecked-hash (PEP 552): it is never compared with its source, which cannot change in an image.
"""

import importlib.util
import marshal
import struct
import sys
import warnings

UNCHECKED = 0b01  # flags of PEP 552: hash-based, not checked


def bytecode(path: str, source: bytes) -> bytes | None:
    """The bytes of the .pyc file, or None where the source has a syntax error."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, OverflowError):
        return None
    header = importlib.util.MAGIC_NUMBER + struct.pack("<L", UNCHECKED) + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def main() -> None:
    """Everything on standard input, compiled."""
    warnings.simplefilter("ignore")
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while head := stdin.read(4):
        name = stdin.read(struct.unpack(">L", head)[0])
        source = stdin.read(struct.unpack(">Q", stdin.read(8))[0])
        data = bytecode(name.decode(), source)
        if data is not None:
            stdout.write(struct.pack(">L", len(name)) + name + struct.pack(">Q", len(data)) + data)


main()
