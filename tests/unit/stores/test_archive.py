from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.errors import ArchiveError, ImageError, SlimtorchError, VerificationError
from slimtorch.host.cache import Cache
from slimtorch.image.codec import NONE, ZSTD, compressor
from slimtorch.image.digest import of_bytes
from slimtorch.image.flatten import flatten
from slimtorch.image.validate import validate
from slimtorch.stores import archive
from slimtorch.stores.index import REF_NAME
from tests.support.images import Memory, make_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGE = make_image({"a/x": b"1"}, {"b": b"2" * 100_000})
PLAIN = make_image({"a/x": b"1"}, {"b": b"2" * 10_000}, codec=NONE)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_is_written_is_read(tmp_path: Path, cache: Cache) -> None:
    archive.write(IMAGE, tmp_path / "new" / "x.tar", "team/digits:v1")
    found = archive.read(tmp_path / "new" / "x.tar", cache)
    assert found == IMAGE
    assert validate(found) == []
    assert archive.read(tmp_path / "new" / "x.tar", cache, "team/digits:v1") == IMAGE
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.tar"]
    assert not cache.root.exists()


def test_both_readings_carry_the_full_name(tmp_path: Path) -> None:
    archive.write(IMAGE, tmp_path / "x.tar", "localhost:5000/team/digits")
    with tarfile.open(tmp_path / "x.tar") as handle:
        index, manifest = (json.load(handle.extractfile(n) or io.BytesIO()) for n in ("index.json", "manifest.json"))
    annotations = index["manifests"][0]["annotations"]
    assert set(annotations.values()) == {"localhost:5000/team/digits:latest"}
    assert set(annotations) == {REF_NAME, "io.containerd.image.name"}
    assert manifest[0]["RepoTags"] == ["localhost:5000/team/digits:latest"]


