from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.errors import ConfigError
from slimtorch.project.requirements_text import Document, Kind, Line, encode, files, parse, parser, read, walk
from slimtorch.project.requirements_text.options import split
from tests.support.pip_lines import PIPS, Row

if TYPE_CHECKING:
    from pathlib import Path

PIECES = st.sampled_from(
    ["torch", "==2.9", " ", "\t", "#", " # via x", "\\", "\n", "\r\n", "\r", "\f", "\u2028", "\ufeff", "-r", "-e ",
     "--", "--hash=", "sha256:0", "${V}", "git+https://h/x#egg=y", "[a]", ";", "'", '"', "=", "@", "./x", "-", "\0"]
)  # fmt: skip


def only(text: str) -> Line:
    (line,) = parse(text).lines
    return line


def as_pip(text: str) -> list[Row]:
    rows = []
    for line in parse(text).lines:
        kind = "requirement" if line.kind is Kind.PLACE else line.kind.value
        value = split(line.value)[0] if kind == "requirement" else "" if kind == "option" else line.value
        refused = line.problem and "is not a requirement" not in line.problem and "conda" not in line.problem
        if line.logical:
            rows.append((line.number, "bad", "") if refused else (line.number, kind, re.sub(r"\s+", " ", value)))
    return rows


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_nothing_is_lost(text: str) -> None:
    document = parse(text)
    assert document.text == text
    assert all(line.raw for line in document.lines)
    numbers = [line.number for line in document.lines]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("text", PIPS)
def test_lines_are_what_pip_makes_of_them(text: str) -> None:
    assert as_pip(text) == PIPS[text]


def test_a_requirement() -> None:
    line = only('Torch_Vision[x] == 0.24 ; sys_platform == "linux" --hash=sha256:aa --hash sha256:bb  # why not\r\n')
    assert (line.kind, line.name, line.comment) == (Kind.REQUIREMENT, "torch-vision", "why not")
    assert line.requirement is not None
    assert str(line.requirement) == 'Torch_Vision[x]==0.24; sys_platform == "linux"'
    assert line.hashes == ("sha256:aa", "sha256:bb")
    assert line.value == line.logical
    assert line.raw.endswith("\r\n")


def test_the_parts_of_a_hashed_file() -> None:
    text = "# head\n\nsix==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via x\n-r more.txt # c\n--pre"
    kinds = [(line.kind.value, line.number, line.raw.count("\n")) for line in parse(text).lines]
    assert kinds == [
        ("comment", 1, 1), ("blank", 2, 1), ("requirement", 3, 3),
        ("comment", 6, 1), ("include", 7, 1), ("option", 8, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("-i https://h", (("--index-url", "https://h"),)),
        ("-i https://h --extra-i https://x", (("--index-url", "https://h"), ("--extra-index-url", "https://x"))),
        ("-f 'a b' --pre", (("--find-links", "a b"), ("--pre", ""))),
        ("six -C k=v --global-option=-O", (("--config-settings", "k=v"), ("--global-option", "-O"))),
    ],
)  # fmt: skip
def test_options(text: str, options: tuple[tuple[str, str], ...]) -> None:
    assert only(text).options == options


@pytest.mark.parametrize(
    ("text", "kind", "name", "extras"),
    [
        ("-e git+https://h/x.git@v1#egg=My_Name[a,B]&subdirectory=s", Kind.EDITABLE, "my-name", {"a", "b"}),
        ("-e .[dev]", Kind.EDITABLE, "", {"dev"}),
        ("-e 'name @ git+https://h/x'", Kind.EDITABLE, "name", set()),
        ("git+ssh://git@h/x.git#egg=name==1.0", Kind.PLACE, "name", set()),
        ("git+https://h/x.git", Kind.PLACE, "", set()),
        ("./pkg", Kind.PLACE, "", set()),
        ("..\\pkg", Kind.PLACE, "", set()),
        ("wheels/My_Name-1.0-py3-none-any.whl[x]", Kind.PLACE, "my-name", {"x"}),
        ("my_name-1.0-py3-none-any.whl", Kind.PLACE, "my-name", set()),
        ("https://h/a/my.name-1.0.tar.gz#sha256=00", Kind.PLACE, "my-name", set()),
        ("https://h/archive/main.zip", Kind.PLACE, "", set()),
        ("file:///a/b", Kind.PLACE, "", set()),
        ("${WHEELS}/my_name-1.0-py3-none-any.whl", Kind.PLACE, "my-name", set()),
        ("${NAME}==1", Kind.PLACE, "", set()),
        ("name @ git+https://h/x#egg=other", Kind.REQUIREMENT, "name", set()),
        ("numpy @ file:///croot/numpy_1700000000/work", Kind.REQUIREMENT, "numpy", set()),
    ],
)
def test_places(text: str, kind: Kind, name: str, extras: set[str]) -> None:
    line = only(text)
    assert (line.kind, line.name, line.extras, line.problem) == (kind, name, extras, "")


