"""The nouns of device code. Offsets are file offsets; sizes are bytes. Format: docs/design/device-code.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an entry holds."""

    PTX = "ptx"
    CUBIN = "cubin"
    LTO_IR = "lto-ir"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a container: header and payload are `size` bytes from `offset` on.

    `architecture` is 90 for sm_90, `suffix` '', ``a`` (exactly this one) or ``f`` (its family). `unpacked` is the
    payload's size before compression, 0 where it is not compressed; `packing` is '', ``lz4`` or ``zstd``.
    """

    offset: int
    size: int
    kind: Kind
    architecture: int
    suffix: str
    packing: str
    unpacked: int

    @property
    def name(self) -> str:
        """The architecture as tools write it: ``sm_90a``, ``compute_90``, ``lto_90``."""
        prefix = {Kind.PTX: "compute", Kind.LTO_IR: "lto"}.get(self.kind, "sm")
        return f"{prefix}_{self.architecture}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Container:
    """One container, header included: `size` bytes from `offset` on. `section` is the one it stands in, '' for none."""

    offset: int
    size: int
    section: str
    codes: tuple[Code, ...]
