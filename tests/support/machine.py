"""A whole machine for flows: real tools, nothing shown, a cache of the test's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from slimtorch.host import process
from slimtorch.host.cache import Cache
from slimtorch.host.machine import Machine
from slimtorch.host.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path


def quiet_machine(folder: Path) -> Machine:
    """The machine, with its cache in `folder`."""
    return Machine(process.run, Cache(folder / "cache"), Silent(), os.environ, folder, offline=True)
