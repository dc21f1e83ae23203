"""A small HTTP server on the loopback address whose answers a test writes as a function."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Answer = Callable[["Asked"], "Reply"]


@dataclass(frozen=True)
class Asked:
    """A request: its number from 1, method, path and headers (names in lower case)."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer. With `cut`, the connection breaks after that many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class Served:
    """A running server: its address and what it was asked."""

    url: str
    asked: list[Asked]


@contextmanager
def serve(answer: Answer) -> Iterator[Served]:
    """A server that is stopped when the context ends."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_HEAD(self) -> None:
            self._reply()

        def _reply(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Asked(len(asked) + 1, self.command, self.path, headers)
            asked.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
            if reply.cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def ranged(asked: Asked, body: bytes) -> Reply:
    """The part of `body` that a request asks for, as a server with ranges answers (RFC 9110, section 14)."""
    start, _, last = asked.headers["range"].removeprefix("bytes=").partition("-")
    if int(start) >= len(body):
        return Reply(416, headers={"Content-Range": f"bytes */{len(body)}"})
    end = min(int(last or len(body)), len(body) - 1)
    told = {"Content-Range": f"bytes {start}-{end}/{len(body)}"}
    return Reply(206, body[int(start) : end + 1], told)
