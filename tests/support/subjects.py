"""Subjects of slimming, made from texts: what a tree would hold, without a disk."""

from __future__ import annotations

import io
import posixpath
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.elf import file as elf_file
from slimtorch.findings import Location
from slimtorch.image.tree import Kind
from slimtorch.inventory.code.model import Code, Form, Import, Reference, Role
from slimtorch.inventory.files import Files, Node
from slimtorch.project.model import Profile, Slim
from slimtorch.slim.model import Drop, Note, Policy, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slimtorch.slim.model import Edit

Packages = dict[str, dict[str, str | bytes]]
"""Distributions by name: the content of their files by the path below site-packages."""
SITE = "opt/venv/lib/python3.11/site-packages"


def make_subject(
    packages: Mapping[str, Mapping[str, str | bytes]] | Mapping[str, Mapping[str, str]],
    *,
    requires: Mapping[str, tuple[str, ...]] | None = None,
    others: Mapping[str, str | bytes] | None = None,
    code: Code | None = None,
    compiles: frozenset[str] | None = frozenset(),
) -> Subject:
    """The subject with these distributions: each with its files (names below site-packages) and what it requires.

    `others` are files that nobody lists, by their whole path.
    """
    nodes: dict[str, Node] = {}
    owners: dict[str, str] = {}
    for name, files in packages.items():
        asks = "".join(f"Requires-Dist: {one}\n" for one in (requires or {}).get(name, ()))
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{asks}\nAbout.\n"
        for path, data in {**files, f"{name}-1.dist-info/METADATA": metadata}.items():
            nodes[f"{SITE}/{path}"] = node(data)
            owners[f"{SITE}/{path}"] = f"wheel:{name}==1"
    nodes |= {path: node(data) for path, data in (others or {}).items()}
    for path in list(nodes):
        while path := posixpath.dirname(path):
            nodes.setdefault(path, Node(Kind.DIRECTORY, 0o755))
    binaries = {}
    for path, one in nodes.items():
        if one.open and (facts := elf_file.facts(one.open())):
            binaries[path] = facts
    return Subject(Files(nodes), (SITE,), owners, binaries, code, compiles)


def node(data: str | bytes) -> Node:
    """A file with this content."""
    content = data.encode() if isinstance(data, str) else data
    return Node(Kind.FILE, 0o644, len(content), open=partial(io.BytesIO, content))


def make_code(*used: str, imports: tuple[str, ...] = ()) -> Code:
    """A service that refers to the names `used` and imports these modules."""
    at = Location("serve.py", 1)
    return Code(
        1,
        tuple(Import(module, (), at, Form.PLAIN, Role.SERVICE) for module in imports),
        tuple(Reference(name, at, Role.SERVICE, ()) for name in used),
        (),
        frozenset(),
    )


def policy(
    profile: Profile = Profile.SAFE, *, keep: Mapping[str, str] | None = None, drop: Mapping[str, str] | None = None
) -> Policy:
    """The policy with this profile and the user's patterns."""
    return Policy(Slim(profile=profile, keep=keep or {}, drop=drop or {}))


def gone(proposed: Iterable[Edit | Note]) -> set[str]:
    """The names of the files that go, relative to site-packages where they are in it."""
    return {one.path.removeprefix(f"{SITE}/") for one in proposed if isinstance(one, Drop)}


def notes(proposed: Iterable[Edit | Note]) -> list[str]:
    """What is remarked."""
    return [one.text for one in proposed if isinstance(one, Note)]
