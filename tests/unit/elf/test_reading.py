from __future__ import annotations

import io
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from slimtorch.elf.reading import Bytes, opened, readable

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.elf.reading import Readable

DATA = bytes(range(100))
HUGE = 1 << 64


@pytest.mark.parametrize("kind", ["bytes", "open file", "stream", "buffered", "unbuffered"])
def test_nothing_is_asked_for_that_is_not_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with ExitStack() as stack:
        source: Readable
        match kind:
            case "bytes":
                source = Bytes(DATA)
            case "open file":
                source = stack.enter_context(opened(path))
            case "stream":
                source = readable(io.BytesIO(DATA))
            case _:
                source = readable(stack.enter_context(path.open("rb", buffering=-1 if kind == "buffered" else 0)))
        assert source.size == 100
        assert source.at(90, 5) == DATA[90:95]
        assert source.at(90, HUGE) == DATA[90:]
        assert [source.at(offset, 5) for offset in (100, HUGE, -1)] == [b"", b"", b""]
        assert source.at(HUGE, 0) == b""
