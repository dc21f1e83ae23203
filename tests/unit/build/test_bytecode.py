"""Bytecode is what the interpreter would make, is the same every time, and knows its final path."""

from __future__ import annotations

import marshal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from slimtorch.build import bytecode
from slimtorch.build.bytecode import Compiler, compile_tree
from slimtorch.errors import ToolError
from slimtorch.host.cache import Cache
from slimtorch.host.process import Completed, run
from slimtorch.host.progress import Silent
from slimtorch.image.digest import of_bytes
from slimtorch.image.tree import FileTree, small_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SUFFIX = f"__pycache__/m.cpython-{PYTHON.replace('.', '')}.pyc"
SITE = "opt/venv/lib/site-packages"


def here(args: Sequence[str], stdin: bytes) -> Completed:
    """This machine's interpreter in the place of an image's."""
    return run([sys.executable, *args], stdin=stdin, env={"PYTHONHASHSEED": "0"})


def compiled(tree: FileTree, cache: Cache, *, workers: int = 2) -> FileTree:
    compiler = Compiler(here, of_bytes(sys.version.encode()), PYTHON, workers)
    with Silent().task("compiling", 0) as task:
        return compile_tree(tree, compiler, cache, task)


def module(text: str, path: str = f"{SITE}/m.py", owner: str = "wheel:m==1") -> FileTree:
    return FileTree([small_file(path, text.encode(), owner)])


def content(tree: FileTree, path: str) -> bytes:
    entry = tree[path]
    assert entry.content is not None
    with entry.content.open() as stream:
        return stream.read()


def test_the_code_runs_and_names_its_place_in_the_image(tmp_path: Path) -> None:
    made = compiled(module("def f():\n    return 42\n"), Cache(tmp_path))
    data = content(made, f"{SITE}/{SUFFIX}")
    namespace: dict[str, object] = {}
    code = marshal.loads(data[16:])  # noqa: S302  (made by the test itself)
    exec(code, namespace)  # noqa: S102
    assert namespace["f"]() == 42  # type: ignore[operator]
    assert code.co_filename == f"/{SITE}/m.py"
    assert int.from_bytes(data[4:8], "little") == 0b01  # unchecked-hash, PEP 552


def test_python_takes_the_bytecode_without_looking_at_the_source(tmp_path: Path) -> None:
    made = compiled(module("print('compiled')"), Cache(tmp_path / "cache"))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "m.py").write_text("print('source')")
    (tmp_path / SUFFIX).write_bytes(content(made, f"{SITE}/{SUFFIX}"))
    done = subprocess.run(
        [sys.executable, "-c", "import m"], cwd=tmp_path, capture_output=True, check=True, env={"PYTHONPATH": "."}
    )
    assert done.stdout == b"compiled\n"


def test_the_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytecode, "PORTION_FILES", 3)  # many portions out of few modules
    modules = FileTree(
        small_file(
            f"{SITE}/m{n}.py",
            f"names = ('a', 'shared', 'x{n}')\ndef g(shared): return {{1, {n}}}\n".encode(),
            "wheel:m==1",
        )
        for n in range(20)
    )
    one = compiled(modules, Cache(tmp_path / "one"), workers=1)
    many = compiled(modules, Cache(tmp_path / "many"), workers=4)
    assert dict(one) == dict(many)
    assert sum(path.endswith(".pyc") for path in one) == 20


def test_what_the_cache_knows_is_not_compiled_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first = compiled(module("x = 1"), cache)

    def broken(args: Sequence[str], stdin: bytes) -> Completed:
        raise AssertionError(f"ran again: {args} {len(stdin)}")

    compiler = Compiler(broken, of_bytes(sys.version.encode()), PYTHON)
    with Silent().task("compiling", 0) as task:
        assert dict(compile_tree(module("x = 1"), compiler, cache, task)) == dict(first)


def test_a_source_that_does_not_compile_is_left_out(tmp_path: Path) -> None:
    tree = FileTree([*module("x = 1").entries(), small_file(f"{SITE}/py2.py", b"print 'old'", "wheel:m==1")])
    made = compiled(tree, Cache(tmp_path))
    assert [path for path in made if path.endswith(".pyc")] == [f"{SITE}/{SUFFIX}"]


def test_only_importable_files_of_a_distribution_package_are_compiled(tmp_path: Path) -> None:
    tree = FileTree(
        [
            small_file("usr/lib/python3.11/m.py", b"x = 1", "deb:libpython3.11-stdlib=1"),
            small_file("usr/share/gdb/auto-load/m.py", b"x = 1", "deb:libstdc++6=1"),
        ]
    )
    made = compiled(tree, Cache(tmp_path))
    assert [path for path in made if path.endswith(".pyc")] == [f"usr/lib/python3.11/{SUFFIX}"]


def test_bytecode_belongs_to_its_sources_owner(tmp_path: Path) -> None:
    made = compiled(module("x = 1", owner="wheel:other==2"), Cache(tmp_path))
    assert {entry.owner for entry in made.entries()} == {"wheel:other==2"}


def test_an_interpreter_that_fails_is_said(tmp_path: Path) -> None:
    def failing(args: Sequence[str], stdin: bytes) -> Completed:
        return Completed(tuple(args), 1, stdin[:0], "Illegal instruction")

    compiler = Compiler(failing, of_bytes(b"x"), PYTHON)
    with (
        Silent().task("compiling", 0) as task,
        pytest.raises(ToolError, match="Illegal instruction"),
    ):
        compile_tree(module("x = 1"), compiler, Cache(tmp_path), task)
    assert list(Cache(tmp_path).contents()) == []