def test_the_marker_of_a_place() -> None:
    assert only("./x ; python_version < '3.9'").marker == "python_version < '3.9'"
    assert only("https://h/x;y.whl ; python_version < '3.9'").marker == "python_version < '3.9'"
    assert only("https://h/x;y.whl").marker == ""


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("x==${V}", "x", "x"),
        ("x[a]>=1,<${V} ; python_version > '3'", "x", 'x[a]; python_version > "3"'),
        ("x @ https://${TOKEN}@h/x.whl", "x", "x @ https://${TOKEN}@h/x.whl"),
    ],
)
def test_variables_leave_a_requirement(text: str, name: str, shown: str) -> None:
    line = only(text)
    assert (line.name, str(line.requirement), line.problem) == (name, shown, "")


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ("numpy=>2", "numpy", "'numpy=>2' is not a requirement"),
        ("torch torch", "torch", "'torch torch' is not a requirement"),
        ("!", "", "'!' is not a requirement"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy", "is a line of a conda export; `pip list --format=freeze` writes"),
        ("_libgcc_mutex=0.1=main", "-libgcc-mutex", "conda export"),
        ("@EXPLICIT", "", "conda export"),
        ("six --no-deps", "six", "'--no-deps': no such option: --no-deps"),
        ("six --hash", "six", "'--hash': --hash option requires 1 argument"),
        ("-r", "", "'-r': -r option requires 1 argument"),
        ("-e 'x", "", "a quote is not closed"),
        ("x @ https://me:secret@h/ x y", "x", "https://…@h/"),
    ],
)  # fmt: skip
def test_lines_that_are_wrong(text: str, name: str, problem: str) -> None:
    line = only(text)
    assert problem in line.problem
    assert line.name == name
    assert "secret" not in line.problem


def test_a_line_without_end() -> None:
    line = only("six" + " \\\n --hash=sha256:" + "0" * parser.LONGEST)
    assert line.problem == f"the line is longer than {parser.LONGEST} characters"


def test_much_white_space_takes_no_time() -> None:
    assert only(" " * 900_000 + "x").name == "x"
    assert parse("x" + " " * 900_000 + "#").lines[0].name == "x"


# -- files --------------------------------------------------------------------------------------------------------

TEXT = "torch==2.9  # schön\r\nnumpy\r\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "utf-16-le"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be"),
        (b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"), "utf-32-le"),
        (("# -*- coding: latin-1 -*-\r\n" + TEXT).encode("latin-1"), "latin-1"),
        (("\r\n#coding=cp1252\r\n" + TEXT).encode("cp1252"), "cp1252"),
        (("# coding: utf-8-sig\r\n" + TEXT).encode(), "utf-8"),
    ],
)
def test_encodings(tmp_path: Path, data: bytes, encoding: str) -> None:
    path = tmp_path / "r.txt"
    path.write_bytes(data)
    document = read(path)
    assert (document.encoding, document.newline) == (encoding, "\r\n")
    assert [line.name for line in document.lines if line.name] == ["torch", "numpy"]
    assert document.lines[-2].comment == "schön"
    assert encode(document) == data
    path.write_bytes(encode(replace(document, lines=document.lines[-1:])))
    assert [line.name for line in read(path).lines] == ["numpy"] or encoding in {"latin-1", "cp1252"}


