"""CUDA toolkits: the driver that each needs, and the oldest GPUs that it compiles for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables
from slimtorch.tables.torch import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINOR = re.compile(r"\d+\.\d+")
_DRIVER = re.compile(r"\d{3}(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Toolkit:
    """A CUDA toolkit (``13.0``): the NVIDIA `driver` for Linux that it came with, and the `lowest` capability.

    `compatible` is the driver that is enough for every toolkit of the same major version.
    """

    cuda: str
    driver: str
    compatible: str
    lowest: str


@cache
def toolkits() -> tuple[Toolkit, ...]:
    """Every toolkit of the table, oldest first.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_table(tables.load("cuda"))


def check_table(table: Mapping[str, Any]) -> tuple[Toolkit, ...]:
    """The table's toolkits.

    Raises:
        ValueError: a row is incomplete, out of order, or no version; a driver falls behind that of an older toolkit.
    """
    majors, found = table["majors"], []
    for row in table["toolkits"]:
        cuda, driver, lowest = (str(row.get(key, "")) for key in ("cuda", "driver", "lowest"))
        compatible = str(majors.get(cuda.partition(".")[0], ""))
        if not (_MINOR.fullmatch(cuda) and _MINOR.fullmatch(lowest)):
            raise ValueError(f"the CUDA table holds {cuda!r} or {lowest!r}, which is not MAJOR.MINOR")
        if not (_DRIVER.fullmatch(driver) and _DRIVER.fullmatch(compatible)):
            raise ValueError(f"the CUDA table has no driver for CUDA {cuda}, or none for its major version")
        if parse(compatible) > parse(driver):
            raise ValueError(f"the CUDA table's driver of CUDA {cuda} is older than that of its major version")
        found.append(Toolkit(cuda, driver, compatible, lowest))
    for key in ("cuda", "driver"):
        versions = [parse(getattr(toolkit, key)) for toolkit in found]
        if versions != sorted(set(versions)):
            raise ValueError(f"the CUDA table is not in order, or a {key} is there twice")
    return tuple(found)


def find(cuda: str) -> Toolkit | None:
    """The toolkit of a CUDA version (``13.0``, ``13.0.2``); None when the table does not hold it."""
    return next((toolkit for toolkit in toolkits() if parse(toolkit.cuda) == parse(cuda)[:2]), None)


def driver(cuda: str, *, exact: bool = False) -> str:
    """The lowest NVIDIA driver for Linux that serves this CUDA version; '' when it is not known.

    Any driver of the major version is enough for what torch does (minor version compatibility); `exact` names the
    one that the toolkit came with, which features of the minor version may need.
    """
    if toolkit := find(cuda):
        return toolkit.driver if exact else toolkit.compatible
    same = [toolkit for toolkit in toolkits() if parse(toolkit.cuda)[:1] == parse(cuda)[:1]]
    return same[0].compatible if same and not exact else ""
