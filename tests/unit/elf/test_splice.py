from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.elf import splice
from slimtorch.elf.reading import Bytes, OpenFile
from slimtorch.elf.splice import Copy, Splice, Spliced, Zeros

if TYPE_CHECKING:
    from slimtorch.elf.splice import Piece

OLD = os.urandom(300_000)
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=50),
        st.integers(0, 200_000).map(Zeros),
        st.tuples(st.integers(0, 150_000), st.integers(0, 150_000)).map(lambda pair: Copy(*pair)),
    ),
    max_size=8,
)


def expected(pieces: list[Piece]) -> bytes:
    parts = [
        piece
        if isinstance(piece, bytes)
        else bytes(piece.size)
        if isinstance(piece, Zeros)
        else OLD[piece.start : piece.start + piece.size]
        for piece in pieces
    ]
    return b"".join(parts)


def written(source: Any, made: Splice, folder: str | None = None) -> bytes:
    with TemporaryFile(dir=folder) as target:
        made.write(source.fileno(), target.fileno())
        return os.pread(target.fileno(), made.size + 1, 0)


@settings(max_examples=60, deadline=None)
@given(PIECES, st.data())
def test_all_ways_to_the_new_file_agree(pieces: list[Piece], data: st.DataObject) -> None:
    made, whole = Splice(tuple(pieces)), expected(pieces)
    assert made.size == len(whole)
    assert b"".join(made.blocks(Bytes(OLD))) == whole
    assert all(0 < len(block) <= splice.BLOCK for block in made.blocks(Bytes(OLD)))
    view = Spliced(Bytes(OLD), made)
    assert view.size == len(whole)
    assert view.at(0, len(whole) + 9) == whole
    low, size = data.draw(st.integers(0, len(whole) + 5)), data.draw(st.integers(0, 100_000))
    assert view.at(low, size) == whole[low : low + size]
    with TemporaryFile() as source:
        source.write(OLD)
        source.flush()
        assert written(source, made) == whole


def test_another_file_system_gets_the_same_bytes(tmp_path: Path) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system (/dev/shm)")
    made = Splice((Copy(10, 200_000), b"between", Copy(0, 70_000), Zeros(5)))
    with TemporaryFile(dir=shared) as source:
        source.write(OLD)
        source.flush()
        assert written(source, made, str(tmp_path)) == expected(list(made.pieces))


@pytest.mark.parametrize("piece", [Copy(299_999, 2), Copy(250_000, 100_000), Copy(400_000, 1)])
def test_a_file_that_became_shorter_is_noticed(piece: Copy) -> None:
    made = Splice((piece,))
    with pytest.raises(EOFError):
        list(made.blocks(Bytes(OLD)))
    with pytest.raises(EOFError):
        Spliced(Bytes(OLD), made).at(0, made.size)
    with TemporaryFile() as source:
        source.write(OLD)
        source.flush()
        with pytest.raises(EOFError):
            written(source, made)


def test_a_full_disk_is_told() -> None:
    with TemporaryFile() as source, Path("/dev/full").open("wb", buffering=0) as target:
        source.write(OLD)
        source.flush()
        with pytest.raises(OSError, match="No space left"):
            Splice((Zeros(100_000), Copy(0, 300_000))).write(source.fileno(), target.fileno())


def test_reading_by_position_stays_inside_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as stream:
        file = OpenFile(stream.fileno())
        assert (file.size, file.at(8, 5), file.at(20, 5), file.at(2, 3)) == (10, b"89", b"", b"234")
