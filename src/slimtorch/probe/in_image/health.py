"""The container's health check: asks the service on 127.0.0.1 and exits with 0 when it answers 2xx, else with 1.

``python3 -I -S /usr/lib/slimtorch/health.py [--port 8000] [--path /health] [--timeout 3]``; without ``--port`` the
variable PORT counts. Runs every few seconds for as long as the container lives, so nothing is imported that takes long:
no argparse, no http, no socket (the module; `_socket` is what it wraps).
"""

import _socket
import os
import sys

DEFAULTS = {"--port": os.environ.get("PORT", "8000"), "--path": "/health", "--timeout": "3"}
BLOCK = 4096


def options(argv: list[str]) -> tuple[int, str, float]:
    """Port, path and seconds to wait, from arguments and defaults."""
    values = dict(DEFAULTS)
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--") else [word])]
    if len(words) % 2 or any(name not in values for name in words[::2]):
        raise ValueError("usage: health.py [--port PORT] [--path PATH] [--timeout SECONDS]")
    values.update(zip(words[::2], words[1::2], strict=True))
    path = values["--path"]
    return int(values["--port"]), path if path.startswith("/") else f"/{path}", float(values["--timeout"])


def ask(port: int, path: str, timeout: float) -> str:
    """The status line of the answer (RFC 9112, section 4)."""
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(("127.0.0.1", port))
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: health\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = b""
        while b"\n" not in answer and len(answer) < BLOCK:
            block = connection.recv(BLOCK)
            if not block:
                break
            answer += block
    finally:
        connection.close()
    return answer.partition(b"\n")[0].decode("latin-1").strip()


def main(argv: list[str]) -> int:
    """Says in one line how the service is; the exit status."""
    try:
        port, path, timeout = options(argv)
    except ValueError as error:
        print(f"unhealthy: {error}")
        return 1
    try:
        line = ask(port, path, timeout)
    except OSError as error:
        print(f"unhealthy: {path} on port {port}: {error.strerror or error}")
        return 1
    words = line.split(" ", 2)
    well = len(words) > 1 and words[0].startswith("HTTP/") and len(words[1]) == 3 and words[1].startswith("2")
    print(f"{'healthy' if well else 'unhealthy'}: {path} on port {port}: {line or 'no answer'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
