from __future__ import annotations

import pytest

from slimtorch.image.digest import of_bytes
from slimtorch.slim.apply.record import updated
from tests.support.installations import hashed

SITE = "usr/lib/site-packages"
RECORD = (
    f"a.py,{hashed(b'old')},3\n"
    '"with, comma.so",sha256=abc,9\n'
    "../../bin/tool,sha256=def,5\n"
    "a.pyc,,\n"
    "d.dist-info/RECORD,,\n"
)


def test_nothing_happened() -> None:
    assert updated(RECORD, SITE, set(), {}) == RECORD


def test_what_is_new_gets_its_hash_and_all_other_rows_keep_their_bytes() -> None:
    found = updated(RECORD, SITE, set(), {f"{SITE}/with, comma.so": (of_bytes(b"new!"), 4)})
    assert found == RECORD.replace("sha256=abc,9", f"{hashed(b'new!')},4")


def test_what_went_has_no_row_wherever_it_was() -> None:
    gone = {f"{SITE}/a.pyc", "usr/bin/tool"}
    assert updated(RECORD, SITE, gone, {}).splitlines() == [
        line for line in RECORD.splitlines() if not line.startswith(("a.pyc", "../.."))
    ]


def test_a_row_without_a_hash_stays_without() -> None:
    new = {f"{SITE}/a.pyc": (of_bytes(b"new"), 3)}
    assert updated(RECORD, SITE, set(), new) == RECORD


@pytest.mark.parametrize(
    "text", ["", "\n", "a\r\nb,,\r\n", 'a,"\n', "../../../../../etc/passwd,sha256=x,1\n", "a\0,,\n"]
)
def test_odd_records_keep_their_bytes(text: str) -> None:
    assert updated(text, SITE, {"x"}, {"y": (of_bytes(b""), 0)}) == text
