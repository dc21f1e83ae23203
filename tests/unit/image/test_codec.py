from __future__ import annotations

import gzip
import io
import random
import subprocess
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.errors import ArchiveError
from slimtorch.image import deflate
from slimtorch.image.codec import GZIP, NONE, ZSTD, Codec, compressor, media_codec
from slimtorch.image.inflate import decompressor, limit_for, sniff
from slimtorch.image.zstandard import CompressionParameter, ZstdCompressor
from tests.support.images import Memory

if TYPE_CHECKING:
    from pathlib import Path


def sample(size: int) -> bytes:
    """Bytes with some order in them, always the same."""
    source = random.Random(7)  # noqa: S311  (test data)
    words = [source.randbytes(source.randint(2, 40)) for _ in range(500)]
    out = bytearray()
    while len(out) < size:
        out += source.choice(words)
    return bytes(out[:size])


DATA = sample(5_000_003)


def compressed(kind: Codec, data: bytes, step: int) -> bytes:
    out = Memory()
    with compressor(kind, out) as stream:
        for start in range(0, len(data), step):
            stream.write(data[start : start + step])
    return bytes(out.data)


def inflated(data: bytes, media_type: str, limit: int = 1 << 30) -> bytes:
    with decompressor(io.BytesIO(data), media_type, "x.tar", limit=limit) as stream:
        return stream.read()


@pytest.mark.parametrize("kind", [GZIP, ZSTD, NONE], ids=lambda kind: kind.name)
@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, len(DATA)])
def test_bytes_do_not_depend_on_the_sizes_of_writes(kind: Codec, size: int) -> None:
    data = DATA[:size]
    whole = compressed(kind, data, 1 << 30)
    assert compressed(kind, data, 10_007) == whole
    assert compressed(kind, data, 1 << 20) == whole
    assert inflated(whole, kind.media_type) == data
    assert media_codec(kind.media_type) == kind.name


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_gzip_does_not_depend_on_threads(threads: int) -> None:
    out = Memory()
    writer = deflate.GzipWriter(out.write, 6, threads)
    writer.write(DATA)
    writer.close()
    assert bytes(out.data) == compressed(GZIP, DATA, 1 << 16)


@pytest.mark.parametrize("workers", [1, 4])
def test_zstd_does_not_depend_on_workers(workers: int) -> None:
    options: dict[int, int] = {
        CompressionParameter.compression_level: ZSTD.level,
        CompressionParameter.nb_workers: workers,
    }
    stream = ZstdCompressor(options=options)
    assert stream.compress(DATA) + stream.flush() == compressed(ZSTD, DATA, 1 << 16)


def test_gzip_is_one_member_that_others_read(tmp_path: Path) -> None:
    data = compressed(GZIP, DATA, 1 << 16)
    member = zlib.decompressobj(wbits=31)
    assert member.decompress(data) == DATA
    assert member.eof
    assert member.unused_data == b""
    (tmp_path / "x.gz").write_bytes(data)
    subprocess.run(["gzip", "-t", str(tmp_path / "x.gz")], check=True)


def test_primed_blocks_compress_nearly_as_well_as_one_stream() -> None:
    assert len(compressed(GZIP, DATA, 1 << 20)) < 1.01 * len(gzip.compress(DATA, 6))


def test_gzip_holds_few_blocks() -> None:
    seen = []
    writer = deflate.GzipWriter(seen.append, 6, 2)
    for _ in range(12):
        writer.write(bytes(1 << 20))
    # Of twelve blocks at most the five that may wait are still inside.
    assert len(seen) >= 1 + 12 - 5
    writer.abandon()


def test_a_failed_context_writes_no_end() -> None:
    out = Memory()
    with pytest.raises(TypeError), compressor(GZIP, out) as stream:
        stream.write(DATA + None)  # type: ignore[operator]
    with pytest.raises(ArchiveError, match="cut short"):
        inflated(bytes(out.data), "tar+gzip")


def test_an_identity_names_library_version_and_level() -> None:
    assert ZSTD.id == f"zstd:5:libzstd-{ZSTD.version}-mt"
    assert replace(GZIP, level=9).id == f"gzip:9:zlib-{zlib.ZLIB_RUNTIME_VERSION}-f{deflate.FORMAT}"
    assert NONE.id == "none"
    assert len({replace(ZSTD, level=level).id for level in (1, 3, 19)}) == 3


# -- decompressing -------------------------------------------------------------------------------------------------


def test_members_and_frames_after_another_are_read() -> None:
    first, second = compressed(ZSTD, b"one", 9), compressed(ZSTD, b"two", 9)
    assert inflated(first + second, "tar+zstd") == b"onetwo"
    assert inflated(gzip.compress(b"one") + bytes(900_000) + gzip.compress(b"two") + bytes(7), "tar.gzip") == b"onetwo"


@pytest.mark.parametrize("kind", [GZIP, ZSTD], ids=lambda kind: kind.name)
def test_truncated_and_foreign_bytes_are_refused(kind: Codec) -> None:
    data = compressed(kind, DATA[:300_000], 1 << 20)
    for cut in (1, 5, 11, len(data) // 2, len(data) - 1):
        with pytest.raises(ArchiveError, match=r"x\.tar is damaged"):
            inflated(data[:cut], kind.media_type)
    with pytest.raises(ArchiveError, match=r"x\.tar is damaged"):
        inflated(b"no such thing", kind.media_type)


@pytest.mark.parametrize("kind", [GZIP, ZSTD], ids=lambda kind: kind.name)
def test_a_bomb_is_stopped(kind: Codec) -> None:
    bomb = compressed(kind, bytes(20 << 20), 1 << 20)
    assert len(bomb) < 40_000
    with pytest.raises(ArchiveError, match="more than its size explains"):
        inflated(bomb, kind.media_type, limit=1 << 20)
    assert limit_for(len(bomb)) > 20 << 20


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_gives_an_archive_error_or_other_bytes(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([GZIP, ZSTD]))
    stored = bytearray(_SMALL[kind.name])
    for _ in range(data.draw(st.integers(1, 3))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    try:
        inflated(bytes(stored[: data.draw(st.integers(0, len(stored)))]), kind.media_type)
    except ArchiveError:
        return


_SMALL = {kind.name: compressed(kind, DATA[:5000], 1 << 20) for kind in (GZIP, ZSTD)}


def test_sniffing() -> None:
    assert [sniff(_SMALL["gzip"]), sniff(_SMALL["zstd"]), sniff(b""), sniff(bytes(8))] == ["gzip", "zstd", "", ""]
