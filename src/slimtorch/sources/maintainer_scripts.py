"""What a package's maintainer scripts would have made. They never run: the known ones are replayed from a table.

Only ``preinst`` and ``postinst`` act on a fresh tree (Debian Policy 6). A script that holds nothing but snippets that
debhelper generates is recognised; a package with any other script has to be in ``tables/maintainer_scripts.json``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slimtorch import tables
from slimtorch.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCRIPTS = ("preinst", "postinst")
_WORDS = r"[\w./:~+=@,\\ '-]*"
_HARMLESS = re.compile(
    "|".join(
        (
            r"#.*",
            r"set -[eu]+|exit 0|:|true|then|else|fi",
            # Acts on upgrades from older versions only.
            rf'dpkg-maintscript-helper (rm_conffile|mv_conffile|symlink_to_dir|dir_to_symlink) {_WORDS} -- "\$@"',
            r'if (\[ "\$1" = "?(configure|abort-upgrade|abort-deconfigure|abort-remove)"? \]( \|\| )?)+ ?; then',
            r'if \[ "\$1" != "?upgrade"? \]; then',
            # Bytecode is made by us.
            r"if (command -v|which) (py3compile|pypy3compile) >/dev/null 2>&1; then",
            rf"(py3compile|pypy3compile) -p {_WORDS}( \|\| true)?",
            # Services: a container has no init system.
            r'if \[ -z "\$\{?DPKG_ROOT(:-)?\}?" \] ?; then',
            r'if \[ -d /run/systemd/system \]; then|if \[ -n "\$2" \]; then',
            rf"(if )?deb-systemd-helper {_WORDS}( >/dev/null \|\| true)? ?(; then)?",
            r"systemctl (--system|--user) daemon-reload >/dev/null \|\| true|_dh_action=\w+",
            rf"deb-systemd-invoke (--user )?\$_dh_action {_WORDS} >/dev/null \|\| true",
            r'if \[ -x "/etc/init\.d/[\w.-]+" \]; then|update-rc\.d [\w.-]+ defaults( \S+)* >/dev/null( \|\| exit 1)?',
            r"invoke-rc\.d (--skip-systemd-native )?[\w.-]+ (\$_dh_action|start|restart) \|\| exit 1",
        )
    )
)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A link that several packages may want; the highest `priority` gets it. Paths are relative to the root."""

    link: str
    target: str
    priority: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What to make in the place of scripts: see the table for the fields."""

    alternatives: tuple[Alternative, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    certificates: bool = False


def replay_of(package: str, scripts: Mapping[str, str]) -> Replay:
    """What to make in the place of `scripts` (name → text) of the package.

    Raises:
        ArchiveError: nobody has yet looked at what these scripts do.
    """
    present = {name: text for name in SCRIPTS if (text := scripts.get(name))}
    row: dict[str, Any] | None = tables.load("maintainer_scripts")["packages"].get(package)
    if row is None:
        if unknown := [name for name, text in present.items() if not is_harmless(text)]:
            raise ArchiveError(
                f"the Debian package {package} has a {unknown[0]} script that slimtorch does not know how to replay",
                hint=f"leave {package} out of [os] packages, or build on a base that has it: [os] base",
            )
        row = {"alternatives": True}
    return _replay(row, present)


def is_harmless(script: str) -> bool:
    """Whether the script holds nothing but known snippets and literal alternatives."""
    for line in _lines(script):
        if line.startswith("update-alternatives ") and _is_literal(line):
            continue
        if not _HARMLESS.fullmatch(line):
            return False
    return True


def alternatives_in(script: str) -> Iterator[Alternative]:
    """The alternatives that a script installs by literal paths; slaves have their master's priority."""
    for line in _lines(script):
        if not (line.startswith("update-alternatives ") and _is_literal(line)):
            continue
        words = shlex.split(line.removesuffix("|| true"), comments=True)
        if "--install" not in words:
            continue
        at = words.index("--install")
        link, _, target, priority = words[at + 1 : at + 5]
        yield Alternative(link.strip("/"), target.strip("/"), int(priority))
        for slave in (index for index, word in enumerate(words) if word == "--slave"):
            yield Alternative(words[slave + 1].strip("/"), words[slave + 3].strip("/"), int(priority))


def _replay(row: Mapping[str, Any], scripts: Mapping[str, str]) -> Replay:
    named = row.get("alternatives", [])
    if named is True:
        alternatives = tuple(found for text in scripts.values() for found in alternatives_in(text))
    else:
        alternatives = tuple(Alternative(*one) for one in named)
    return Replay(
        alternatives,
        row.get("links", {}),
        row.get("copies", {}),
        row.get("files", {}),
        bool(row.get("certificates", False)),
    )


def _lines(script: str) -> Iterator[str]:
    body = script.partition("\n")[2] if script.startswith("#!") else script
    for line in body.replace("\\\n", " ").splitlines():
        if text := re.sub(r"\s+", " ", line).strip():
            yield text


_LITERAL = re.compile(
    r"update-alternatives( --quiet)? --install /\S+ \S+ /\S+ \d+( --slave /\S+ \S+ /\S+)*( \|\| true)?( ?#.*)?"
    r"|update-alternatives( --quiet)? --remove \S+ /\S+"
)


def _is_literal(line: str) -> bool:
    return bool(_LITERAL.fullmatch(line)) and not re.search(r"[$`;&<>]", line.partition("#")[0])
