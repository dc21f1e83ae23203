"""Files → what would be written, what was decided of each line, what has to be said. Nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.deps.model import Verdict
from slimtorch.deps.split import files, poetry, pyproject, sources
from slimtorch.deps.split.decide import decide
from slimtorch.deps.split.diff import NOTHING, unified
from slimtorch.deps.split.files import Outputs
from slimtorch.deps.split.proof import difference
from slimtorch.deps.split.requirements import is_generated
from slimtorch.errors import SlimtorchError, UsageError
from slimtorch.project.config.reader import suggest
from slimtorch.project.declared.halves import is_half
from slimtorch.project.requirements_text import Document, encode, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from slimtorch.deps.model import Dependency
    from slimtorch.deps.split.files import Planned, Tree
    from slimtorch.deps.split.model import Decisions, Move, Place

LOCKS = {"uv.lock": "uv lock", "poetry.lock": "poetry lock", "pdm.lock": "pdm lock"}
_LARGEST = 16_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user decided: places of requirements by canonical name, and the names of the files."""

    places: Mapping[str, Place] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)


@dataclass(frozen=True, slots=True)
class Change:
    """A file that would be written. `before` is what it holds now, None where there is none."""

    path: Path
    before: bytes | None
    after: bytes
    diff: str
    mode: int
    """The permissions of a new file: those of the file that was split."""
    foreign: bool = False
    """Somebody else wrote what stands there."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a split would do. `moves` are the requirements of each file; `changes` is empty where nothing is to do."""

    changes: tuple[Change, ...]
    moves: tuple[tuple[Path, Move], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be split, as it was read."""

    tree: Tree
    tomls: Mapping[Path, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical names of all requirements."""
        of_tomls = (name for path, text in self.tomls.items() for name in pyproject.names(text, str(path)))
        return (*self.tree.names, *of_tomls)


def read(paths: Sequence[Path], wanted: Wanted) -> Given:
    """The files, understood, and the user's decisions, checked: what can be refused before anything is looked up.

    Raises:
        ConfigError: a file cannot be read or understood; every problem with file and line.
        UsageError: the user decided about something that is not there.
    """
    texts = [path for path in paths if path.name != sources.PYPROJECT]
    if len(texts) != 1 and wanted.outputs != Outputs():
        hint = "split one at a time"
        raise UsageError("--prod-file and --dev-file name the files of one requirements file", hint=hint)
    for path in texts:
        wanted.outputs.of(path)
    tomls = {path: sources.toml_text(path) for path in paths if path.name == sources.PYPROJECT}
    given = Given(files.read(texts) if texts else files.Tree((), {}), tomls)
    _check(wanted.places, given.names)
    return given


def propose(given: Given, verdicts: Mapping[str, Dependency], wanted: Wanted) -> Proposal:
    """What splitting the files would write.

    Raises:
        ConfigError: a ``pyproject.toml`` is laid out in a way that only a person can change.
    """
    decisions = decide(given.names, verdicts, wanted.places)
    again = frozenset(one.path.resolve() for one in given.tree.given if _written_before(one.path, wanted.outputs))
    parts = [_of_texts(one) for one in files.planned(given.tree, decisions, wanted.outputs, again)]
    parts += [_of_toml(path, text, decisions) for path, text in given.tomls.items()]
    notes = (*(note for part in parts for note in part.notes), *_said(verdicts.values(), decisions))
    return Proposal(
        tuple(change for part in parts for change in part.changes),
        tuple(move for part in parts for move in part.moves),
        notes,
    )


def _check(places: Mapping[str, Place], names: Iterable[str]) -> None:
    known = list(dict.fromkeys(names))
    for name, place in places.items():
        if name not in known:
            raise UsageError(
                f"--{place} {name}: there is no such requirement" + suggest(name, known),
                hint="give the name of a distribution as the file has it",
            )


def _of_texts(planned: Planned) -> Proposal:
    file, split, names = planned.file, planned.split, planned.names
    moves = tuple((file.path, move) for move in split.moves)
    if is_half(file.document.text):
        return Proposal((), moves, (f"{file.path} was written by a split already",))
    if not split.dev:
        return Proposal((), moves, (*planned.notes, f"nothing in {file.path} is for development only"))
    if planned.aside:
        return Proposal((), moves, (f"everything in {file.path} is for development: there is nothing to split",))
    _prove(difference(file.document, parse(split.prod), parse(split.dev), names), file.path)
    folder, encoding = file.path.parent, file.document.encoding
    changes = (
        _change(folder / names.prod, split.prod, file.path, encoding, (str(file.path), file.document.text)),
        _change(folder / names.dev, split.dev, file.path, encoding, (NOTHING, "")),
    )
    return Proposal(
        tuple(one for one in changes if one.before != one.after), moves, (*planned.notes, *_source(planned))
    )


def _change(path: Path, text: str, like: Path, encoding: str, source: tuple[str, str]) -> Change:
    """One file to write; where there is none yet, the diff is against `source`, by name and text."""
    after = encode(Document(parse(text).lines, encoding))
    before, mode = present(path), _mode(like)
    if before is None:
        return Change(path, None, after, unified(source[1], text, (source[0], str(path))), mode)
    old = before.decode(encoding, "replace")
    return Change(path, before, after, unified(old, text, (str(path), str(path))), mode, foreign=not is_half(old))


def _of_toml(path: Path, text: str, decisions: Decisions) -> Proposal:
    split = pyproject.plan(text, decisions, str(path))
    moves = tuple((path, move) for move in split.moves)
    if split.text == text:
        return Proposal((), moves, (f"nothing in {path} is for development only",))
    check = pyproject if pyproject.has_project(text) else poetry
    _prove(check.difference(text, split.text), path)
    change = Change(
        path, text.encode(), split.text.encode(), unified(text, split.text, (str(path), str(path))), _mode(path)
    )
    stale = [
        f"{name} does not fit any more: run `{run}`" for name, run in LOCKS.items() if (path.parent / name).exists()
    ]
    return Proposal((change,), moves, tuple(stale))


def _prove(wrong: Sequence[str], path: Path) -> None:
    if wrong:
        raise SlimtorchError(
            f"{path} cannot be split without changing what is installed: {', '.join(wrong[:3])}",
            hint="nothing was written; please report this file's layout",
        )


def _source(planned: Planned) -> Iterator[str]:
    if is_generated(planned.file.document):
        yield f"{planned.file.path} is written by a tool; split what it is made from, or its next run undoes this"


def _written_before(path: Path, outputs: Outputs) -> bool:
    prod, dev = outputs.of(path)
    found = (present(path.parent / name) for name in (prod, dev))
    return any(is_half(data.decode("utf-8", "replace")) for data in found if data is not None)


def present(path: Path) -> bytes | None:
    """What a file holds now, None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except FileNotFoundError:
        return None


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _said(dependencies: Iterable[Dependency], decisions: Decisions) -> Iterator[str]:
    """What a split does not mend."""
    for one in dependencies:
        where = f" ({one.uses[0].location.path}:{one.uses[0].location.line})" if one.uses else ""
        if one.verdict is Verdict.MISSING:
            yield f"{one.name} is imported{where} and declared nowhere; a split adds nothing"
        elif one.verdict is Verdict.UNDECLARED and one.name not in decisions:
            yield f"{one.name} is imported{where} and only there because another one brings it: declare it"
