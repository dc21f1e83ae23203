"""Whether compiled code fits the interpreter and the processor, and finds its libraries."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from typing import TYPE_CHECKING

from slimtorch.elf.file import ElfFile, facts
from slimtorch.elf.resolve import Lack, Loader, Missing
from slimtorch.image.tree import Kind
from slimtorch.probe import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.findings import Finding
    from slimtorch.inventory.files import Files
    from slimtorch.inventory.service import Service
    from slimtorch.probe.environment import Interpreter

# PEP 3149 and PEP 384: module.cpython-311-x86_64-linux-gnu.so, module.abi3.so.
_TAGGED = re.compile(r"(?P<module>[^.]+)\.(?:cpython-(?P<version>\d+)[a-z]*(?:-(?P<machine>\w+)-linux-\w+)?|abi3)\.so")
# OCI architecture → the machine of an ELF file (GOARCH names).
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l"}
PLATFORM_MACHINES = {"arm": "armv7l", "i386": "i686"}


def binaries(files: Files) -> dict[str, ElfFile]:
    """The ELF files of the image by path."""
    found = {}
    for path, node in files.items():
        if node.kind is Kind.FILE and node.open and (".so" in path.rpartition("/")[2] or node.mode & 0o111):
            with node.open() as stream:
                if elf := facts(stream):
                    found[path] = elf
    return found


def check(
    files: Files, service: Service, python: Interpreter | None, elves: Mapping[str, ElfFile]
) -> Iterator[Finding]:
    """What does not fit and what is not found."""
    machine = MACHINES.get(service.architecture, "")
    if python is not None:
        machine = machine or (elves[python.real].machine if python.real in elves else "")
        yield from _extensions(python, machine, elves, files)
    yield from _sonames(files, service, elves)


def _extensions(python: Interpreter, machine: str, elves: Mapping[str, ElfFile], files: Files) -> Iterator[Finding]:
    if machine and python.real in elves and elves[python.real].machine != machine:
        message = f"is for {elves[python.real].machine}, but the image is for {machine}"
        yield rules.INTERPRETER.finding(f"the interpreter {message}", python.real)
    prefix = f"{python.site_packages}/"
    for path in files:
        tag = _TAGGED.fullmatch(posixpath.basename(path)) if path.startswith(prefix) else None
        if tag and (why := _misfit(tag, python, machine, elves.get(path))) and not _twin(path, tag, python, files):
            yield rules.EXTENSION.finding(f"{tag['module']} {why}", path)


def _misfit(tag: re.Match[str], python: Interpreter, machine: str, elf: ElfFile | None) -> str:
    wanted = python.version.replace(".", "")
    if tag["version"] and tag["version"] != wanted:
        return f"is made for CPython {tag['version'][0]}.{tag['version'][1:]}, not {python.version}"
    if elf is None:
        return "is no ELF file that can be read"
    if machine and elf.machine != machine:
        return f"is made for {elf.machine}, not {machine}"
    if machine and tag["machine"] and PLATFORM_MACHINES.get(tag["machine"], tag["machine"]) != machine:
        return f"is named for {tag['machine']}, not {machine}"
    return ""


def _twin(path: str, tag: re.Match[str], python: Interpreter, files: Files) -> bool:
    """Whether the same module is also there for this interpreter: some wheels carry several."""
    pattern = f"{posixpath.dirname(path)}/{tag['module']}.cpython-{python.version.replace('.', '')}-*.so"
    return tag["version"] is not None and any(fnmatch.fnmatchcase(other, pattern) for other in files if other != path)


def _sonames(files: Files, service: Service, elves: Mapping[str, ElfFile]) -> Iterator[Finding]:
    loader = Loader(elves, files.file, _folders(files, service))
    first = {path for path, elf in elves.items() if elf.is_program or _TAGGED.fullmatch(posixpath.basename(path))}
    seen: set[Missing] = set()
    elsewhere: dict[str, Missing] = {}
    for path in sorted(elves, key=lambda path: (path not in first, path)):
        for missing in loader.missing(path):
            if missing in seen:
                continue
            seen.add(missing)
            if missing.lack is Lack.NOWHERE:
                yield _nowhere(missing, path, certain=path in first)
            else:
                elsewhere.setdefault(missing.soname, missing)
    for soname, missing in sorted(elsewhere.items()):
        message = (
            f"{soname}, which /{missing.path} needs, is only found after something else loaded /{missing.places[0]}"
        )
        yield rules.PRELOADED.finding(message)


def _nowhere(missing: Missing, first: str, *, certain: bool) -> Finding:
    """An error for what is imported; a warning for what may be loaded on demand; a remark for the standard library."""
    severity = rules.ERROR if certain else rules.WARNING
    if "/lib-dynload/" in first:
        # Modules whose packages were left out on purpose (readline, dbm, tkinter): asking for them is rare.
        severity = rules.INFO
    return rules.SONAME.finding(f"needs {missing.soname}, which is not in the image", missing.path, severity)


def _folders(files: Files, service: Service) -> list[str]:
    folders = [part for part in service.env.get("LD_LIBRARY_PATH", "").split(":") if part]
    # Without the cache that ldconfig writes, the loader does not read ld.so.conf at all.
    if files.file("etc/ld.so.cache"):
        folders += _configured(files, "etc/ld.so.conf", set())
    return folders


def _configured(files: Files, path: str, seen: set[str]) -> list[str]:
    """The folders in an ``ld.so.conf``, with what it includes (ldconfig(8))."""
    if path in seen:
        return []
    seen.add(path)
    found = []
    for line in files.text(path).splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                full = posixpath.normpath(posixpath.join("/etc", pattern)).lstrip("/")
                for other in sorted(fnmatch.filter(files, full)):
                    found += _configured(files, other, seen)
        elif words:
            found.append(words[0])
    return found
