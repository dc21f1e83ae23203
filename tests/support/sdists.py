"""Real source distributions, pinned: fetched, verified, unpacked without running anything, and judged."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tomllib
from dataclasses import dataclass, field, replace
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slimtorch.build.fetching import tools
from slimtorch.deps.model import Verdict
from slimtorch.flows.deps import check as deps
from slimtorch.host.cache import Cache
from slimtorch.host.machine import Machine, cache_root
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.inventory.needs import environment
from slimtorch.project.model import Requirements
from slimtorch.sources import indexes, selection, uv
from slimtorch.sources.request import Request
from slimtorch.sources.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.pylock import PackageSdist

    from slimtorch.sources.indexes import Indexes
    from slimtorch.sources.request import Tools

PINS = Path(__file__).parent / "sdists.toml"
LARGEST, LARGEST_FILE, MOST_FILES = 5_000_000, 20_000_000, 5_000
"""Bytes of an archive and of a file in it, and the number of files, that are unpacked at most."""
PYTHON = "3.11"
_UNNEEDED = (Verdict.UNUSED, Verdict.DEVELOPMENT, Verdict.TESTS)
_ABSENT = (Verdict.UNDECLARED, Verdict.MISSING)


@dataclass(frozen=True, slots=True)
class Pin:
    """One source distribution. `unneeded` is what is rightly called superfluous in it, each with the reason."""

    name: str
    version: str
    sha256: str
    unneeded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of one: of its `declared` requirements, those `unneeded`; what is `imported` beside them.

    What an extra declares is optional by the maintainers' own word, and left out.
    """

    pin: Pin
    declared: frozenset[str]
    unneeded: Mapping[str, str]
    imported: Mapping[str, str]


def pins() -> tuple[Pin, ...]:
    """All of them."""
    return tuple(Pin(name, **row) for name, row in tomllib.loads(PINS.read_text(encoding="utf-8")).items())


def machine() -> Machine:
    """This machine, with the cache that it has."""
    home = Path.home()
    return Machine(run, Cache(cache_root(os.environ, home)), Silent(), os.environ, home)


def fetched(pin: Pin, here: Machine) -> bytes:
    """The archive, verified.

    Raises:
        ResolveError, FetchError: the configured indexes do not hold it.
    """
    asked = Request(
        Requirements(inline=(f"{pin.name}=={pin.version}",), origin=pin.name),
        Target(PYTHON),
        _public(indexes.configured(here.environ, here.home)),
        Path.cwd(),
    )
    ready = tools(asked.indexes, here)
    answer = uv.compile_pylock(asked, ready, uv.Question(pages_only=True))
    (package,) = selection.parse(answer.text, pin.name).packages
    assert package.sdist is not None, f"{pin.name} {pin.version} has no source distribution"
    data = _bytes(package.sdist, answer.base, ready)
    assert hashlib.sha256(data).hexdigest() == pin.sha256, f"{pin.name} {pin.version} is another file"
    return data


def _public(configured: Indexes) -> Indexes:
    """The default index alone: others beside it may hold the same version without its source."""
    return replace(configured, sources=tuple(one for one in configured.sources if one.name == indexes.DEFAULT))


def _bytes(sdist: PackageSdist, base: Path, ready: Tools) -> bytes:
    address = sdist.url or (base / (sdist.path or "")).resolve().as_uri()
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).read_bytes()
    sink = io.BytesIO()
    ready.fetch.download(address, sink, limit=LARGEST)
    return sink.getvalue()


def unpack(data: bytes, folder: Path) -> Path:
    """The folder of the source tree. Links, devices and whatever would lie elsewhere are left out."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for number, member in enumerate(archive):
            parts = PurePosixPath(member.name).parts
            assert number < MOST_FILES
            assert member.size <= LARGEST_FILE
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is None or not parts or parts[0] == "/" or ".." in parts:
                continue
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(stream.read())
    (root,) = (path for path in folder.iterdir() if path.is_dir())
    return root


def promised(root: Path) -> tuple[frozenset[str], frozenset[str]]:
    """What the distribution's own metadata says it needs here, and what its extras and other platforms need."""
    message = HeaderParser().parsestr((root / "PKG-INFO").read_text(encoding="utf-8"))
    lines = [Requirement(line) for line in message.get_all("Requires-Dist", [])]
    markers = {**environment(PYTHON), "extra": ""}
    needed = [line for line in lines if line.marker is None or line.marker.evaluate(markers)]
    names = frozenset(canonicalize_name(line.name) for line in needed)
    return names, frozenset(canonicalize_name(line.name) for line in lines) - names


def judged(pin: Pin, data: bytes, folder: Path, here: Machine) -> Judged:
    """What slimtorch says of the distribution in the archive `data`, against what its own metadata says."""
    root = unpack(data, folder)
    declared, optional = promised(root)
    checked = deps.check(deps.Request(root), here)
    assert checked.gathered.origin != "names", checked.gathered.notes
    return Judged(
        pin,
        declared,
        {one.name: one.evidence for one in checked.dependencies if one.name in declared and one.verdict in _UNNEEDED},
        {one.name: one.evidence for one in checked.dependencies if one.verdict in _ABSENT and one.name not in optional},
    )
