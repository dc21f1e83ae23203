"""Bytecode for every module of the image, made by the image's own interpreter and kept in the cache.

Without it each cold start compiles again. Sources are compiled in fixed portions, each by a fresh process with a fixed
hash seed: what `marshal` writes depends on what the process compiled before, so equal portions give equal bytes,
however many run at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from threading import Lock
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ToolError
from slimtorch.image import digest as digests
from slimtorch.image.slices import open_slice
from slimtorch.image.tree import Content, Entry, FileTree, Kind

if TYPE_CHECKING:
    from slimtorch.host.cache import Cache
    from slimtorch.host.process import Completed
    from slimtorch.host.progress import Task
    from slimtorch.image.digest import Digest

PORTION_FILES, PORTION_BYTES = 200, 1_500_000
LARGE_MODULE = 300_000
"""Bytes of a source from which on it is not compiled beside another large one."""
SOURCE_LIMIT = 32_000_000
"""Bytes above which a .py file is data rather than a module."""

Interpreter = Callable[[Sequence[str], bytes], "Completed"]
"""Runs the image's interpreter: arguments and standard input → how it ended."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """The image's interpreter, and the digest of what it is, which names its results in the cache."""

    interpreter: Interpreter
    identity: Digest
    python: str
    workers: int = 2
    one_large: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def suffix(self) -> str:
        """What a module's bytecode is called after its name (PEP 3147)."""
        return f".cpython-{self.python.replace('.', '')}.pyc"


def compile_tree(tree: FileTree, compiler: Compiler, cache: Cache, task: Task) -> FileTree:
    """The bytecode of every module in `tree`, each file its source's owner's; what is known comes from the cache."""
    parts = sorted(tree.partition(lambda entry: entry.owner).items())
    modules = [found for _, part in parts if (found := [entry for entry in part.entries() if _is_module(entry)])]

    def one(owned: Sequence[Entry]) -> list[Entry]:
        made = list(_entries(owned, compiler, cache, pool))
        task.advance(len(owned))
        return made

    # Two owners at once, so that the portions of a small one fill what the last portion of a large one leaves idle.
    with ThreadPoolExecutor(compiler.workers) as pool, ThreadPoolExecutor(compiler.workers) as owners:
        return FileTree(entry for made in owners.map(one, modules) for entry in made)


def _is_module(entry: Entry) -> bool:
    if entry.kind is not Kind.FILE or not entry.path.endswith(".py") or entry.size > SOURCE_LIMIT:
        return False
    # Distribution packages also carry .py files that nothing imports (debugger scripts, documentation).
    return not entry.owner.startswith("deb:") or entry.path.startswith("usr/lib/python3")


def _entries(modules: Sequence[Entry], compiler: Compiler, cache: Cache, pool: Executor) -> Iterator[Entry]:
    key = digests.of_json(
        [
            compiler.identity,
            digests.of_bytes(_script().encode()),
            [[m.path, m.content and m.content.digest] for m in modules],
        ]
    )
    record = cache.record("bytecode", key)
    if record is None or cache.blob(digests.Digest(record["blob"])) is None:
        record = _compile(modules, compiler, cache, pool)
        cache.put_record("bytecode", key, record)
    blob = cache.blob_path(digests.Digest(record["blob"]))
    owners = {compiled_path(module.path, compiler): module for module in modules}
    folders: dict[str, Entry] = {}
    offset = 0
    for path, size, digest in record["files"]:
        source = owners[path]
        folder = path.rpartition("/")[0]
        folders.setdefault(folder, Entry(folder, Kind.DIRECTORY, 0o755, source.owner))
        content = Content(size, digests.Digest(digest), partial(open_slice, blob, offset, size))
        yield Entry(path, Kind.FILE, 0o644, source.owner, source.uid, source.gid, content=content)
        offset += size
    yield from folders.values()


def compiled_path(path: str, compiler: Compiler) -> str:
    """Where the bytecode of the module at `path` stands."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}{compiler.suffix}"


def _compile(modules: Sequence[Entry], compiler: Compiler, cache: Cache, pool: Executor) -> dict[str, Any]:
    script = _script()
    listed: list[tuple[str, int, str]] = []

    def run(portion: Sequence[Entry]) -> bytes:
        # Compiling takes about a hundred times a module's size in memory, so large ones take turns.
        with compiler.one_large if max(module.size for module in portion) >= LARGE_MODULE else nullcontext():
            done = compiler.interpreter(["-s", "-S", "-c", script], _frames(portion))
        if done.status != 0:
            raise ToolError(f"the image's interpreter could not compile:\n{done.last_lines}", output=done.last_lines)
        return done.stdout

    with cache.writer() as blob:
        for output in _in_order(pool, run, list(_portions(modules)), ahead=compiler.workers):
            for path, data in _unframe(output):
                listed.append((compiled_path(path.lstrip("/"), compiler), len(data), digests.of_bytes(data)))
                blob.write(data)
        digest = blob.digest
    return {"blob": digest, "files": listed}


def _in_order(
    pool: Executor, run: Callable[[Sequence[Entry]], bytes], portions: list[list[Entry]], *, ahead: int
) -> Iterator[bytes]:
    """The results in order, with no more than `ahead` + 1 portions in memory."""
    running = [pool.submit(run, portion) for portion in portions[: ahead + 1]]
    for number in range(len(portions)):
        result = running.pop(0).result()
        if number + ahead + 1 < len(portions):
            running.append(pool.submit(run, portions[number + ahead + 1]))
        yield result


def _portions(modules: Sequence[Entry]) -> Iterator[list[Entry]]:
    portion: list[Entry] = []
    size = 0
    for module in modules:
        if portion and (len(portion) >= PORTION_FILES or size + module.size > PORTION_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(module)
        size += module.size
    if portion:
        yield portion


def _frames(modules: Sequence[Entry]) -> bytes:
    parts: list[bytes] = []
    for module in modules:
        assert module.content is not None  # noqa: S101  (a module is a file: see _is_module)
        name = f"/{module.path}".encode()
        with module.content.open() as stream:
            source = stream.read()
        parts.append(struct.pack(">L", len(name)) + name + struct.pack(">Q", len(source)) + source)
    return b"".join(parts)


def _unframe(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">L", data, at)
        path = data[at + 4 : at + 4 + length].decode()
        at += 4 + length
        (size,) = struct.unpack_from(">Q", data, at)
        yield path, data[at + 8 : at + 8 + size]
        at += 8 + size


def _script() -> str:
    return files("slimtorch.build.in_image").joinpath("compile_sources.py").read_text()
