"""HTTP, read only: streams downloads, tries again, resumes, and keeps credentials to their own host.

No message of this module shows a user name, a password or a query string.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError

from slimtorch.errors import FetchError
from slimtorch.host import ranges
from slimtorch.host.connections import Connections, Settings, origin, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3 import BaseHTTPResponse

    from slimtorch.host.ranges import Part

_T = TypeVar("_T")
BLOCK = 1 << 18
REDIRECTS = 10
LONGEST_WAIT = 30.0
"""Seconds at most between two tries, whatever ``Retry-After`` asks for."""
_MOVED = {301, 302, 303, 307, 308}
_BUSY = {408, 425, 429, 500, 502, 503, 504}


class Sink(Protocol):
    """Takes bytes in order."""

    def write(self, data: bytes, /) -> int:
        """Appends `data`."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What a server says of an address: its status and, where told, the size in bytes."""

    status: int
    size: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the thing is there."""
        return 200 <= self.status < 300


class Fetch(Protocol):
    """Reads from HTTP servers. Tests hand in their own."""

    def download(
        self,
        url: str,
        sink: Sink,
        *,
        limit: int,
        advance: Callable[[int], None] = ...,
        headers: Mapping[str, str] = ...,
    ) -> int:
        """The number of bytes of `url` written to `sink`, at most `limit`."""
        ...

    def look(self, url: str) -> Found:
        """What stands at `url`, without its bytes."""
        ...

    def read_range(self, url: str, start: int, length: int) -> Part:
        """The `length` bytes of `url` from `start`, or what is there of them."""
        ...


class _Interrupted(Exception):  # noqa: N818  (never leaves this module)
    """A try failed in a way that another may not; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class HttpFetch:
    """`Fetch` on urllib3. May be used from several threads."""

    def __init__(self, settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._connections = Connections(settings)
        self._sleep = sleep

    def download(
        self,
        url: str,
        sink: Sink,
        *,
        limit: int,
        advance: Callable[[int], None] = lambda _: None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """The number of bytes of `url` written to `sink`. A broken connection goes on where it broke.

        Raises:
            FetchError: the server refused, stayed unreachable, or sent more than `limit` bytes.
        """
        transfer = _Transfer(sink, limit, advance)

        def once() -> int:
            asked = {"Accept-Encoding": "identity", **(headers or {}), **transfer.resume_headers()}
            with self._response("GET", url, asked) as response:
                transfer.take(response, redact(url))
            return transfer.done

        return self._persist(once, url)

    def look(self, url: str) -> Found:
        """What stands at `url`: a missing thing is an answer, not an error.

        Raises:
            FetchError: the server stayed unreachable.
        """

        def once() -> Found:
            with self._response("HEAD", url, {"Accept-Encoding": "identity"}) as response:
                return Found(response.status, _length(response))

        found = self._persist(once, url)
        if found.status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
            found = self._persist(lambda: self._look_by_get(url), url)
        return found

    def read_range(self, url: str, start: int, length: int) -> Part:
        """The `length` bytes of `url` from `start`, fewer only where the file ends, and the size of the whole.

        Raises:
            WholeOnlyError: the server does not serve parts; nothing of the file was read.
            FetchError: the server refused, stayed unreachable, or sent another part.
        """

        def once() -> Part:
            asked = {"Accept-Encoding": "identity", **ranges.header(start, length)}
            with self._response("GET", url, asked) as response:
                if not 200 <= response.status < 300:
                    raise _refusal(response.status, redact(url))
                return ranges.take(response, start, length, redact(url))

        return self._persist(once, url)

    def _look_by_get(self, url: str) -> Found:
        with self._response("GET", url, {"Accept-Encoding": "identity"}) as response:
            return Found(response.status, _length(response))

    def _persist(self, once: Callable[[], _T], url: str) -> _T:
        if self._settings.offline:
            raise FetchError(f"{redact(url)} is needed, and this run is offline", hint="run once without --offline")
        for attempt in range(1, self._settings.tries + 1):
            try:
                return once()
            except _Interrupted as broken:
                if attempt == self._settings.tries:
                    raise FetchError(
                        f"{redact(url)} could not be downloaded: {redact(str(broken))}",
                        hint="check the network, the proxy and the index, then run the same command again",
                        temporary=True,
                    ) from None
                self._sleep(_pause(attempt, broken.wait))
        raise AssertionError

    @contextmanager
    def _response(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[BaseHTTPResponse]:
        """The answer after redirects; whoever leaves the context gives the connection up."""
        response = None
        try:
            for _ in range(REDIRECTS):
                response = self._connections.request(method, url, headers)
                target = response.headers.get("Location")
                if response.status not in _MOVED or not target:
                    break
                response.close()
                url = _next(url, target)
            else:
                raise FetchError(f"{redact(url)} redirects more than {REDIRECTS} times")
            if response.status in _BUSY:
                raise _Interrupted(f"the server answered {response.status}", _retry_after(response))
            yield response
        except HTTPError as error:
            raise _interruption(error, url) from None
        finally:
            if response is not None:
                response.close()


class _Transfer:
    """One download over any number of connections."""

    def __init__(self, sink: Sink, limit: int, advance: Callable[[int], None]) -> None:
        self.done = 0
        self._sink, self._limit, self._advance = sink, limit, advance
        self._tag = ""

    def resume_headers(self) -> dict[str, str]:
        """What asks for the rest only. Without a strong validator the whole is asked for and its start skipped."""
        return {"Range": f"bytes={self.done}-", "If-Range": self._tag} if self.done and self._tag else {}

    def take(self, response: BaseHTTPResponse, shown: str) -> None:
        """Writes what is new in this answer."""
        if not 200 <= response.status < 300:
            raise _refusal(response.status, shown)
        skip = 0 if response.status == HTTPStatus.PARTIAL_CONTENT else self.done
        if response.status == HTTPStatus.PARTIAL_CONTENT and not _starts_at(response, self.done):
            raise FetchError(f"{shown}: the server sent another part than the one asked for")
        tag = response.headers.get("ETag", "")
        self._tag = tag if not tag.startswith("W/") else ""
        for block in response.stream(BLOCK, decode_content=False):
            dropped = min(skip, len(block))
            skip -= dropped
            self._write(block[dropped:], shown)

    def _write(self, data: bytes, shown: str) -> None:
        if not data:
            return
        if self.done + len(data) > self._limit:
            raise FetchError(f"{shown} is larger than the {self._limit} bytes that were promised")
        self._sink.write(data)
        self.done += len(data)
        self._advance(len(data))


def _next(url: str, target: str) -> str:
    """The address that a redirect names. Plain HTTP after HTTPS is refused."""
    moved = urljoin(url, target)
    scheme = moved.partition(":")[0].lower()
    if scheme not in {"http", "https"} or (scheme == "http" and url.lower().startswith("https:")):
        raise FetchError(f"{redact(url)} redirects to {redact(moved)}, which is not protected as the first address is")
    return moved


def _refusal(status: int, shown: str) -> FetchError:
    if status in {401, 403}:
        hint = "give the credentials in the index address or in ~/.netrc"
    elif status == HTTPStatus.NOT_FOUND:
        hint = (
            "the index does not hold this file any more: lock again, or point to an index or vendored folder that does"
        )
    else:
        hint = ""
    return FetchError(f"{shown}: the server answered {status}", hint=hint)


def _interruption(error: HTTPError, url: str) -> FetchError | _Interrupted:
    if isinstance(error, urllib3.exceptions.LocationParseError | urllib3.exceptions.LocationValueError):
        return FetchError(f"{redact(url)} is not an address that can be fetched")
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, urllib3.exceptions.SSLError):
        return FetchError(
            f"{origin(url)}: its certificate is not trusted",
            hint="name the certificate bundle with SSL_CERT_FILE or pip's `cert` setting",
        )
    return _Interrupted(_words(reason))


def _words(reason: object) -> str:
    """What went wrong without object addresses."""
    name = type(reason).__name__
    known = {
        "NewConnectionError": "no connection",
        "NameResolutionError": "the host name is not known",
        "ConnectTimeoutError": "no connection in time",
        "ReadTimeoutError": "no answer in time",
        "ProtocolError": "the connection broke",
        "IncompleteRead": "the connection broke",
        "ProxyError": "the proxy could not be used",
    }
    return known.get(name, name)


def _pause(attempt: int, asked: float | None) -> float:
    if asked is not None:
        return min(asked, LONGEST_WAIT)
    return float(min(0.5 * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.75, 1.25))  # noqa: S311  (no secret)


def _retry_after(response: BaseHTTPResponse) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _length(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _starts_at(response: BaseHTTPResponse, offset: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
