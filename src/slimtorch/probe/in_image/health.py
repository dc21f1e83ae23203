"""The container's health check: asks the service on 127.0.0.1 and exits with 0 when it answers 2xx, else with 1.

``python3 -I -S /usr/lib/slimtorch/health.py [--port 8000] [--path /health] [--timeout 3]``; without ``--port`` the
variable PORT counts. Where GPU code was left out, the options of ``start.py`` follow (``--gpu 9.0=h100`` …): if the
service does not answer well and no GPU can run what was kept, a second line says so. Never while it is well: asking
the driver can take seconds, which would make a healthy service look dead.

Runs every few seconds for as long as the container lives, so nothing is imported that takes long:
no argparse, no http, no socket (the module; `_socket` is what it wraps).
"""

import _socket
import os
import sys

DEFAULTS = {"--port": os.environ.get("PORT", "8000"), "--path": "/health", "--timeout": "3"}
BLOCK = 4096
GPU_OPTIONS = ("--gpu", "--exact", "--not", "--ptx")


def options(argv: list[str]) -> tuple[int, str, float, list[tuple[str, str]]]:
    """Port, path and seconds to wait, from arguments and defaults; and what `gpu_check` takes."""
    values = dict(DEFAULTS)
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--") else [word])]
    if len(words) % 2 or any(name not in values and name not in GPU_OPTIONS for name in words[::2]):
        raise ValueError("usage: health.py [--port PORT] [--path PATH] [--timeout SECONDS]")
    pairs = list(zip(words[::2], words[1::2], strict=True))
    values.update(pair for pair in pairs if pair[0] in values)
    path = values["--path"]
    rule = [pair for pair in pairs if pair[0] in GPU_OPTIONS]
    return int(values["--port"]), path if path.startswith("/") else f"/{path}", float(values["--timeout"]), rule


def gpu_problem(rule: list[tuple[str, str]]) -> str:
    """Why no GPU here can run what the image holds; '' where that is not the reason."""
    check: dict[str, object] = {"__name__": "start"}
    try:
        # -I: the folder of the script is not on the path.
        with open(__file__.rpartition("/")[0] + "/start.py", encoding="utf-8") as stream:  # noqa: PTH123
            exec(stream.read(), check)  # noqa: S102  (the image's own start command)
        return check["problem"](rule)  # type: ignore[operator, no-any-return]
    except (OSError, ValueError) as error:
        return f"the GPUs were not checked: {error}"


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
        port, path, timeout, rule = options(argv)
    except ValueError as error:
        print(f"unhealthy: {error}")
        return 1
    try:
        line = ask(port, path, timeout)
        words = line.split(" ", 2)
        well = len(words) > 1 and words[0].startswith("HTTP/") and len(words[1]) == 3 and words[1].startswith("2")
    except OSError as error:
        line, well = str(error.strerror or error), False
    # Flushed: the runtime may lose patience while the driver is asked.
    print(f"{'healthy' if well else 'unhealthy'}: {path} on port {port}: {line or 'no answer'}", flush=True)
    why = "" if well or not rule else gpu_problem(rule)
    if why:
        print(f"unhealthy: {why}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
