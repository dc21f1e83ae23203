"""Real source distributions, whose own metadata says what they need. Nothing of theirs is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import SlimtorchError
from tests.support import sdists

if TYPE_CHECKING:
    from pathlib import Path

PINS = sdists.pins()

pytestmark = pytest.mark.live


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: pin.name)
def test_no_declared_requirement_is_called_superfluous(pin: sdists.Pin, tmp_path: Path) -> None:
    here = sdists.machine()
    try:
        data = sdists.fetched(pin, here)
    except SlimtorchError as error:
        pytest.skip(f"the default index does not hold {pin.name} {pin.version}: {error.message}")
    judged = sdists.judged(pin, data, tmp_path, here)
    assert judged.declared
    assert judged.unneeded.keys() == pin.unneeded.keys(), judged.unneeded
    assert judged.declared.isdisjoint(judged.imported)


def test_there_are_enough() -> None:
    assert len(PINS) >= 12
