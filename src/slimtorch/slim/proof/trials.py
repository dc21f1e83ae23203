"""What has to be tried before and after: libraries that changed or lean on what changed, and everything importable."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from slimtorch.probe.parity import Order
from slimtorch.slim.model import Pass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.probe.parity import Difference
    from slimtorch.slim.model import Ledger, Subject

FRAMEWORKS = frozenset(("torch", "torchvision", "torchaudio", "onnxruntime", "numpy", "transformers"))
"""Modules that must import after whenever they did before, whatever was given up."""
GIVEN_UP = frozenset((Pass.PACKAGES, Pass.TRACED))
"""Passes that take what this service does not reach: what only needed it may fail, if it says so."""
_NOT_ASKED = frozenset(("tests", "test", "docs", "doc", "example", "examples", "benchmarks", "conftest", "setup"))
_MODULE = re.compile(r"(\w+)(?:\.py|(?:\.[\w-]+)?\.so)")
_ABSENT = re.compile(r"No module named '([\w.]+)'|(\S+): cannot open shared object file")
_EMPTY = re.compile(r"module '([\w.]+)' has no attribute |from '([\w.]+)' \(unknown location\)")
"""What Python says of a package whose folder is there without its `__init__.py`."""


def order(ledger: Ledger, subject: Subject) -> Order:
    """What to try in both trees; modules that were removed as a whole are not asked for."""
    gone = removed(ledger)
    touched = {saving.path for saving in ledger.savings}
    tops = sorted(top_modules(subject).items(), key=_early)
    modules = [name for name, path in tops if path not in gone]
    libraries = [path for path in _leaning(subject, touched) if path not in gone]
    known = {posixpath.basename(path): path for path in subject.binaries}
    known |= {facts.soname: path for path, facts in subject.binaries.items() if facts.soname}
    known = {name: path for name, path in known.items() if path not in gone}
    return Order(tuple(sorted(libraries)), tuple(modules), known, numbers="torch" in modules)


def _early(module: tuple[str, str]) -> tuple[bool, str]:
    """Order: setuptools refuses to be imported after what imports the standard library's distutils, as numpy does."""
    return module[0] != "setuptools", module[0]


def removed(ledger: Ledger) -> dict[str, Pass]:
    """The paths that are not there any more, with the pass that took each."""
    return {saving.path: saving.done_by for saving in ledger.savings if saving.after == 0}


def top_modules(subject: Subject) -> dict[str, str]:
    """What can be imported by a plain name, with the file that the import runs."""
    found: dict[str, str] = {}
    for site in subject.sites:
        prefix = f"{site}/" if site else ""
        for path in subject.files:
            inside = path[len(prefix) :] if path.startswith(prefix) else ""
            folder, _, name = inside.rpartition("/")
            match = _MODULE.fullmatch(name)
            if match and "/" not in folder and (not folder or match[1] == "__init__"):
                found.setdefault(folder or match[1], path)
    return {name: path for name, path in found.items() if _asked(name)}


def _asked(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_") and name not in _NOT_ASKED


def _leaning(subject: Subject, touched: Iterable[str]) -> set[str]:
    """The libraries among `touched`, and all that need one of them, directly or not."""
    needers = defaultdict(set)
    for path, facts in subject.binaries.items():
        for name in facts.needed:
            needers[name].add(path)
    found, todo = set(), [path for path in touched if path in subject.binaries]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            names = {posixpath.basename(path), subject.binaries[path].soname}
            todo += [needer for name in names for needer in needers[name]]
    return {path for path in found if not subject.binaries[path].is_program}


def culprit(difference: Difference, gone: Mapping[str, Pass]) -> tuple[Pass | None, str]:
    """Which pass took what the error says is missing, and its path; (None, '') where the error names nothing taken."""
    for match in _ABSENT.finditer(difference.after):
        wanted = match[1].replace(".", "/") if match[1] else match[2]
        for path, done_by in gone.items():
            if _is(path, wanted, library=not match[1]):
                return done_by, path
    for match in _EMPTY.finditer(difference.after):
        start = f"/{(match[1] or match[2]).replace('.', '/')}/__init__.py"
        for path, done_by in gone.items():
            if f"/{path}".endswith(start):
                return done_by, path
    return None, ""


def _is(path: str, wanted: str, *, library: bool) -> bool:
    if library:
        return posixpath.basename(path) == posixpath.basename(wanted)
    return f"/{wanted}/" in f"/{path}" or f"/{path}".endswith(f"/{wanted}.py") or _extension(path, wanted)


def _extension(path: str, wanted: str) -> bool:
    return path.endswith(".so") and f"/{path.partition('.')[0]}".endswith(f"/{wanted}")


def given_up(difference: Difference, done_by: Pass | None) -> bool:
    """Whether the difference is what the pass is there to give up, and no framework is hurt."""
    essential = difference.kind == "libraries" or difference.name in FRAMEWORKS
    return done_by in GIVEN_UP and not essential


def failures(differences: Iterable[Difference], ledger: Ledger) -> Iterator[tuple[str, str, str]]:
    """(pass, path, what) of the differences that nobody may give up."""
    gone = removed(ledger)
    passes = {saving.path: str(saving.done_by) for saving in ledger.savings}
    for difference in differences:
        done_by, path = culprit(difference, gone)
        if given_up(difference, done_by):
            continue
        at = path or (difference.name if difference.kind == "libraries" else "")
        yield str(done_by) if done_by else passes.get(at, ""), at, _said(difference)


def _said(difference: Difference) -> str:
    now, was = difference.after or "''", difference.before
    if difference.kind == "numbers":
        return f"torch's {difference.name} on the CPU gave {_short(was)}, and now {_short(now)}"
    verb = "loaded" if difference.kind == "libraries" else f"import {difference.name} worked"
    return f"{verb}, and now: {now}" if not was else f"failed with {was!r}, and now: {now}"


def _short(text: str) -> str:
    return f"bytes {text[:12]}" if re.fullmatch(r"[0-9a-f]{64}", text) else text[:200]
