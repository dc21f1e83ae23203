"""A changed tree goes back into the layers it came from: the same view as the edited one, other layers untouched."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slimtorch.errors import ArchiveError, ProofError, VerificationError
from slimtorch.image.codec import GZIP, NONE, ZSTD
from slimtorch.image.digest import of_bytes
from slimtorch.image.flatten import flatten
from slimtorch.image.layer import FILES_ANNOTATION, SIZE_ANNOTATION, Descriptor, Layer
from slimtorch.image.opened import below, traced, unpacked
from slimtorch.image.relayer import changes
from slimtorch.image.rewriting import rewrite
from slimtorch.image.tree import FileTree, Kind, symlink
from slimtorch.image.unpack import unpack
from tests.support.images import Memory, content, make_file, make_layer, make_tree
from tests.support.layers import unpacked as tar_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from slimtorch.image.tree import Entry

ODD = b"an extended attribute"


def layers_of(*files: Mapping[str, bytes | str]) -> list[Layer]:
    return [make_layer(make_tree(each), name=f"layer{number}") for number, each in enumerate(files)]


def edited(tree: FileTree, drop: Sequence[str] = (), new: Mapping[str, bytes] | None = None) -> FileTree:
    """The tree without some paths, and with new contents."""
    kept = (entry for path, entry in tree.items() if path not in drop)
    news = new or {}
    return FileTree(replace(e, content=content(news[e.path])) if e.path in news else e for e in kept)


def relayered(
    layers: Sequence[Layer], root: Path, drop: Sequence[str] = (), new: Mapping[str, bytes] | None = None
) -> tuple[list[Layer], FileTree]:
    """The layers with the edits, and the tree that they have to give."""
    root.mkdir()
    opened = unpacked(layers, root)
    before = traced([[standing.entry for standing in one.standings] for one in opened])
    wanted = edited(below(before.tree, root), drop, new)
    made = []
    for one, changed in zip(opened, changes(opened, before, wanted), strict=True):
        if changed:
            sink = Memory()
            diff_id, blob = rewrite(one, changed, sink)
            made.append(Layer(diff_id, blob, sink.open))
        else:
            made.append(one.layer)
    return made, wanted


def seen(tree: FileTree) -> dict[str, tuple[object, ...]]:
    return {path: (e.kind, e.mode, e.uid, e.gid, e.link, e.content) for path, e in tree.items()}


def on_disk(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        data = f"-> {path.readlink()}" if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(root).as_posix()] = data
    return found


def names(layer: Layer) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tar_of(layer))) as archive:
        return archive.getnames()


def test_a_dropped_and_a_changed_file_change_their_layers_only(tmp_path: Path) -> None:
    layers = layers_of({"a/one": b"1", "a/two": b"2"}, {"b/three": b"3"}, {"c/four": b"4" * 5000})
    made, wanted = relayered(layers, tmp_path / "root", ["a/one"], {"c/four": b"new"})
    assert made[1] is layers[1]
    assert seen(flatten(made)) == seen(wanted)
    assert names(made[0]) == ["a", "a/two"]
    assert made[2].blob.size < layers[2].blob.size


@pytest.mark.parametrize("codec", [GZIP, ZSTD, NONE])
def test_media_type_and_codec_stay(tmp_path: Path, codec: object) -> None:
    layer = make_layer(make_tree({"a": b"1", "b": b"2"}), codec=codec)  # type: ignore[arg-type]
    docker = replace(layer, blob=replace(layer.blob, media_type=layer.blob.media_type.replace("oci", "docker")))
    made, wanted = relayered([docker], tmp_path / "root", ["a"])
    assert made[0].blob.media_type == docker.blob.media_type
    assert seen(flatten(made)) == seen(wanted)
    assert made[0].blob.digest == of_bytes(made[0].open().read())
    assert made[0].diff_id == of_bytes(tar_of(made[0]) if codec is not NONE else made[0].open().read())


def test_an_older_copy_goes_from_a_layer_that_changes_anyway(tmp_path: Path) -> None:
    layers = layers_of({"x": b"old" * 999, "y": b"old"}, {"x": b"new"})
    made, wanted = relayered(layers, tmp_path / "root", ["x", "y"])
    assert seen(flatten(made)) == seen(wanted) == {}
    assert not any(names(layer) for layer in made)


def test_an_older_copy_in_a_layer_that_stays_is_hidden(tmp_path: Path) -> None:
    layers = layers_of({"d/x": b"old"}, {"d/x": b"new", "d/z": b"z"})
    made, wanted = relayered(layers, tmp_path / "root", ["d/x"])
    assert made[0] is layers[0]
    assert "d/.wh.x" in names(made[1])
    assert sorted(flatten(made)) == sorted(wanted) == ["d", "d/z"]


def test_a_file_that_stood_in_a_folders_place_hides_it_again(tmp_path: Path) -> None:
    layers = layers_of({"d/x": b"x", "d/y": b"y"}, {"d": b"a file now"})
    made, _ = relayered(layers, tmp_path / "root", ["d"])
    assert made[0] is layers[0]
    assert sorted(flatten(made)) == []


def test_an_older_copy_that_a_hard_link_leads_to_stays(tmp_path: Path) -> None:
    layers = layers_of({"x": b"old", "same": "= x", "z": b"z"}, {"x": b"new"})
    made, wanted = relayered(layers, tmp_path / "root", ["x", "z"])
    assert seen(flatten(made)) == seen(wanted)
    assert flatten(made)["same"].content == content(b"old")


def test_what_is_not_understood_is_copied_as_it_stands(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        device = tarfile.TarInfo("dev/null")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
        for name, data in (("one", b"1"), ("l" * 150, b"22"), ("three", b"333")):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname = len(data), 1_700_000_000, "somebody"
            member.pax_headers = {"SCHILY.xattr.user.note": ODD.decode()}
            archive.addfile(member, io.BytesIO(data))
            archive.addfile(device)
    data = out.getvalue()
    blob = Descriptor("application/vnd.oci.image.layer.v1.tar", of_bytes(data), len(data))
    made, _ = relayered(
        [Layer(blob.digest, blob, lambda: io.BytesIO(data))], tmp_path / "root", ["one"], {"l" * 150: b"changed it"}
    )
    with tarfile.open(fileobj=made[0].open()) as archive:
        found = archive.getmembers()
        assert [member.name for member in found] == ["dev/null", "l" * 150, "dev/null", "three", "dev/null"]
        assert found[0].ischr()
        assert found[0].devminor == 3
        long = found[1]
        assert (long.size, long.mtime, long.uname) == (10, 1_700_000_000, "somebody")
        assert long.pax_headers["SCHILY.xattr.user.note"] == ODD.decode()
        stream = archive.extractfile(long)
        assert stream is not None
        assert stream.read() == b"changed it"


def test_annotations_stay_true(tmp_path: Path) -> None:
    layer = make_layer(make_tree({"a": b"1", "b": b"22"}))
    notes = {**layer.blob.annotations, FILES_ANNOTATION: "2", SIZE_ANNOTATION: "3", "their.own": "note"}
    lazy = {"containerd.io/snapshot/stargz/toc.digest": "sha256:00"}
    layer = replace(layer, blob=replace(layer.blob, annotations={**notes, **lazy}))
    made, _ = relayered([layer], tmp_path / "root", ["a"])
    assert dict(made[0].blob.annotations) == {**notes, FILES_ANNOTATION: "1", SIZE_ANNOTATION: "2"}


def test_a_changed_content_that_lies_is_refused(tmp_path: Path) -> None:
    layers = layers_of({"a": b"1"})
    (tmp_path / "root").mkdir()
    opened = unpacked(layers, tmp_path / "root")
    lie = replace(content(b"right"), open=lambda: io.BytesIO(b"wrong"))
    with pytest.raises(VerificationError, match="/a is not what was made of it"):
        rewrite(opened[0], {0: replace(make_file("a"), content=lie)}, Memory())


def test_contents_of_a_layer_that_was_read_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    opened = unpacked(layers_of({"a": b"1"}), tmp_path / "root")
    entry = opened[0].standings[0].entry
    assert entry.content is not None
    with pytest.raises(ArchiveError, match="was read already"):
        entry.content.open()


def test_a_change_that_layers_cannot_carry_is_a_failed_proof(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    opened = unpacked(layers_of({"a": b"1"}), tmp_path / "root")
    before = traced([[standing.entry for standing in one.standings] for one in opened])
    with pytest.raises(ProofError, match="/b differs"):
        changes(opened, before, FileTree([*before.tree.entries(), make_file("b", b"new")]))


# -- the property -----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "l/a", "d/e", "d"])
WHITEOUTS = st.sampled_from([".wh.a", ".wh.d", "d/.wh.a", "d/.wh..wh..opq", "d/e/.wh..wh..opq", "d/.wh.e", ".wh.b"])


@st.composite
def layer_trees(draw: st.DrawFn) -> FileTree:
    entries: dict[str, Entry] = {}
    for path in draw(st.lists(NAMES, max_size=6, unique=True)):
        if any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in entries):
            continue
        entries[path] = make_file(path, draw(st.binary(max_size=3)))
    if entries and draw(st.booleans()):
        target = draw(st.sampled_from(sorted(entries)))
        entries["z-link"] = replace(make_file("z-link"), kind=Kind.HARDLINK, link=target, content=None)
    if draw(st.booleans()) and not any(path.startswith("l/") for path in entries):
        entries["l"] = symlink("l", "d", "app")
    for path in draw(st.lists(WHITEOUTS, max_size=2, unique=True)):
        entries[path] = make_file(path)
    tree = make_tree({})
    parents = {p.rpartition("/")[0] for p in entries if "/" in p}
    explicit = make_tree(dict.fromkeys((p for p in parents if draw(st.booleans())), "/"))
    return FileTree([*tree.entries(), *(e for e in explicit.entries() if e.path not in entries), *entries.values()])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees=st.lists(layer_trees(), min_size=1, max_size=4), data=st.data())
def test_flattening_the_new_layers_gives_the_edited_tree(
    trees: list[FileTree], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    layers = [make_layer(tree, codec=NONE) for tree in trees]
    folder = tmp_path_factory.mktemp("relayer")
    try:
        old = flatten(layers)
        (folder / "old").mkdir()
        unpack(layers, folder / "old")
    except ArchiveError:
        return  # one that no runtime would take either
    targets = {entry.link for entry in old.values()}
    leaves = [p for p, e in old.items() if e.kind is not Kind.DIRECTORY and p not in targets]
    if any(path.startswith("l/") for tree in trees for path in tree):
        leaves = [p for p in leaves if p != "l"]  # other layers' files came through this link
    drop = data.draw(st.lists(st.sampled_from(leaves), unique=True)) if leaves else []
    files = [p for p, e in old.items() if e.kind is Kind.FILE and p not in drop and p not in targets]
    new = dict.fromkeys(data.draw(st.lists(st.sampled_from(files), unique=True)) if files else [], b"changed")
    made, wanted = relayered(layers, folder / "root", drop, new)
    assert seen(flatten(made)) == seen(wanted)
    (folder / "new").mkdir()
    unpack(made, folder / "new")
    kept = {p: c for p, c in on_disk(folder / "old").items() if p not in drop}
    expected = {p: new.get(p, c) for p, c in kept.items()}
    found = on_disk(folder / "new")
    assert {p: c for p, c in found.items() if c is not None} == {p: c for p, c in expected.items() if c is not None}
    if not drop and not new:
        assert all(one is other for one, other in zip(made, layers, strict=True))
