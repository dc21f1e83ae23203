"""Engines: ways to run a command in an image, one file each, best proof first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.host.engines.bubblewrap import Bubblewrap
from slimtorch.host.engines.daemon import DOCKER, PODMAN
from slimtorch.host.engines.interpreter import interpreter
from slimtorch.host.engines.loader import Loader
from slimtorch.host.engines.model import Command, Container, Engine, Property
from slimtorch.host.engines.runc import Runc
from slimtorch.host.engines.unshare import Unshare

if TYPE_CHECKING:
    from collections.abc import Sequence

ENGINES: Sequence[Engine] = (DOCKER, PODMAN, Runc(), Bubblewrap(), Unshare(), Loader())
"""All engines, those that prove most first."""

__all__ = ["ENGINES", "Command", "Container", "Engine", "Property", "interpreter"]
