"""What an image is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.errors import ImageError
from slimtorch.image import reference as references
from slimtorch.inventory import gpu_code as gpu_code_facts
from slimtorch.inventory.files import of_directory
from slimtorch.inventory.take import take
from slimtorch.stores.files import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.host.machine import Machine
    from slimtorch.inventory.gpu_code import Library
    from slimtorch.inventory.model import Inventory
    from slimtorch.tables.gpus import Gpu


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


@dataclass(frozen=True, slots=True)
class ShownCode:
    """An image's reference, with its digest, or a folder's; its libraries with code for GPUs; the GPUs asked about."""

    reference: str
    libraries: tuple[Library, ...]
    gpus: tuple[Gpu, ...] = ()


def gpu_code(reference: str, gpus: Sequence[Gpu], machine: Machine) -> ShownCode:
    """The code for GPUs in the image at `reference`, or in any folder: also one that is no root file system."""
    parsed = references.parse(reference)
    if parsed.scheme == "dir":
        with explained(str(parsed)):
            if not parsed.path.is_dir():
                raise ImageError(f"{parsed.path} is not a folder", hint="dir:PATH is any folder with libraries in it")
            found = gpu_code_facts.of_files(of_directory(parsed.path, owners=False), gpus)
        return ShownCode(str(parsed), found, tuple(gpus))
    image = stores.read(parsed, machine)
    with explained(str(parsed)):
        return ShownCode(str(replace(parsed, digest=image.digest)), gpu_code_facts.of_image(image, gpus), tuple(gpus))
