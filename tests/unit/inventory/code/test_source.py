"""Encodings, and files that are no Python 3."""

from __future__ import annotations

import codecs
import time
from typing import TYPE_CHECKING

import pytest

from slimtorch.inventory.code import Form, Role, read, salvage
from tests.unit.inventory.code.test_own import tree

if TYPE_CHECKING:
    from pathlib import Path

READ = {
    "utf-8": "import numpy  # ä".encode(),
    "byte order mark": codecs.BOM_UTF8 + b"import numpy",
    "latin-1": "# -*- coding: latin-1 -*-\nimport numpy  # ä".encode("latin-1"),
    "cookie on line two": "#!/bin/python\n# vim: set fileencoding=cp1252 :\nimport numpy  # \x80".encode("latin-1"),
    "shift jis": "# coding: shift_jis\nimport numpy  # 日本".encode("shift_jis"),
    "windows lines": b"x = 1\r\nimport numpy\r\n",
    "old mac lines": b"x = 1\rimport numpy\r",
    "form feed": b"x = 1\n\x0c\nimport numpy\n",
    "invalid escape": b"x = '\\d'\nimport numpy\ny = 1 is 1\n",
}


@pytest.mark.parametrize("case", READ)
def test_read(tmp_path: Path, case: str) -> None:
    (tmp_path / "code.py").write_bytes(READ[case])
    code = read(tmp_path)
    assert [one.module for one in code.imports] == ["numpy"]
    assert code.skipped == ()
    lines = READ[case].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert b"import numpy" in lines[code.imports[0].location.line - 1]


SKIPPED = {
    "print": (b"import numpy\nprint 'a'\n", 2, "Python 2"),
    "print in a branch": (b"if x: print 'a'\n", 1, "Python 2"),
    "except": (b"try:\n    import numpy\nexcept ValueError, e:\n    pass\n", 3, "Python 2"),
    "raise": (b"import numpy\nraise ValueError, 'a'\n", 2, "Python 2"),
    "exec": (b"exec 'a'\n", 1, "Python 2"),
    "octal": (b"x = 0777\n", 1, "Python 2"),
    "long": (b"x = 10L\n", 1, "Python 2"),
    "unlike": (b"if x <> y: pass\n", 1, "Python 2"),
    "backticks": (b"x = `1`\n", 1, "Python 2"),
    "raw text": (b"x = ur'a'\n", 1, "Python 2"),
    "exec in a text": (b"import numpy\nx = 'print a' 'exec \"a\"' = 1\n", 2, "syntax error: "),
    "print with brackets": (b"x = 1\nprint ('a') b\n", 2, "syntax error: "),
    "unlike in a text": (b"if x == '<>' 1: pass\n", 1, "syntax error: "),
    "number": (b"x = 1.07 1\n", 1, "syntax error: "),
    "comment": (b"x = = 1  # `a` <> 0777 10L\n", 1, "syntax error: "),
    "unfinished text": (b"print 'a\n", 1, "syntax error: unterminated"),
    "utf-16": ("import numpy\n".encode("utf-16"), 0, "its text cannot be decoded: "),
    "half": (b"import numpy\nf(\n", 2, "syntax error: '(' was never closed"),
    "indent": (b"import numpy\n   x = 1\n", 2, "syntax error: unexpected indent"),
    "null bytes": (b"import numpy\n\0", 0, "no text: it holds null bytes"),
    "unknown encoding": (
        b"# coding: klingon\nimport numpy",
        0,
        "its text cannot be decoded: unknown encoding: klingon",
    ),
    "no text encoding": (b"# coding: rot13\nimport numpy", 0, "its text cannot be decoded: "),
    "quadratic encoding": (b"# coding: punycode\nimport numpy", 0, "its text cannot be decoded: punycode"),
    "not utf-8": (b"import numpy\nx = '\xff'", 0, "its text cannot be decoded: "),
    "binary": (bytes(range(256)) * 20, 0, "its text cannot be decoded: "),
}


@pytest.mark.parametrize("case", SKIPPED)
def test_skipped(tmp_path: Path, case: str) -> None:
    data, line, reason = SKIPPED[case]
    (tmp_path / "code.py").write_bytes(data)
    code = read(tmp_path)
    expected = {("numpy", Form.OPTIONAL)} if b"import numpy" in data.replace(b"\0", b"") else set()
    assert {(found.module, found.form) for found in code.imports} == expected
    (one,) = code.skipped
    assert (one.location.path, one.location.line) == ("code.py", line)
    assert one.reason.startswith(reason)
    assert "\n" not in one.reason


