"""The command line's world, made once for all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import apt_repo, machine_debs
from tests.support.shop import Shop, Stock, open_shop, stock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "flows"


@pytest.fixture(scope="session")
def made(shared: Path) -> Stock:
    """What every test starts from."""
    if not apt_repo.HAS_GPG:
        pytest.skip("gpg or apt-get is not installed (apt-get install gpg)")
    if why := machine_debs.obstacle():
        pytest.skip(why)
    return stock(shared)


@pytest.fixture
def shop(made: Stock, tmp_path: Path) -> Shop:
    """A locked project of the test's own; the cache is shared."""
    return open_shop(made, tmp_path)
