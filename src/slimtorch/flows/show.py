"""What an image is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.image import reference as references
from slimtorch.inventory.take import take

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.inventory.model import Inventory


@dataclass(frozen=True, slots=True)
class Shown:
    """An image's reference, with its digest, and its inventory."""

    reference: str
    inventory: Inventory


def show(reference: str, machine: Machine) -> Shown:
    """The inventory of the image at `reference`."""
    parsed = references.parse(reference)
    image = stores.read(parsed, machine)
    return Shown(str(replace(parsed, digest=image.digest)), take(image))
