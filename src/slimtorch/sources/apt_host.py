"""What this machine's apt is set up for: mirrors, proxies and certificates. Nothing else of it is ever used.

Formats: sources.list(5), one-line and deb822; apt.conf(5) as ``apt-config dump`` prints it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import MachineError
from slimtorch.sources import deb822

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.host.process import Run

_DUMP_LINE = re.compile(r'^([^\s"]+) "(.*)";$')
_PASSED_ON = re.compile(r"Acquire::https?::(Proxy(::.+)?|CAInfo)", re.IGNORECASE)
_ONE_LINE = re.compile(r"^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)(.*)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One archive that the host reads: an address and a suite, with the components taken from it.

    `keyring` is what its ``Signed-By`` says: a file, fingerprints or a whole key; '' where it says nothing.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    keyring: str = ""


@dataclass(frozen=True, slots=True)
class HostApt:
    """The archives of the host, and the proxy and certificate settings, by their apt.conf names."""

    sources: tuple[Source, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def read(run: Run, root: Path = Path("/")) -> HostApt:
    """What apt on this machine is configured for; files are looked up below `root`.

    Raises:
        MachineError: there is no apt.
    """
    try:
        dump = run(["apt-config", "dump"]).check().text
    except MachineError:
        raise MachineError(
            "apt is not installed on this machine, so Debian packages cannot be had",
            hint='name a base image in the project: [os] base = "oci:…", "archive:…" or "dir:…"',
        ) from None
    settings = parse_settings(dump)
    return HostApt(
        tuple(_sources(_source_files(settings, root))),
        {name: value for name, value in settings.items() if value and '"' not in value and _PASSED_ON.fullmatch(name)},
    )


def parse_settings(dump: str) -> dict[str, str]:
    """Names and values of ``apt-config dump``; of a list, the last value."""
    found = (_DUMP_LINE.match(line) for line in dump.splitlines())
    return {match[1]: match[2] for match in found if match}


def parse_list(text: str) -> Iterator[Source]:
    """The binary archives of a one-line ``.list`` file. Lines that say nothing to us are passed over, as apt does."""
    for line in text.splitlines():
        if match := _ONE_LINE.match(line.partition("#")[0].strip()):
            options = dict(option.partition("=")[::2] for option in (match[1] or "").split())
            yield Source(match[2], match[3], tuple(match[4].split()), options.get("signed-by", ""))


def parse_sources(text: str) -> Iterator[Source]:
    """The binary archives of a deb822 ``.sources`` file that are enabled."""
    for stanza in deb822.stanzas(text):
        if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() in {"no", "false", "0"}:
            continue
        components = tuple(stanza.get("components", "").split())
        for uri in stanza.get("uris", "").split():
            for suite in stanza.get("suites", "").split():
                yield Source(uri, suite, components, stanza.get("signed-by", ""))


def _source_files(settings: Mapping[str, str], root: Path) -> list[Path]:
    base = Path(settings.get("Dir", "/")) / settings.get("Dir::Etc", "etc/apt")
    single = base / settings.get("Dir::Etc::sourcelist", "sources.list")
    parts = root / (base / settings.get("Dir::Etc::sourceparts", "sources.list.d")).relative_to("/")
    found = [root / single.relative_to("/")]
    if parts.is_dir():
        found += sorted(path for path in parts.iterdir() if path.suffix in {".list", ".sources"})
    return [path for path in found if path.is_file()]


def _sources(files: Iterable[Path]) -> Iterator[Source]:
    for path in files:
        try:
            text = path.read_text(errors="replace")
        except PermissionError:  # a root-only list: not for us
            continue
        yield from parse_sources(text) if path.suffix == ".sources" else parse_list(text)
