"""What a trace never saw used: whole packages first, then folders of the others, then single modules.

Only files of Python packages go, and only of packages that the trace knows in the same version. What a trace may miss
stays: papers and licence texts, shared libraries of a package that is used (they are loaded late, by name), programs
(they are looked for), data beside modules that are used, and what the table `tables.traced` names.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from slimtorch.slim import trace as traces
from slimtorch.slim import trace_file
from slimtorch.slim.model import Drop, Note, Pass
from slimtorch.slim.passes import reached
from slimtorch.slim.trace import WHEEL, is_paper, module_of, source_of
from slimtorch.tables.traced import kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.slim.model import Policy, Subject
    from slimtorch.slim.trace import Trace, Used

_LICENCE = re.compile(r"(?i)(licen[cs]e|copying|copyright|notice|authors|patents)([-_.].*)?")
_SHOWN_RUNS = 3


@dataclass(frozen=True, slots=True)
class _Package:
    """Files of one owner: path → path below site-packages; `used` are those (as sources) that were, by path."""

    owner: str
    files: Mapping[str, str]
    record: Used
    used: frozenset[str]

    @property
    def name(self) -> str:
        return str(canonicalize_name(self.record.name))


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why a whole package, or its files, may be needed although nothing saw it."""

    blind: bool
    """The packages are for a GPU, and there was none."""
    compiles: bool
    asked_by_name: frozenset[str]
    """Owners of packages whose version was asked for."""
    deaf: bool
    """Nothing that Python code looked for was seen."""


def propose(subject: Subject, policy: Policy) -> Iterator[Drop | Note]:
    """A `Drop` for each file that the trace `policy.slim.traced` never saw used, and what was left alone for doubt.

    Raises:
        ConfigError: the trace cannot be read, or is no trace.
    """
    if policy.slim.traced is None:
        return
    trace = trace_file.read(policy.slim.traced)
    packages, notes = _known(subject, trace)
    yield from notes
    if not packages:
        yield Note("", f"{policy.slim.traced.name} is of other packages than these: it takes nothing out")
        return
    doubt = _doubt(subject, trace, packages)
    if doubt.blind:
        yield Note("", "there was no GPU while the image was traced: of packages that were used, everything stays")
    drops: dict[str, Drop] = {}
    runs = _runs(trace)
    for package in packages:
        for proposed in _package(subject, package, doubt, runs):
            if isinstance(proposed, Note):
                yield proposed
            else:
                drops[proposed.path] = proposed
    needed = reached.needed(subject, subject.binaries.keys() - drops.keys())
    yield from (drop for path, drop in sorted(drops.items()) if path not in needed)


def _runs(trace: Trace) -> str:
    """The trace's runs for a reason: ``3 runs (the probe, odd input, `python job.py`)``."""
    names = list(dict.fromkeys(run.what for run in trace.runs))
    more = [f"{len(names) - _SHOWN_RUNS} more"] if len(names) > _SHOWN_RUNS else []
    count = len(trace.runs)
    return f"{count} run{'s' if count > 1 else ''} ({', '.join([*names[:_SHOWN_RUNS], *more])})"


# -- which packages ---------------------------------------------------------------------------------------------------


def _known(subject: Subject, trace: Trace) -> tuple[list[_Package], list[Note]]:
    """The packages that the trace is about, and remarks on those that it is not."""
    records = {_key(used.name, used.version): used for used in trace.packages.values()}
    owned = traces.owned(subject.files, subject.sites, subject.owners)
    inside = {path: name for files in owned.values() for path, name in files}
    modules = reached.modules(inside)
    named = reached.with_imports(subject, reached.named_by(subject.code), modules)
    packages, notes = [], []
    for owner, files in sorted(owned.items()):
        name, _, version = owner.removeprefix(WHEEL).partition("==")
        record = records.get(_key(name, version))
        if record is None:
            notes.append(Note("", f"{name} {version} is not in the trace and stays as it is"))
            continue
        names = dict(files)
        if lacking := _lacking(record, names):
            notes.append(Note("", f"{name} stays as it is: the trace saw {lacking}, which is not here"))
            continue
        packages.append(_Package(owner, names, record, _used(record, names, named)))
    return packages, notes


def _key(name: str, version: str) -> tuple[str, Version | str]:
    try:
        return canonicalize_name(name), Version(version)
    except InvalidVersion:
        return canonicalize_name(name), version


def _lacking(record: Used, names: Mapping[str, str]) -> str:
    """A file that was used and is not there: the same version, for another Python or processor; '' where all are."""
    there = {source_of(name) for name in names.values()}
    return min((path for path in record.touched if source_of(path) not in there), default="")


