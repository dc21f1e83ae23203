"""Nothing that a tree holds makes reading it fail."""

from __future__ import annotations

import keyword
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.inventory.code import read
from slimtorch.inventory.code.mentions import mentions

_WORDS = st.sampled_from([
    *keyword.kwlist, "torch", "cuda", "'cuda'", "import_module", "TYPE_CHECKING", "suppress", "ImportError", "(", ")",
    ":", "[", "]", ",", ".", "=", "==", "\n", "\n    ", "\t", "'a.b'", '"postgresql+x://"', "f'{", "}'", "\\", "#", "@",
    "INSTALLED_APPS",
    "sys.path.append", "subprocess", "print", "0777", "*", "\0", "\ufeff", "# coding: x", "{", "}", "'''",
    "engine",
])  # fmt: skip
_SETTINGS = settings(max_examples=150, deadline=None)


def _read(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        for name in ("code.py", "app/__init__.py", "setup.py"):
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        code = read(Path(folder))
        assert code.files == 3
        assert code == read(Path(folder))


@_SETTINGS
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    _read(data)


@_SETTINGS
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    _read(text.encode("utf-8", "surrogatepass"))


@_SETTINGS
@given(st.lists(_WORDS, max_size=60))
def test_words_of_python(words: list[str]) -> None:
    _read(" ".join(words).encode())


@_SETTINGS
@given(st.binary(max_size=300), st.lists(st.text(max_size=20), max_size=5))
def test_packaging_files_and_settings(data: bytes, names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        for name in (
            "pyproject.toml",
            "setup.cfg",
            "setup.py",
            "compose.yml",
            "Makefile",
            "Dockerfile",
            "slimtorch.toml",
        ):
            (Path(folder) / name).write_bytes(data)
        # A Makefile or Dockerfile may say that Python runs it.
        assert read(Path(folder)).files in {1, 3}
        assert set(mentions(Path(folder), names)) <= set(names)