def test_the_line_end_of_a_document() -> None:
    assert [parse(text).newline for text in ("", "a", "a\r\nb\n", "a\rb", "a\nb\r\n")] == [
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\n",
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"torch # \xe9\n", "is not UTF-8 text"),
        ("torch\n".encode("utf-16-le"), "is not UTF-8 text"),
        (b"\xff\xfet", "is not utf-16-le text"),
        (b"# coding: klingon\n", "names an encoding that is not one of texts: 'klingon'"),
        (b"# coding: base64\n", "names an encoding that is not one of texts"),
        (b"# coding: idna\n", "names an encoding that is not one of texts"),
        (b"# coding: utf-7\n+AEE-\n", "is not utf-7 text"),
        (b"\n" * (files.MOST_LINES + 1), f"has more than {files.MOST_LINES} lines"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "r.txt"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert problem in caught.value.message
    assert str(path) in caught.value.message


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read(tmp_path / "gone.txt")
    with pytest.raises(ConfigError, match="Is a directory"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="is not a path"):
        read(tmp_path / "a\0b")
    monkeypatch.setattr(files, "LARGEST", 3)
    (tmp_path / "r.txt").write_text("torch")
    with pytest.raises(ConfigError, match="is larger than 3 bytes"):
        read(tmp_path / "r.txt")


# -- files that include files -------------------------------------------------------------------------------------


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_included_files_come_once_and_in_order(tmp_path: Path) -> None:
    texts = {
        "a.txt": "-r b/b.txt\n-c c.txt\n-r b/b.txt\n-r https://h/x.txt\n",
        "b/b.txt": "-r ../c.txt\n",
        "c.txt": "six\n",
    }
    found, faults = walk([write(tmp_path, texts) / "a.txt"])
    assert [(file.path.name, file.constraint) for file in found] == [
        ("a.txt", False),
        ("b.txt", False),
        ("c.txt", False),
    ]
    assert faults == ()


def test_a_constraint_that_is_also_required(tmp_path: Path) -> None:
    found, _ = walk([write(tmp_path, {"a.txt": "-c c.txt\n-r c.txt\n", "c.txt": "six\n"}) / "a.txt"])
    assert [(file.path.name, file.constraint) for file in found] == [
        ("a.txt", False),
        ("c.txt", True),
        ("c.txt", False),
    ]


def test_files_that_cannot_be_followed(tmp_path: Path) -> None:
    texts = {"a.txt": "\n-r b.txt\n-c gone.txt\n", "b.txt": "-r a.txt\n-r b.txt"}
    _, faults = walk([write(tmp_path, texts) / "a.txt", tmp_path / "lost.txt"])
    said = [(f.path.name, f.what, f.named_in and f.named_in.name, f.line, f.top) for f in faults]
    assert said == [
        ("a.txt", "includes itself", "b.txt", 1, 0),
        ("b.txt", "includes itself", "b.txt", 2, 0),
        ("gone.txt", "does not exist", "a.txt", 3, 0),
        ("lost.txt", "does not exist", None, 0, 1),
    ]
    assert [[path.name for path in fault.chain] for fault in faults[:2]] == [
        ["a.txt", "b.txt", "a.txt"],
        ["b.txt", "b.txt"],
    ]


def test_a_hundred_files_are_enough(tmp_path: Path) -> None:
    write(tmp_path, {f"{number}.txt": f"-r {number + 1}.txt\nsix\n" for number in range(300)})
    found, faults = walk([tmp_path / "0.txt"])
    assert len(found) == 100
    assert [fault.what for fault in faults] == ["is one of more than 100 files"]


def test_a_document_made_of_lines() -> None:
    line = Line(Kind.COMMENT, 1, "# x\n")
    assert Document((line,)).text == "# x\n"


def test_the_head_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(b"p%d\r\n" % number for number in range(50)))
    found = files.head(path)
    assert [line.name for line in found.lines] == [f"p{number}" for number in range(files.HEAD)]
    assert (found.encoding, found.newline) == ("utf-8-sig", "\r\n")