def _used(record: Used, names: Mapping[str, str], named: frozenset[str]) -> frozenset[str]:
    """The paths, of sources for their bytecode, that were touched or that the service's code names."""
    touched = {source_of(path) for path in record.touched}
    return frozenset(source_of(path) for path, name in names.items() if source_of(name) in touched or path in named)


def _doubt(subject: Subject, trace: Trace, packages: list[_Package]) -> _Doubt:
    needs_gpu = any("libtorch_cuda" in path for path in subject.binaries) or any(
        kept().needs_gpu(package.name) for package in packages
    )
    # Whoever reads the METADATA of every package lists them; whoever reads that of one wants this one.
    asked = {one.owner for one in packages if any(path.endswith(".dist-info/METADATA") for path in one.record.opened)}
    return _Doubt(
        blind=needs_gpu and not trace.gpu,
        compiles=subject.compiles is None or bool(subject.compiles),
        asked_by_name=frozenset(asked) if len(asked) < len(packages) else frozenset(),
        deaf=not any(used.modules for used in trace.packages.values()),
    )


# -- one package ------------------------------------------------------------------------------------------------------


def _package(subject: Subject, package: _Package, doubt: _Doubt, runs: str) -> Iterator[Drop | Note]:
    if why := _stays(package, doubt):
        yield Note("", f"{package.name} stays: {why}")
        return
    if not package.used:
        yield from _whole(package, runs)
        return
    if not package.record.touched:
        yield Note("", f"{package.name}: no run used it; what the service's own code imports of it stays")
    if not doubt.blind:
        yield from _parts(subject, package, runs, programs=not doubt.deaf)


def _whole(package: _Package, runs: str) -> Iterator[Drop]:
    reason = f"nothing of {package.name} was touched in {runs}"
    for path, name in package.files.items():
        if not is_paper(name) and not _is_licence(name):
            yield Drop(path, Pass.TRACED, reason, "package")


def _stays(package: _Package, doubt: _Doubt) -> str:
    """Why nothing of the package goes; '' where some may."""
    if why := kept().packages.get(package.name, ""):
        return why
    if package.used:
        opened = any(not is_paper(path) for path in package.record.opened)
        only_looked_for = package.record.touched and not opened
        return "it was looked for, although nothing of it was opened" if only_looked_for else ""
    if doubt.blind and kept().needs_gpu(package.name) and (doubt.compiles or not kept().compiles(package.name)):
        return "it is for a GPU, and there was none while the image was traced"
    return "its version was asked for" if package.owner in doubt.asked_by_name else ""


def _parts(subject: Subject, package: _Package, runs: str, *, programs: bool) -> Iterator[Drop | Note]:
    """Folders that were never touched, and modules beside those that were; programs stay unless their folder goes."""
    folders = {folder for path in package.used for folder in _above(path)}
    libraries = 0
    for path, name in package.files.items():
        if source_of(path) in package.used or name.startswith("../") or _protected(subject, path, name):
            continue
        if _is_library(subject, path, name) or (not programs and _is_program(subject, path)):
            libraries += 1
            continue
        untouched = next((folder for folder in _above(source_of(path)) if folder not in folders), "")
        if untouched:
            inside = posixpath.relpath(untouched, path[: -len(name)])
            yield Drop(path, Pass.TRACED, f"nothing in {inside} was touched in {runs}", "folder")
        elif module_of(name) and not _is_init(name):
            yield Drop(path, Pass.TRACED, f"never touched in {runs}", "module")
    if libraries:
        what = f"{libraries} libraries and programs that were never opened stay"
        yield Note("", f"{package.name}: {what}, because they may be loaded or looked for by name")


def _above(path: str) -> list[str]:
    """The folders that the path is in, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _protected(subject: Subject, path: str, name: str) -> bool:
    return is_paper(name) or _is_licence(name) or subject.files[path].size == 0 or bool(kept().file(name))


def _is_program(subject: Subject, path: str) -> bool:
    return path in subject.binaries and subject.binaries[path].is_program


def _is_library(subject: Subject, path: str, name: str) -> bool:
    """Whether it is an ELF file that is no program and no module of Python."""
    return path in subject.binaries and not subject.binaries[path].is_program and not _is_extension(name)


def _is_licence(name: str) -> bool:
    base = posixpath.basename(name)
    return _LICENCE.fullmatch(base) is not None and not base.endswith((".py", ".pyc", ".so"))


def _is_extension(name: str) -> bool:
    """Whether a library is a module of Python: it has the tag of one (PEP 3149), or no library's name."""
    base = posixpath.basename(name)
    return ".cpython-" in base or ".abi3." in base or (bool(module_of(name)) and not base.startswith("lib"))


def _is_init(name: str) -> bool:
    return source_of(name).endswith("__init__.py")
