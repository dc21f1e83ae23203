"""Where Python packages come from: pip's and uv's configuration, the project's own indexes, and this run's.

A mirror set up for pip just works: uv does not read pip's configuration, so it is translated. Addresses stay on this
machine; what leaves it is a source's *name*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from slimtorch.host.connections import Settings, credentials_of, origin, without_credentials
from slimtorch.sources import pip_config, uv_config
from slimtorch.sources import requirements as requirement_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slimtorch.project.model import Requirements, Sources

DEFAULT = "default"
TORCH = "pytorch-"
"""How the names of the indexes start that uv's own `--torch-backend` reads; the backend follows."""
TORCH_CPU = f"{TORCH}cpu"
_TORCH_PAGE = re.compile(r"/whl/(cpu|cu\d+)$")
_REPLACED = (
    "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_OFFLINE", "UV_NO_INDEX",
    "UV_INSECURE_HOST", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_NO_BINARY", "UV_CUSTOM_COMPILE_COMMAND", "UV_WORKING_DIR",
    "UV_NO_BUILD", "UV_CONSTRAINT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One place that packages come from. `url` may hold credentials: it is for uv and never for a message.

    The default source's `url` is '' where nothing names one: uv then reads the public index, or its own configuration.
    """

    name: str
    url: str = field(repr=False)
    links: bool = False
    """Whether this is a find-links folder or page rather than an index with one page a project."""
    from_uv: bool = False
    """Whether it stands in uv's own configuration, which uv reads by itself."""
    explicit: bool = False
    """Whether only packages come from it that are pinned to it."""

    @property
    def folder(self) -> Path | None:
        """The source as a folder of this machine, or None."""
        parts = urlsplit(self.url)
        if parts.scheme in {"", "file"} and self.url:
            return Path(unquote(parts.path) if parts.scheme else self.url)
        return None


@dataclass(frozen=True, slots=True)
class Overrides:
    """What one run asks for on top: ``--index-url``, ``--extra-index-url``, ``--find-links``, ``--offline``."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Indexes:
    """Every source in order, and how to reach them."""

    sources: tuple[Source, ...]
    no_index: bool = False
    constraints: tuple[str, ...] = ()
    vendor: Path | None = None
    settings: Settings = field(default_factory=Settings)
    """For `slimtorch.host.fetch`: certificates, proxies and each source's credentials."""

    @property
    def searched(self) -> tuple[Source, ...]:
        """The sources that are really read."""
        return tuple(source for source in self.sources if not source.explicit and (source.links or not self.no_index))


def configured(
    environ: Mapping[str, str],
    home: Path,
    *,
    sources: Sources | None = None,
    requirements: Requirements | None = None,
    overrides: Overrides | None = None,
    root: Path | None = None,
) -> Indexes:
    """What this machine, the project and this run say together, the nearest to the user first.

    `root` is the folder that uv runs in: its own configuration for the project is looked up from there. A default
    index of uv's configuration wins over pip's.

    Raises:
        ConfigError: a configuration file of pip or uv, or a requirements file, cannot be read.
    """
    pip = pip_config.settings(environ, home)
    given = requirement_files.read(requirements.files if requirements else ())
    asked = overrides or Overrides()
    default = asked.index_url or given.index or _uv_default(environ)
    own = [one for one in uv_config.sources(environ, home, root) if not (default and one.default)]
    named = [Source(index.name, index.url) for index in (sources.indexes if sources else ())]
    extras = [*asked.extra_index_urls, *given.extra]
    links = [*asked.find_links, *given.links, *_uv_links(environ), *pip.get("find-links", "").split()]
    found = [
        *_numbered("find-links", map(_path_or_url, links), links=True),
        *named,
        *_uv_named(environ),
        *_numbered("extra", [*extras, *_uv_extras(environ), *pip.get("extra-index-url", "").split()]),
        *_from_uv(own),
    ]
    if not any(one.default for one in own):
        found.append(Source(DEFAULT, default or pip.get("index-url", "").strip()))
    if sources and sources.vendor:
        found.insert(0, Source("vendor", str(sources.vendor), links=True))
    offline = asked.offline or _true(environ.get("UV_OFFLINE", ""))
    unique = tuple({(source.url, source.links): source for source in reversed(found)}.values())[::-1]
    return Indexes(
        sources=unique,
        no_index=_true(pip.get("no-index", "")) or _true(environ.get("UV_NO_INDEX", "")),
        constraints=tuple(pip.get("constraint", "").split()) + tuple(environ.get("UV_CONSTRAINT", "").split()),
        vendor=sources.vendor if sources else None,
        settings=replace(_settings(environ, home, pip), credentials=_credentials(unique), offline=offline),
    )


def uv_environment(indexes: Indexes, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that makes uv read exactly these sources, quietly, and leave interpreters alone."""
    result = {name: value for name, value in environ.items() if name not in _REPLACED and not name.startswith("PIP_")}
    ours = [source for source in indexes.sources if not source.from_uv]
    links = [source.url for source in ours if source.links]
    extras = [source.url for source in ours if not source.links and source.name != DEFAULT]
    default = next((source.url for source in ours if source.name == DEFAULT), "")
    settings = indexes.settings
    wanted = {
        "UV_FIND_LINKS": ",".join(links),
        "UV_INDEX": " ".join(extras),
        "UV_DEFAULT_INDEX": default,
        "UV_OFFLINE": "1" if settings.offline else "",
        "UV_INSECURE_HOST": " ".join(settings.insecure_hosts),
        "SSL_CERT_DIR" if settings.certificates.endswith("/") else "SSL_CERT_FILE": settings.certificates,
        "SSL_CLIENT_CERT": settings.client_certificate,
        "HTTP_PROXY": settings.proxies.get("http", ""),
        "HTTPS_PROXY": settings.proxies.get("https", ""),
        "ALL_PROXY": settings.proxies.get("all", ""),
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
    }
    result.update({name: value for name, value in wanted.items() if value})
    # pip compares the candidates of all indexes; uv would stop at the first index that knows the name.
    result.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return result


def name_of(indexes: Indexes, url: str) -> str:
    """The name of the source that a file's address belongs to: the one that shares the longest start with it.

    An index may serve its files from another host, as the public one does; those belong to the default source.
    """
    best, length = DEFAULT, 0
    for source in indexes.searched:
        shared = _shared(source, url)
        if shared > length:
            best, length = source.name, shared
    return best


def by_page(indexes: Indexes, page: str) -> str:
    """The name of the source whose own address is `page`, as uv prints it (without credentials); else the default."""
    wanted = _plain(page)
    for source in indexes.sources:
        if source.url and _plain(source.url) == wanted:
            return source.name
    backend = _TORCH_PAGE.search(wanted)
    return f"{TORCH}{backend[1]}" if backend else DEFAULT


def _shared(source: Source, url: str) -> int:
    """How many leading path segments (counting the host) both have; 0 for another host."""
    if not source.url:
        return 0
    place = source.folder.as_uri() if source.folder and source.folder.is_absolute() else source.url
    if origin(place) != origin(url):
        return 0
    pairs = zip(urlsplit(place).path.strip("/").split("/"), urlsplit(url).path.strip("/").split("/"), strict=False)
    count = 0 if source.folder else 1
    for ours, theirs in pairs:
        if ours != theirs:
            break
        count += 1
    return count


def _plain(url: str) -> str:
    return without_credentials(url).removeprefix("file://").rstrip("/").lower()


def _numbered(name: str, urls: Iterable[str], *, links: bool = False) -> list[Source]:
    return [Source(f"{name}-{number}", url, links) for number, url in enumerate(dict.fromkeys(urls), 1)]


def _from_uv(own: Iterable[uv_config.Named]) -> list[Source]:
    """The sources of uv's configuration, the default one last."""
    found = []
    for number, one in enumerate(sorted(own, key=lambda one: one.default), 1):
        name = one.name or (DEFAULT if one.default else f"uv-{number}")
        found.append(Source(name, one.url, one.links, from_uv=True, explicit=one.explicit))
    return found


def _path_or_url(value: str) -> str:
    """Folders are made absolute: uv runs in the project's folder."""
    if urlsplit(value).scheme:
        return value
    return str(Path(value).expanduser().absolute())


def _uv_default(environ: Mapping[str, str]) -> str:
    value = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or ""
    return value.partition("=")[2] if _has_name(value) else value


def _uv_named(environ: Mapping[str, str]) -> list[Source]:
    pairs = (value.partition("=") for value in environ.get("UV_INDEX", "").split() if _has_name(value))
    return [Source(name, url) for name, _, url in pairs]


def _uv_extras(environ: Mapping[str, str]) -> list[str]:
    unnamed = [value for value in environ.get("UV_INDEX", "").split() if not _has_name(value)]
    return unnamed + environ.get("UV_EXTRA_INDEX_URL", "").split()


def _has_name(value: str) -> bool:
    name, equals, _ = value.partition("=")
    return bool(equals) and all(character.isalnum() or character in "-_." for character in name)


def _uv_links(environ: Mapping[str, str]) -> list[str]:
    return [value for value in environ.get("UV_FIND_LINKS", "").split(",") if value]


def _true(value: str) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "on", "y", "t"}


def _credentials(sources: Iterable[Source]) -> dict[str, str]:
    return {origin(source.url): found for source in sources if (found := credentials_of(source.url))}


def _settings(environ: Mapping[str, str], home: Path, pip: Mapping[str, str]) -> Settings:
    """What pip itself is told wins over the common variables, as they do in pip."""
    certificates = pip.get("cert") or environ.get("SSL_CERT_FILE") or environ.get("REQUESTS_CA_BUNDLE") or ""
    if certificates and Path(certificates).is_dir():
        certificates = certificates.rstrip("/") + "/"
    proxies = {
        scheme: value
        for scheme in ("http", "https", "all")
        if (value := environ.get(f"{scheme}_proxy") or environ.get(f"{scheme}_proxy".upper()))
    }
    if proxy := pip.get("proxy"):
        proxies = {"http": proxy, "https": proxy}
    exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = [*pip.get("trusted-host", "").split(), *environ.get("UV_INSECURE_HOST", "").split()]
    return Settings(
        proxies=proxies,
        no_proxy=tuple(host.strip() for host in exempt.split(",") if host.strip()),
        certificates=certificates,
        client_certificate=pip.get("client-cert") or environ.get("SSL_CLIENT_CERT") or "",
        insecure_hosts=tuple(hosts),
        netrc=Path(environ.get("NETRC") or home / ".netrc"),
    )
