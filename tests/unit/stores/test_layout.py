from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.errors import ImageError, MachineError, SlimtorchError, VerificationError
from slimtorch.image.codec import ZSTD
from slimtorch.image.digest import Digest, of_bytes
from slimtorch.image.model import INDEX
from slimtorch.image.referrer import refer
from slimtorch.image.validate import validate
from slimtorch.stores import layout
from slimtorch.stores.index import REF_NAME
from tests.support.images import RUNTIME, make_image, write_layer

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.image.model import Image

ONE = make_image({"a/x": b"1"}, {"b": b"2" * 10_000}, codec=ZSTD)
TWO = make_image({"a/x": b"1"}, {"b": b"3" * 10_000}, codec=ZSTD)
ARM = make_image({"arm": b"1"}, runtime=replace(RUNTIME, architecture="arm64"))


def names(path: Path) -> dict[str, str]:
    records = json.loads((path / "index.json").read_bytes())["manifests"]
    return {record.get("annotations", {}).get(REF_NAME, ""): record["digest"] for record in records}


def stamps(path: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in path.rglob("*") if p.is_file()}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path / "dist", "v1")
    found = layout.read(tmp_path / "dist", "v1")
    assert found == ONE
    assert validate(found) == []
    assert json.loads((tmp_path / "dist" / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert not list((tmp_path / "dist").glob(".*"))


def test_other_tags_stay_and_the_same_tag_is_replaced(tmp_path: Path) -> None:
    for image, tag in ((ONE, "v1"), (TWO, "v2"), (TWO, "v1"), (ONE, "")):
        layout.write(image, tmp_path, tag)
    assert names(tmp_path) == {"v1": TWO.digest, "v2": TWO.digest, "": ONE.digest}


def test_an_unchanged_image_writes_nothing_and_is_quick(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    before = stamps(tmp_path)
    start = time.perf_counter()
    layout.write(ONE, tmp_path, "v1")
    assert time.perf_counter() - start < 0.1
    assert stamps(tmp_path) == before


def test_unknown_keys_of_an_index_survive(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    index = json.loads((tmp_path / "index.json").read_bytes())
    (tmp_path / "index.json").write_text(json.dumps({**index, "annotations": {"theirs": "kept"}}))
    layout.write(TWO, tmp_path, "v2")
    assert json.loads((tmp_path / "index.json").read_bytes())["annotations"] == {"theirs": "kept"}


def test_blobs_are_copies_of_the_cache_and_not_links(tmp_path: Path) -> None:
    write_layer(ONE.layers[0], tmp_path / "blob")
    layer = replace(ONE.layers[0], open=lambda: (tmp_path / "blob").open("rb"))
    layout.write(replace(ONE, layers=(layer, *ONE.layers[1:])), tmp_path / "dist", "v1")
    target = tmp_path / "dist" / layout.blob_path(layer.blob.digest)
    assert target.stat().st_nlink == 1
    target.write_bytes(b"changed")
    assert of_bytes((tmp_path / "blob").read_bytes()) == layer.blob.digest


def test_a_single_image_needs_no_tag(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    assert layout.read(tmp_path) == ONE
    layout.write(TWO, tmp_path, "v2")
    with pytest.raises(ImageError, match="several images") as caught:
        layout.read(tmp_path)
    assert caught.value.hint == "name one of them: v1, v2"
    assert layout.read(tmp_path, TWO.digest) == TWO


def test_a_missing_tag_names_those_that_are_there(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    with pytest.raises(ImageError, match="no image 'v9'") as caught:
        layout.read(tmp_path, "v9")
    assert caught.value.hint == "it holds v1"


def nested(path: Path, *images: Image) -> None:
    """A layout whose one tag is an index of several platforms, with an attestation among them."""
    for image in images:
        layout.write(image, path)
    records = [layout.entry(image, {}) for image in images]
    attestation = {**records[0], "platform": {"os": "unknown", "architecture": "unknown"}}
    data = layout.index_json([*records, attestation])
    (path / layout.blob_path(of_bytes(data))).write_bytes(data)
    record = {"mediaType": INDEX, "digest": of_bytes(data), "size": len(data), "annotations": {REF_NAME: "multi"}}
    (path / "index.json").write_bytes(layout.index_json([record]))


def test_a_platform_is_chosen_from_an_index(tmp_path: Path) -> None:
    nested(tmp_path, ARM, ONE)
    assert layout.read(tmp_path, "multi") == ONE
    assert layout.read(tmp_path, platform="linux/arm64") == ARM
    with pytest.raises(ImageError, match="no image for linux/s390x") as caught:
        layout.read(tmp_path, "multi", platform="linux/s390x")
    assert caught.value.hint == "it offers: linux/amd64, linux/arm64"


def test_the_only_image_needs_no_platform(tmp_path: Path) -> None:
    nested(tmp_path, ARM)
    assert layout.read(tmp_path) == ARM


def test_an_index_that_holds_itself_ends(tmp_path: Path) -> None:
    nested(tmp_path, ONE)
    record = {"mediaType": INDEX, "digest": "sha256:" + "0" * 64, "size": 3}
    for _ in range(6):
        data = layout.index_json([record])
        (tmp_path / layout.blob_path(of_bytes(data))).write_bytes(data)
        record = {"mediaType": INDEX, "digest": of_bytes(data), "size": len(data)}
    (tmp_path / "index.json").write_bytes(layout.index_json([record]))
    with pytest.raises(ImageError, match="nested too deeply"):
        layout.read(tmp_path)


# -- damage --------------------------------------------------------------------------------------------------------


def consume(path: Path) -> None:
    for layer in layout.read(path, "v1").layers:
        with layer.open() as stream:
            stream.read()


@pytest.mark.parametrize("change", ["flip", "cut", "grow"])
@pytest.mark.parametrize("which", ["manifest", "config", "layer"])
def test_damaged_blobs_are_found(tmp_path: Path, change: str, which: str) -> None:
    layout.write(ONE, tmp_path, "v1")
    digests = {
        "manifest": ONE.digest,
        "config": ONE.config_descriptor.digest,
        "layer": ONE.layers[1].blob.digest,
    }
    blob = tmp_path / layout.blob_path(digests[which])
    data = blob.read_bytes()
    blob.write_bytes({"flip": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-1], "grow": data + b"x"}[change])
    with pytest.raises(VerificationError, match=r"promised|not sha256"):
        consume(tmp_path)


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    (tmp_path / layout.blob_path(ONE.layers[0].blob.digest)).unlink()
    with pytest.raises(ImageError, match=f"lacks the blob {ONE.layers[0].blob.digest}"):
        layout.read(tmp_path).layers[0].open()


DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"manifests":{}}',
        b'{"manifests":[1]}',
        b'{"manifests":[{}]}',
        b'{"manifests":[{"mediaType":"x","digest":"../../etc/passwd","size":1}]}',
        b'{"manifests":[{"mediaType":"x","digest":["a"],"size":1}]}',
        b'{"manifests":[{"mediaType":"x","digest":"%s","size":-1}]}' % DIGEST.encode(),
        b'{"manifests":[{"mediaType":"x","digest":"%s","size":true}]}' % DIGEST.encode(),
        b'{"manifests":[{"mediaType":"x","digest":"%s","size":1,"annotations":{"a":1}}]}' % DIGEST.encode(),
        b'{"manifests":[{"mediaType":"x","digest":"%s","size":1}]}' % DIGEST.encode(),
        b'{"manifests":[{"mediaType":"%s","digest":"%s","size":99999999}]}' % (INDEX.encode(), DIGEST.encode()),
        b" " * (5 << 20),
    ],
)
def test_hostile_indexes_are_refused(tmp_path: Path, index: bytes) -> None:
    layout.write(ONE, tmp_path, "v1")
    (tmp_path / "index.json").write_bytes(index)
    with pytest.raises(SlimtorchError):
        layout.read(tmp_path)


@pytest.mark.parametrize("key", ["layers", "config"])
@pytest.mark.parametrize("value", [None, 1, [], [1], {}, {"digest": 1}])
def test_hostile_manifests_are_refused(tmp_path: Path, key: str, value: Any) -> None:
    manifest = json.dumps({**json.loads(ONE.manifest), key: value}).encode()
    layout.write(replace(ONE, manifest=manifest), tmp_path, "v1")
    with pytest.raises(SlimtorchError):
        layout.read(tmp_path)


@pytest.mark.parametrize("value", [None, 1, {}, {"diff_ids": 1}, {"diff_ids": [1]}, {"diff_ids": ["x", "y"]}])
def test_hostile_configurations_are_refused(tmp_path: Path, value: Any) -> None:
    config = json.dumps({**ONE.settings, "rootfs": value}).encode()
    manifest = json.loads(ONE.manifest)
    manifest["config"] |= {"digest": of_bytes(config), "size": len(config)}
    layout.write(replace(ONE, config=config, manifest=json.dumps(manifest).encode()), tmp_path, "v1")
    with pytest.raises(SlimtorchError):
        layout.read(tmp_path)


def test_a_layer_that_is_not_as_large_as_promised_is_not_placed(tmp_path: Path) -> None:
    short = replace(ONE.layers[0], open=TWO.layers[1].open)
    with pytest.raises(ImageError, match="does not have the"):
        layout.write(replace(ONE, layers=(short, *ONE.layers[1:])), tmp_path, "v1")
    assert not (tmp_path / layout.blob_path(short.blob.digest)).exists()


# -- places --------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_no_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ImageError, match="not an OCI layout"):
        layout.read(tmp_path)
    with pytest.raises(MachineError, match="not empty and not an OCI layout"):
        layout.write(ONE, tmp_path, "v1")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be used"):
        layout.write(ONE, tmp_path / "file", "v1")
    with pytest.raises(MachineError, match="cannot be used"):
        layout.write(ONE, tmp_path / "file" / "below", "v1")


# -- several writers, and killed ones ------------------------------------------------------------------------------


def _write_many(path: Path, worker: int) -> None:
    for number in range(8):
        layout.write(make_image({"x": b"%d" % worker}), path, f"w{worker}-{number}")


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_many, args=(tmp_path / "dist", number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert set(names(tmp_path / "dist")) == {f"w{worker}-{number}" for worker in range(3) for number in range(8)}


def _write_forever(path: Path) -> None:
    number = 0
    while True:
        number += 1
        data = os.urandom(200_000)
        layout.write(make_image({"x": data}), path, f"t{number % 3}")


def test_a_killed_writer_leaves_the_layout_whole(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "keep")
    source = random.Random(1)  # noqa: S311
    for _ in range(12):
        worker = multiprocessing.get_context("fork").Process(target=_write_forever, args=(tmp_path,))
        worker.start()
        time.sleep(source.uniform(0.01, 0.1))
        assert worker.pid
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(10)
        for tag in names(tmp_path):
            assert validate(layout.read(tmp_path, tag)) == []
    assert names(tmp_path)["keep"] == ONE.digest


def test_what_killed_writers_left_is_swept_after_a_day(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    for name, age in ((".old.tmp", 90_000), (".new.tmp", 10)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    layout.write(ONE, tmp_path, "v1")
    assert [path.name for path in tmp_path.glob(".*")] == [".new.tmp"]


# -- what refers to an image ------------------------------------------------------------------------------------------

KIND = "application/vnd.example.note.v1+json"


def attach(image: Image, path: Path, data: bytes = b'{"note":1}') -> None:
    layout.attach(refer(image.descriptor, data, KIND, "note.json"), path)


def test_what_refers_to_an_image_is_found_and_is_no_image(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    attach(ONE, tmp_path)
    assert layout.attached(tmp_path, ONE.digest, KIND) == b'{"note":1}'
    assert layout.attached(tmp_path, ONE.digest, "application/other") is None
    assert layout.attached(tmp_path, TWO.digest, KIND) is None
    assert layout.read(tmp_path) == layout.read(tmp_path, "v1") == ONE


def test_the_manifest_of_what_refers_is_that_of_the_specification(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    attach(ONE, tmp_path)
    record = json.loads((tmp_path / "index.json").read_bytes())["manifests"][1]
    assert record["artifactType"] == KIND
    manifest = json.loads((tmp_path / layout.blob_path(Digest(record["digest"]))).read_bytes())
    assert manifest["artifactType"] == KIND
    assert manifest["subject"] == ONE.descriptor.to_json()
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert (tmp_path / layout.blob_path(Digest(manifest["config"]["digest"]))).read_bytes() == b"{}"
    assert [layer["annotations"] for layer in manifest["layers"]] == [{"org.opencontainers.image.title": "note.json"}]


def test_writing_and_attaching_again_touches_nothing(tmp_path: Path) -> None:
    for image, tag in ((ONE, "v1"), (TWO, "v2")):
        layout.write(image, tmp_path, tag)
        attach(image, tmp_path)
    before = stamps(tmp_path)
    layout.write(ONE, tmp_path, "v1")
    attach(ONE, tmp_path)
    assert stamps(tmp_path) == before


def test_what_refers_goes_with_the_last_name_of_its_image(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    layout.write(ONE, tmp_path, "also")
    attach(ONE, tmp_path)
    layout.write(TWO, tmp_path, "v1")
    assert layout.attached(tmp_path, ONE.digest, KIND) is not None
    layout.write(TWO, tmp_path, "also")
    assert layout.attached(tmp_path, ONE.digest, KIND) is None
    assert names(tmp_path) == {"v1": TWO.digest, "also": TWO.digest}


def test_an_unnamed_image_takes_the_place_of_an_unnamed_image_only(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path)
    attach(ONE, tmp_path)
    layout.write(ONE, tmp_path)
    assert layout.attached(tmp_path, ONE.digest, KIND) is not None
    layout.write(TWO, tmp_path)
    assert names(tmp_path) == {"": TWO.digest}


def test_a_damaged_file_that_refers_is_noticed(tmp_path: Path) -> None:
    layout.write(ONE, tmp_path, "v1")
    attach(ONE, tmp_path)
    (tmp_path / layout.blob_path(of_bytes(b'{"note":1}'))).write_bytes(b'{"note":2}')
    with pytest.raises(VerificationError):
        layout.attached(tmp_path, ONE.digest, KIND)
