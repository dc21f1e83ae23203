"""Records distributions.json from the real wheels of the configured indexes: ``python -m tests.corpus.record``.

The newest version of everything that a case declares or names, and of all that these need, each on its own: the facts
are of many projects and never installed together. Wheels are read in parts.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slimtorch.build.fetching import tools
from slimtorch.errors import ResolveError
from slimtorch.flows.deps import evidence as deps_evidence
from slimtorch.host.cache import Cache
from slimtorch.host.machine import Machine, cache_root
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.inventory.needs import environment
from slimtorch.project.lock import LockedWheel
from slimtorch.project.model import Requirements
from slimtorch.sources import distributions, downloads, indexes, selection, uv
from slimtorch.sources.request import Request, Resolution
from slimtorch.sources.target import Target
from tests.corpus import cases

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from slimtorch.inventory.distributions import Distribution
    from slimtorch.sources.request import Tools
    from slimtorch.sources.selection import Pick

PYTHON = "3.11"
_SOURCE_ONLY = re.compile(r"^(\S+) exists only as source|versions of (\S+) have no usable wheels")
_ALONE = uv.Question(options=("--no-deps",))


@dataclass(frozen=True, slots=True)
class Recorder:
    """Where to look, and this machine."""

    asked: Request
    machine: Machine

    def read(self, names: Collection[str]) -> Mapping[str, Distribution]:
        """The newest version of each name that has a wheel; the others are said on stderr."""
        wanted = set(names)
        while wanted:
            try:
                return self._read(sorted(wanted))
            except ResolveError as error:
                match = _SOURCE_ONLY.search(error.message)
                name = canonicalize_name(next(filter(None, match.groups()))) if match else ""
                if name not in wanted:
                    raise
                print(f"{name} has no wheel", file=sys.stderr)
                wanted.remove(name)
        return {}

    def _read(self, names: list[str]) -> Mapping[str, Distribution]:
        asked = replace(self.asked, requirements=Requirements(inline=tuple(names), origin="the corpus"))
        ready = tools(asked.indexes, self.machine)
        answer = uv.compile_pylock(asked, ready, _ALONE)
        picks = selection.select(selection.parse(answer.text, "pylock.toml"), asked.target, answer.base, "the corpus")
        wheels = tuple(
            LockedWheel(
                name=pick.name,
                version=pick.version,
                filename=pick.filename,
                sha256=pick.sha256,
                size=_size(pick, ready),
                index=indexes.DEFAULT,
            )
            for pick in picks
        )
        downloads.remember(Resolution(wheels, (), {str(pick.sha256): pick.url for pick in picks}), self.machine.cache)
        return distributions.of(wheels, asked, ready, self.machine.cache, self.machine.progress)


def _size(pick: Pick, ready: Tools) -> int:
    if pick.path is not None:
        return pick.path.stat().st_size
    return pick.size if pick.size is not None else ready.fetch.look(pick.url).size or 0


def recorder() -> Recorder:
    """A recorder for this machine's indexes; folders of wheels beside them hold builds of this machine only."""
    home = Path.home()
    machine = Machine(run, Cache(cache_root(os.environ, home)), Silent(), os.environ, home)
    configured = indexes.configured(os.environ, home)
    sources = tuple(source for source in configured.sources if not source.links)
    target = Target(PYTHON)
    return Recorder(Request(Requirements(), target, replace(configured, sources=sources), Path.cwd()), machine)


def everything(reader: Recorder) -> dict[str, Distribution]:
    """What all cases need."""
    found: dict[str, Distribution] = {}
    waiting, done = set(_wanted()), set[tuple[str, str]]()
    while waiting:
        found |= reader.read({name for name, _ in waiting} - found.keys() - {name for name, _ in done})
        done |= waiting
        waiting = {need for name, extra in waiting if name in found for need in _needs(found[name], extra)} - done
    return found


def _wanted() -> Iterator[tuple[str, str]]:
    """Names and extras that the cases declare, or give as answers."""
    unknown = {"clip", "segment-anything", "en-core-web-sm", "shared", "textkit"}
    for case in cases.every():
        for item in deps_evidence.opened(case.root).declarations.items:
            if item.name not in unknown and "win32'" not in item.marker.replace('"', "'").replace("!=", ""):
                yield from ((item.name, extra) for extra in ("", *item.extras))
        yield from ((name, "") for name in case.undeclared)


def _needs(distribution: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    markers = environment(PYTHON)
    for line in distribution.requires:
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({**markers, "extra": given}) for given in {"", extra}):
            yield from ((canonicalize_name(one.name), given) for given in ("", *one.extras))


def plain(distribution: Distribution) -> dict[str, Any]:
    """The distribution as it stands in distributions.json."""
    return {
        "version": distribution.version,
        "modules": sorted(distribution.modules),
        "namespaces": sorted(distribution.namespaces),
        "requires": list(distribution.requires),
        "extras": list(distribution.extras),
        "entry_points": sorted([point.group, point.name, point.value] for point in distribution.entry_points),
        "packed": distribution.packed,
        "unpacked": distribution.unpacked,
    }


def main() -> None:
    """Record."""
    found = everything(recorder())
    rows = (f"{json.dumps(name)}: {json.dumps(plain(found[name]), separators=(',', ':'))}" for name in sorted(found))
    cases.FACTS.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    print(f"{len(found)} distributions, {cases.FACTS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
