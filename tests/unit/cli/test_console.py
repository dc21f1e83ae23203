"""What is printed comes from files and registries: it may not move a terminal's cursor."""

from __future__ import annotations

import pytest

from slimtorch.cli import console


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve, 日本", "plain, naïve, 日本"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred.py", r"\x1b[31mred.py"),
        ("back\rwards", r"back\rwards"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff", r"\udcff"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert console.printable(text) == shown


def test_a_cell_of_a_table_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(console.Table(("file",), [("a\nb\x1b[2J.py",)]), to_stdout=True)
    assert r"a\nb\x1b[2J.py" in capsys.readouterr().out