def test_equal_images_give_equal_archives(tmp_path: Path) -> None:
    for name in ("one", "two"):
        archive.write(make_image({"a/x": b"1"}, {"b": b"2" * 100_000}), tmp_path / name, "n:v1")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_failed_write_leaves_the_old_archive(tmp_path: Path) -> None:
    target = tmp_path / "x.tar"
    archive.write(IMAGE, target, "n:v1")
    before = target.read_bytes()
    layer = IMAGE.layers[0]
    with pytest.raises(VerificationError):
        archive.write(make_broken(layer), target, "n:v1")
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def make_broken(layer: Any) -> Any:
    return replace(IMAGE, layers=(replace(layer, open=lambda: io.BytesIO(b"short")),))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed_archives_are_read_through_the_cache(tmp_path: Path, cache: Cache, compression: str) -> None:
    archive.write(IMAGE, tmp_path / "x.tar", "n:v1")
    data = (tmp_path / "x.tar").read_bytes()
    if compression == "gzip":
        stored = gzip.compress(data)
    else:
        out = Memory()
        with compressor(ZSTD, out) as stream:
            stream.write(data)
        stored = bytes(out.data)
    (tmp_path / "x.tar.z").write_bytes(stored)
    found = archive.read(tmp_path / "x.tar.z", cache)
    (tmp_path / "x.tar.z").unlink()
    assert found == IMAGE
    assert validate(found) == []
    (tmp_path / "cut").write_bytes(stored[: len(stored) // 2])
    with pytest.raises(ArchiveError, match="cut is damaged: it is cut short"):
        archive.read(tmp_path / "cut", cache)
    assert not list((cache.root / "tmp").iterdir())


# -- archives by docker save ---------------------------------------------------------------------------------------


def docker_archive(path: Path, records: Any, files: Mapping[str, bytes | str]) -> None:
    """An archive in docker's old form; text values are symbolic links, as for layers that are there twice."""
    with tarfile.open(path, "w") as handle:
        for name, value in {**files, "manifest.json": json.dumps(records).encode()}.items():
            member = tarfile.TarInfo(name)
            if isinstance(value, str):
                member.type, member.linkname = tarfile.SYMTYPE, value
                handle.addfile(member)
            else:
                member.size = len(value)
                handle.addfile(member, io.BytesIO(value))


def stored(number: int, image: Any = PLAIN) -> bytes:
    with image.layers[number].open() as stream:
        return bytes(stream.read())


RECORD = {"Config": "c.json", "RepoTags": ["n:v1"], "Layers": ["1/layer.tar", "2/layer.tar"]}


def test_an_old_archive_of_docker_is_read(tmp_path: Path, cache: Cache) -> None:
    files = {"c.json": PLAIN.config, "1/layer.tar": stored(0), "2/layer.tar": stored(1)}
    docker_archive(tmp_path / "x.tar", [RECORD], files)
    found = archive.read(tmp_path / "x.tar", cache)
    assert validate(found) == []
    assert [layer.diff_id for layer in found.layers] == [layer.diff_id for layer in PLAIN.layers]
    assert set(flatten(found.layers)) == {"a", "a/x", "b"}
    assert found.config == PLAIN.config


def test_compressed_layers_and_links_between_layers(tmp_path: Path, cache: Cache) -> None:
    twice = make_image({"a": b"1"}, {"a": b"1"})
    files = {"c.json": twice.config, "1/layer.tar": stored(0, twice), "2/layer.tar": "../1/layer.tar"}
    docker_archive(tmp_path / "x.tar", [RECORD], files)
    assert validate(archive.read(tmp_path / "x.tar", cache)) == []


def test_one_of_several_images_is_chosen_by_name(tmp_path: Path, cache: Cache) -> None:
    files = {"c.json": PLAIN.config, "1/layer.tar": stored(0), "2/layer.tar": stored(1)}
    docker_archive(tmp_path / "x.tar", [RECORD, {**RECORD, "RepoTags": ["other:v2"]}], files)
    assert validate(archive.read(tmp_path / "x.tar", cache, "other:v2")) == []
    with pytest.raises(ImageError, match="holds several images") as caught:
        archive.read(tmp_path / "x.tar", cache)
    assert caught.value.hint == "it holds n:v1, other:v2"
    with pytest.raises(ImageError, match="holds no image 'third:v3'"):
        archive.read(tmp_path / "x.tar", cache, "third:v3")


def test_a_layer_that_was_swapped_is_found_when_it_is_read(tmp_path: Path, cache: Cache) -> None:
    files = {"c.json": PLAIN.config, "1/layer.tar": stored(0), "2/layer.tar": stored(0)}
    docker_archive(tmp_path / "x.tar", [RECORD], files)
    with (
        pytest.raises(VerificationError, match=r"layer 2/layer\.tar"),
        archive.read(tmp_path / "x.tar", cache).layers[1].open() as stream,
    ):
        stream.read()


@pytest.mark.parametrize(
    "record",
    [
        {},
        {**RECORD, "Config": 1},
        {**RECORD, "Config": "../../etc/passwd"},
        {**RECORD, "Config": "missing"},
        {**RECORD, "Layers": ["1/layer.tar"]},
        {**RECORD, "Layers": ["1/layer.tar", "missing"]},
        {**RECORD, "Layers": [1, 2]},
        {**RECORD, "Config": "1/layer.tar"},
        {**RECORD, "Layers": ["loop", "loop"]},
    ],
)
def test_hostile_docker_archives_are_refused(tmp_path: Path, cache: Cache, record: Any) -> None:
    files = {"c.json": PLAIN.config, "1/layer.tar": stored(0), "2/layer.tar": stored(1), "loop": "loop"}
    docker_archive(tmp_path / "x.tar", [record], files)
    with pytest.raises(ImageError):
        archive.read(tmp_path / "x.tar", cache)


# -- damage --------------------------------------------------------------------------------------------------------


def packed() -> bytes:
    out = Memory()
    archive.stream(make_image({"a/x": b"1"}), out, "n:v1")
    return bytes(out.data)


GOOD = packed()


@pytest.mark.parametrize("cut", range(0, len(GOOD) - 512, 1711))
def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path, cache: Cache, cut: int) -> None:
    (tmp_path / "x.tar").write_bytes(GOOD[:cut])
    with pytest.raises(ArchiveError, match=r"archive:.*x\.tar: the archive is cut short"):
        archive.read(tmp_path / "x.tar", cache)


def test_a_large_blob_that_is_cut_short_is_refused_although_it_is_skipped(tmp_path: Path, cache: Cache) -> None:
    archive.write(make_image({"big": b"5" * 5_000_000}, codec=NONE), tmp_path / "x.tar")
    data = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "x.tar").write_bytes(data[: len(data) // 2])
    with pytest.raises(ArchiveError, match="cut short"):
        archive.read(tmp_path / "x.tar", cache)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_gives_one_of_our_errors_or_is_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    (folder / "fuzzed.tar").write_bytes(damaged)
    try:
        found = archive.read(folder / "fuzzed.tar", Cache(folder / "cache"))
    except SlimtorchError:
        return
    assert of_bytes(found.manifest) == found.digest
    assert validate(found) == [] or found.layers


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100, bytes(1024), b"\x1f\x8b\x08 no gzip"])
def test_files_that_are_no_archive_are_refused(tmp_path: Path, cache: Cache, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(SlimtorchError):
        archive.read(tmp_path / "x.tar", cache)


def test_a_missing_archive_is_said(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(ImageError, match="is not there"):
        archive.read(tmp_path / "nothing.tar", cache)