SALVAGED = {
    "import numpy, yaml as y": [("numpy", ()), ("yaml", ())],
    "    from google.cloud import storage as s, bigquery  # x": [("google.cloud", ("storage", "bigquery"))],
    "from google.cloud import (\n    storage,  # a\n    bigquery,\n)": [("google.cloud", ("storage", "bigquery"))],
    "from google.cloud \\\n    import storage, \\\n    bigquery": [("google.cloud", ("storage", "bigquery"))],
    "from numpy import *": [("numpy", ("*",))],
    "try: import numpy; import yaml": [("numpy", ()), ("yaml", ())],
    "{% if x %}import numpy{% endif %}": [("numpy", ())],
    "from numpy import {{ name }}": [("numpy", ())],
    "from numpy import (\nimport yaml": [("numpy", ()), ("yaml", ())],
    "x = __import__('numpy.linalg')": [("numpy.linalg", ())],
    "from . import x\nfrom .a import b\nimport os": [],
    "# import numpy\nimportant = reimport numpy": [],
}


@pytest.mark.parametrize("text", SALVAGED)
def test_lines_of_what_cannot_be_parsed(tmp_path: Path, text: str) -> None:
    (tmp_path / "code.py").write_text(f"x = = 1\n{text}\n")
    code = read(tmp_path)
    assert [(one.module, one.names) for one in code.imports] == SALVAGED[text]
    assert {one.form for one in code.imports} <= {Form.OPTIONAL}


@pytest.mark.parametrize(
    "text", ["." * 400_000, " " * 400_000, "\\\n" * 200_000, "from" + " \t" * 200_000, "a" * 400_000, ":" * 400_000]
)
@pytest.mark.parametrize("start", ["from ", "import ", "from a import (", "from a import b, ", ""])
def test_any_text_is_searched_in_one_pass(text: str, start: str) -> None:
    started = time.process_time()
    found = list(salvage.of_text(f"import numpy\n{start}{text}"))
    assert found[0].module == "numpy"
    assert time.process_time() - started < 60


def test_what_a_broken_file_of_the_service_imports_of_the_tests_ships(tmp_path: Path) -> None:
    tree(tmp_path, {"main.py": "print 'a'\nfrom tests.fake import x\n", "tests/fake.py": "import numpy"})
    assert {(one.module, one.role) for one in read(tmp_path).imports} == {("numpy", Role.SERVICE)}


NEWER = {
    "exceptions without brackets": "import numpy\ntry:\n    pass\nexcept ValueError, TypeError:\n    pass\n",
    "something to come": "import numpy\nx ?= 1\n",
    "template": "import numpy\nname = {{ cookiecutter.name }} {% x %}\n",
}


@pytest.mark.parametrize("case", NEWER)
def test_what_may_be_a_newer_python_keeps_its_imports(tmp_path: Path, case: str) -> None:
    (tmp_path / "code.py").write_text(
        NEWER[case] + "def f():\n    from yaml.nodes import Node\n    import six, attr as b\n"
    )
    code = read(tmp_path)
    found = [(one.module, one.location.line, one.form) for one in code.imports]
    start = NEWER[case].count("\n")
    if code.skipped:
        assert found == [
            ("numpy", 1, Form.OPTIONAL), ("yaml.nodes", start + 2, Form.OPTIONAL),
            ("six", start + 3, Form.OPTIONAL), ("attr", start + 3, Form.OPTIONAL),
        ]  # fmt: skip
        assert code.skipped[0].reason.startswith("syntax error: ")
    else:
        assert [module for module, *_ in found] == ["numpy", "yaml.nodes", "six", "attr"]


@pytest.mark.parametrize(
    "text", ["(" * 500 + ")" * 500, "-" * 100_000 + "1", "a" + ".a" * 50_000, "x = " + "[" * 190 + "]" * 190]
)
def test_deep_nesting_ends(tmp_path: Path, text: str) -> None:
    (tmp_path / "code.py").write_text(f"import numpy\n{text}\n")
    code = read(tmp_path)
    assert code.files == 1
    assert [one.module for one in code.imports] in (["numpy"], [])
    assert len(code.skipped) <= 1


def test_of_generated_code_only_imports_are_read(tmp_path: Path) -> None:
    text = "import numpy\nimport torch\nx = 'a.b'\ntorch.compile(x)\n"
    (tmp_path / "a_pb2.py").write_text(text)
    (tmp_path / "b.py").write_text(f"#!/bin/x\n# Code generated by x. DO NOT EDIT.\n{text}")
    (tmp_path / "c.py").write_text(f"# {'@' + 'generated'}\n{text}")
    (tmp_path / "d.py").write_text(f"'''Generated by django-admin. DO NOT EDIT?'''\n{text}")
    code = read(tmp_path)
    assert [(one.location.path, one.reason) for one in code.skipped] == [
        (name, "generated: only its imports were read") for name in ("a_pb2.py", "b.py", "c.py")
    ]
    assert [one.module for one in code.imports] == ["numpy", "torch"] * 4 + ["a.b"]
    assert {one.location.path for one in code.references} == {"d.py"}


def test_nothing_is_printed_about_the_code(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    (tmp_path / "code.py").write_text("x = '\\d'\nassert (x, 1)\nx is 'a'\n1or 2\n")
    assert read(tmp_path).skipped == ()
    assert list(recwarn) == []
