from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from slimtorch.errors import UsageError
from slimtorch.slim import ledger as ledgers
from slimtorch.slim.ledger import Row
from slimtorch.slim.model import Ledger, Note, Pass, Saving

LEDGER = Ledger(
    "safe",
    ("h100",),
    1000,
    600,
    (
        Saving(Pass.DEVICE_CODE, "a.so", "wheel:torch==2", 500, 300, "code", ("intact", "loads")),
        Saving(Pass.PATHS, "t/x.py", "", 50, 0, "tests", ("imports",)),
        Saving(Pass.PATHS, "t/y.py", "", 50, 0, "tests", ("imports",)),
        Saving(Pass.PATHS, "big.a", "", 100, 0, "static"),
        Saving(Pass.DEVICE_CODE, "b.so", "", 10, 10, "code", ("intact", "does not load here: no libx.so")),
    ),
    (Note("c.so", "left alone"),),
    {"vendor": False},
)


def test_the_json_gives_the_ledger_back() -> None:
    value = json.loads(json.dumps(ledgers.to_json(LEDGER)))
    assert ledgers.from_json(value) == LEDGER
    assert value["schema"] == 1
    assert value["experimental"] == ["device code"]


def test_the_digest_is_of_the_contents() -> None:
    assert ledgers.digest(LEDGER) == ledgers.digest(ledgers.from_json(ledgers.to_json(LEDGER)))
    assert ledgers.digest(LEDGER) != ledgers.digest(replace(LEDGER, after=599))


def test_savings_are_summed_up_by_pass_and_reason() -> None:
    assert ledgers.rows(LEDGER) == (
        Row(Pass.PATHS, 1, 100, "static", ()),
        Row(Pass.PATHS, 2, 100, "tests", ("imports",)),
        Row(Pass.DEVICE_CODE, 2, 200, "code", ("intact", "loads (1)", "does not load here (1)")),
    )
    assert [row.name for row in ledgers.rows(LEDGER)] == ["paths", "paths", "device code (experimental)"]


def test_every_byte_is_explained_or_not() -> None:
    assert ledgers.adds_up(LEDGER)
    assert not ledgers.adds_up(replace(LEDGER, after=601))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {**ledgers.to_json(LEDGER), "before": -1},
        {**ledgers.to_json(LEDGER), "before": True},
        {**ledgers.to_json(LEDGER), "gpus": [1]},
        {**ledgers.to_json(LEDGER), "savings": [{"pass": "magic"}]},
        {**ledgers.to_json(LEDGER), "settings": []},
        {**ledgers.to_json(LEDGER), "after": LEDGER.after + 1},
    ],
)
def test_what_is_no_ledger_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="not a ledger"):
        ledgers.from_json(value)


def test_a_newer_form_is_refused() -> None:
    with pytest.raises(UsageError, match="form '2'") as error:
        ledgers.from_json({**ledgers.to_json(LEDGER), "schema": 2})
    assert error.value.hint
