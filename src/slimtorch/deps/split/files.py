"""Requirements files that are split together, with what they include."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.deps.split import requirements
from slimtorch.deps.split.model import Include, Names, Place, Split
from slimtorch.errors import ConfigError, UsageError
from slimtorch.project.declared.conflicts import pins
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.requirements_text import Kind, walk
from slimtorch.project.requirements_text.includes import included

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from slimtorch.deps.split.model import Decisions
    from slimtorch.project.requirements_text import File, Line


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the two files are called; '' for the source's name with ``-prod`` and ``-dev``."""

    prod: str = ""
    dev: str = ""

    def of(self, source: Path) -> tuple[str, str]:
        """The names for a source; both files stand beside it, so that paths in them stay true.

        Raises:
            UsageError: a name is a path, or both are the same.
        """
        names = tuple(
            given or f"{source.stem}-{kind}{source.suffix}" for given, kind in ((self.prod, "prod"), (self.dev, "dev"))
        )
        for name in names:
            if Path(name).name != name:
                hint = (
                    "give a name without a folder: both files stand beside the source, so that paths in them stay true"
                )
                raise UsageError(f"{name!r} is not the name of a file", hint=hint)
        if names[0] == names[1]:
            raise UsageError(f"{names[0]} would be written twice", hint="give two names to --prod-file and --dev-file")
        if source.name in names:
            hint = "the source stays as it is, so that a later split finds all of it; rename it first"
            raise UsageError(f"{source.name} is what is split and cannot be written", hint=hint)
        return names[0], names[1]


@dataclass(frozen=True, slots=True)
class Tree:
    """The files that were given, and by resolved path all that were read for them."""

    given: tuple[File, ...]
    known: Mapping[Path, File]

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical names of all requirements in them."""
        return tuple(dict.fromkeys(line.name for file in self.known.values() for line in _installs(file) if line.name))


@dataclass(frozen=True, slots=True)
class Planned:
    """A file of the given ones, the names around it and what it becomes. `aside`: nothing in it is production's."""

    file: File
    names: Names
    split: Split
    aside: bool
    notes: tuple[str, ...] = ()


def read(paths: Sequence[Path]) -> Tree:
    """The files and all that they include with ``-r``.

    Raises:
        ConfigError: one cannot be read, holds a line that is no requirement (file and line), includes itself, or pins
            another version than the others.
    """
    met, faults = walk(paths)
    problems = [
        f"{f'{fault.named_in}:{fault.line}: ' if fault.named_in else ''}{fault.path} {fault.what}" for fault in faults
    ]
    problems += [
        f"{file.path}:{line.number}: {line.problem}" for file in met for line in file.document.lines if line.problem
    ]
    problems += [wrong.line for wrong in pins(((file, PRODUCTION) for file in met if not file.constraint), Path())]
    if problems:
        hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
        raise ConfigError(str(paths[0]), problems, hint="\n".join(hints))
    known = {file.path.resolve(): file for file in met if not file.constraint}
    tree = Tree(tuple(known[path.resolve()] for path in paths), known)
    for file in tree.given:
        if not any(line.kind in requirements.NAMED or line.kind is Kind.INCLUDE for line in file.document.lines):
            raise ConfigError(
                str(file.path), ["holds no requirements"], hint="name the file that the packages stand in"
            )
    return tree


def planned(tree: Tree, decisions: Decisions, outputs: Outputs, again: frozenset[Path]) -> tuple[Planned, ...]:
    """What each given file becomes. `again` are the resolved paths of those whose files an earlier split wrote.

    An included file that was not given stays as it is: its ``-r`` line goes to development where nothing in it is
    production's. One that was given is included by half.
    """
    return tuple(_planned(tree, file, decisions, outputs, again=file.path.resolve() in again) for file in tree.given)


def places(tree: Tree, path: Path, decisions: Decisions) -> frozenset[Place]:
    """Where the requirements of a file go, those that it includes among them."""
    found: set[Place] = set()
    seen, waiting = set(), [path.resolve()]
    while waiting:
        file = tree.known.get(key := waiting.pop())
        if file is None or key in seen:
            continue
        seen.add(key)
        found |= {requirements.decision_of(line, decisions).to for line in _installs(file)}
        waiting += [(file.path.parent / name).resolve() for name in _included(file)]
        if any(line.kind is Kind.INCLUDE and not included(line) for line in file.document.lines):
            found.add(Place.PROD)  # an address: nobody looked
    return frozenset(found)


def _planned(tree: Tree, file: File, decisions: Decisions, outputs: Outputs, *, again: bool) -> Planned:
    prod, dev = outputs.of(file.path)
    includes: dict[str, Include] = {}
    notes = []
    given = {one.path.resolve() for one in tree.given}
    for name in _included(file):
        target = file.path.parent / name
        found = places(tree, target, decisions)
        leaves, stays = bool(found & requirements.ASIDE), Place.PROD in found
        if leaves and stays and target.resolve() in given:
            halves = [str(Path(name).parent / half) for half in outputs.of(target)]
            includes[name] = Include(*halves)
        elif leaves and not stays:
            includes[name] = Include("", name)
        elif leaves:
            notes.append(
                f"{target} holds requirements of development too and stays as it is; give it as well to split it"
            )
    names = Names(file.path.name, prod, dev, includes, again)
    aside = Place.PROD not in places(tree, file.path, decisions)
    return Planned(file, names, requirements.plan(file.document, decisions, names), aside, tuple(notes))


def _installs(file: File) -> Iterator[Line]:
    return (line for line in file.document.lines if line.kind in requirements.NAMED)


def _included(file: File) -> Iterable[str]:
    return (name for line in file.document.lines if line.kind is Kind.INCLUDE and (name := included(line)))
