"""deptry and fawltydeps on the corpus, each told what its own documentation would have a careful user tell it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import deps_environment
from packaging.utils import canonicalize_name
from tests.corpus.score import Report

from slimtorch.project import declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.corpus.cases import Case

    from slimtorch.project.declared.model import Declarations

TIMEOUT = 120.0
_DEPTRY = "import sys; sys.path += filter(None, [sys.argv.pop(1)]); from deptry.cli import deptry; deptry()"
"""deptry looks at the environment that it runs in; its own packages come first, so that empty files do no harm."""
_MISSING, _UNUSED, _TRANSITIVE = "DEP001", "DEP002", "DEP003"


@dataclass(frozen=True, slots=True)
class Place:
    """A copy of one project, what it declares, and the environment beside it (None: nothing is installed)."""

    root: Path
    declarations: Declarations
    environment: Path | None

    @property
    def included(self) -> tuple[str, ...]:
        """What the project's slimtorch.toml says is the service; '.' where it says nothing."""
        path = self.root / "slimtorch.toml"
        table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return tuple(table.get("app", {}).get("include", ["."]))

    @property
    def excluded(self) -> tuple[str, ...]:
        """The Python files that do not belong to the service."""
        if self.included == (".",):
            return ()
        inside = [self.root / name for name in self.included]
        files = (path for path in self.root.rglob("*.py") if not any(path.is_relative_to(one) for one in inside))
        return tuple(str(path.relative_to(self.root)) for path in sorted(files))

    @property
    def code(self) -> tuple[str, ...]:
        """The folders and files to look for imports in, a src layout by its src."""
        if self.included != (".",) or not (self.root / "src").is_dir():
            return self.included
        return tuple(sorted(path.name for path in self.root.iterdir() if path.is_dir() or path.suffix == ".py"))

    @property
    def first_party(self) -> tuple[str, ...]:
        """The packages in the project's src."""
        found = (self.root / "src").glob("*/__init__.py")
        return tuple(sorted(path.parent.name for path in found))

    def requirement_files(self, *, production: bool) -> list[str]:
        """The files of requirements that declare for production, or for the rest."""
        items = [item for item in self.declarations.items if (item.group == declared.PRODUCTION) == production]
        paths = dict.fromkeys(item.location.path for item in items)
        return [path for path in paths if path.endswith((".txt", ".in"))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool said, and why not where it could say nothing."""

    report: Report
    failure: str = ""


@contextmanager
def prepared(case: Case, *, installed: bool) -> Iterator[Place]:
    """The project of a case in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        whole = next(parent for parent in (case.root, *case.root.parents) if parent.name == "project")
        shutil.copytree(whole, Path(folder) / "project")
        root = Path(folder) / "project" / case.root.relative_to(whole)
        declarations = declared.read(root)
        site = deps_environment.make(Path(folder) / "venv", declarations) if installed else None
        yield Place(root, declarations, site)


def deptry(binaries: Path, place: Place) -> Outcome:
    """What deptry says."""
    answer = place.root.parent / "deptry.json"
    argv = [str(binaries / "python"), "-c", _DEPTRY, str(place.environment or ""), ".", "--no-ansi"]
    argv += ["--json-output", str(answer)]
    for option, production in (("--requirements-files", True), ("--requirements-files-dev", False)):
        if files := place.requirement_files(production=production):
            argv += [option, ",".join(files)]
    groups = {item.group.removeprefix("extra:") for item in place.declarations.items if item.group.startswith("extra:")}
    if development := sorted(groups & {"dev", "test", "tests", "docs", "lint"}):
        argv += ["--optional-dependencies-dev-groups", ",".join(development)]
    for name in place.excluded:
        argv += ["--extend-exclude", name]
    for name in place.first_party:
        argv += ["--known-first-party", name]
    failure = _run(argv, place.root, answer)
    return _outcome(failure, answer, _of_deptry)


def _of_deptry(found: Any) -> Report:  # noqa: ANN401  (decoded JSON)
    unneeded, imported = set(), dict[str, set[str]]()
    for issue in found:
        code, location = issue["error"]["code"], issue["location"]
        if code == _UNUSED:
            unneeded.add(canonicalize_name(issue["module"]))
        elif code in {_MISSING, _TRANSITIVE}:
            imported.setdefault(issue["module"], set()).add(f"{location['file']}:{location['line']}")
    return Report(frozenset(unneeded), _frozen(imported))


def fawltydeps(binaries: Path, place: Place) -> Outcome:
    """What fawltydeps says."""
    answer = place.root.parent / "fawltydeps.json"
    argv = [str(binaries / "fawltydeps"), "--json", "--code", *place.code]
    files = place.requirement_files(production=True) + place.requirement_files(production=False)
    if len(files) == len({item.location.path for item in place.declarations.items}):
        argv += ["--deps", *dict.fromkeys(files), "--deps-parser-choice", "requirements.txt"]
    else:
        argv += ["--deps", "."]
    if not place.first_party:
        argv += ["--base-dir", "."]
    if place.environment:
        argv += ["--pyenv", str(place.environment.parents[2])]
    if place.excluded:
        argv += ["--exclude", ".*", *(f"/{name}" for name in place.excluded)]
    failure = _run(argv, place.root, answer, stdout=True)
    return _outcome(failure, answer, _of_fawltydeps)


def _of_fawltydeps(found: Any) -> Report:  # noqa: ANN401  (decoded JSON)
    imported = {
        one["name"]: {f"{place['path']}:{place['lineno']}" for place in one["references"]}
        for one in found["undeclared_deps"]
    }
    return Report(frozenset(canonicalize_name(one["name"]) for one in found["unused_deps"]), _frozen(imported))


TOOLS: Mapping[str, Callable[[Path, Place], Outcome]] = {"deptry": deptry, "fawltydeps": fawltydeps}


def _run(argv: Sequence[str], cwd: Path, answer: Path, *, stdout: bool = False) -> str:
    """The last line of what it said where it left no answer; '' where it did. Findings make both exit with failure."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if stdout and done.stdout:
        answer.write_text(done.stdout, encoding="utf-8")
    if answer.is_file():
        return ""
    return (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]


def _outcome(failure: str, answer: Path, read: Callable[[Any], Report]) -> Outcome:
    if failure:
        return Outcome(Report(), failure)
    return Outcome(read(json.loads(answer.read_text(encoding="utf-8"))))


def _frozen(places: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {name: frozenset(found) for name, found in places.items()}
