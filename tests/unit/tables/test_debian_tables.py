from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from slimtorch import tables
from slimtorch.sources.maintainer_scripts import replay_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: dict[str, dict[str, Any]] = tables.load("maintainer_scripts")["packages"]
KEYS = {"why", "loses", "alternatives", "links", "copies", "files", "certificates"}


def paths(row: dict[str, Any]) -> Iterator[str]:
    for key in ("links", "copies", "files"):
        yield from row.get(key, {})
    yield from row.get("copies", {}).values()
    for one in row["alternatives"] if isinstance(row.get("alternatives"), list) else ():
        yield from one[:2]


@pytest.mark.parametrize("name", ROWS)
def test_every_row_says_why_and_can_be_replayed(name: str) -> None:
    row = ROWS[name]

    assert row["why"]
    assert set(row) <= KEYS
    for path in paths(row):
        assert not path.startswith("/")
        assert ".." not in path.split("/")
    replay_of(name, {"postinst": "#!/bin/sh\nsomething new\n"})


def test_every_cut_and_every_trim_has_its_reason() -> None:
    table = tables.load("os_packages")
    reasons = [*table["cuts"].values(), *table["trim"].values(), *table["keep"].values()]
    reasons += [reason for edges in table["cut_edges"].values() for reason in edges.values()]
    assert all(isinstance(reason, str) and reason for reason in reasons)
    assert all(row["why"] for row in tables.load("python_modules")["packages"].values())


def test_a_table_that_is_none_is_a_bug() -> None:
    with pytest.raises(FileNotFoundError):
        tables.load("no_such_table")
