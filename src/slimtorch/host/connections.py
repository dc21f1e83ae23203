"""Connections to HTTP servers: proxies, certificates and credentials, each only for whom they are meant."""

from __future__ import annotations

import base64
import netrc
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3

from slimtorch.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from urllib3 import BaseHTTPResponse, PoolManager

_USER = re.compile(r"(?<=://)[^/@\s]*@")
_QUERY = re.compile(r"\?[^#]*")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with credentials and query strings taken out of every address in it."""
    return _ADDRESS.sub(lambda match: _QUERY.sub("?***", _USER.sub("", match[0])), text)


def without_credentials(url: str) -> str:
    """The address without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def credentials_of(url: str) -> str:
    """``user:password`` as the address itself holds them, decoded, or ''."""
    user = urlsplit(url).netloc.rpartition("@")[0]
    name, _, password = user.partition(":")
    return f"{unquote(name)}:{unquote(password)}" if user else ""


def origin(url: str) -> str:
    """``scheme://host[:port]`` of an address, in lower case and without credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach servers. Times in seconds.

    `proxies` maps ``http``, ``https`` and ``all`` to addresses; `no_proxy` holds host suffixes or ``*``. `credentials`
    maps an origin to ``user:password``; they are sent to that origin only.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_proxy: tuple[str, ...] = ()
    certificates: str = ""
    client_certificate: str = ""
    insecure_hosts: tuple[str, ...] = ()
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    netrc: Path | None = None
    offline: bool = False
    connect_timeout: float = 15
    read_timeout: float = 60
    tries: int = 5


class Connections:
    """Pools of connections by proxy and by trust; safe for threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools: dict[tuple[str, bool], PoolManager] = {}
        self._lock = threading.Lock()
        self._netrc = _read_netrc(settings.netrc)

    def request(self, method: str, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """The server's answer, its body unread. Redirects and tries are the caller's.

        Raises:
            HTTPError: of urllib3, when there is no answer.
            FetchError: the address is not HTTP.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FetchError(f"{redact(url)} is not an HTTP address")
        sent = {"User-Agent": "slimtorch", **headers}
        if login := self._login(url):
            sent["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        timeout = urllib3.Timeout(connect=self._settings.connect_timeout, read=self._settings.read_timeout)
        return self._pool(parts.scheme, parts.hostname, parts.netloc.rpartition("@")[2]).request(
            method,
            without_credentials(url),
            headers=sent,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def _login(self, url: str) -> str:
        """Credentials for exactly this origin: from the address, the configured sources, then ~/.netrc."""
        host = urlsplit(url).hostname or ""
        return credentials_of(url) or self._settings.credentials.get(origin(url), "") or self._netrc.get(host, "")

    def _pool(self, scheme: str, host: str, place: str) -> PoolManager:
        proxy = proxy_for(self._settings, scheme, host)
        insecure = host in self._settings.insecure_hosts or place in self._settings.insecure_hosts
        with self._lock:
            if (proxy, insecure) not in self._pools:
                self._pools[proxy, insecure] = self._make(proxy, insecure=insecure)
            return self._pools[proxy, insecure]

    def _make(self, proxy: str, *, insecure: bool) -> PoolManager:
        if insecure:  # The user said so, by pip's trusted-host; urllib3 would repeat its warning at each request.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        bundle = self._settings.certificates
        trust = {"ca_cert_dir": bundle} if bundle.endswith("/") else {"ca_certs": bundle or None}
        options = {
            "num_pools": 8,
            "maxsize": 8,
            "cert_reqs": "CERT_NONE" if insecure else "CERT_REQUIRED",
            "cert_file": self._settings.client_certificate or None,
            **trust,
        }
        if not proxy:
            return urllib3.PoolManager(**options)  # type: ignore[arg-type]
        headers = urllib3.make_headers(proxy_basic_auth=credentials_of(proxy) or None)
        return urllib3.ProxyManager(without_credentials(proxy), proxy_headers=headers, **options)  # type: ignore[arg-type]


def proxy_for(settings: Settings, scheme: str, host: str) -> str:
    """The proxy to reach `host` through, or ''."""
    for pattern in settings.no_proxy:
        suffix = pattern.lstrip(".").lower()
        if pattern == "*" or host.lower() == suffix or host.lower().endswith(f".{suffix}"):
            return ""
    proxy = settings.proxies.get(scheme) or settings.proxies.get("all", "")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _read_netrc(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    try:
        hosts = netrc.netrc(str(path)).hosts
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        raise FetchError(
            f"{path} cannot be read as a netrc file", hint="correct it, or point NETRC elsewhere"
        ) from None
    return {host: f"{user}:{password or ''}" for host, (user, _, password) in hosts.items() if host != "default"}
