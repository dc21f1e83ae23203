"""Layers to one file system: as a tree, and unpacked into a folder; both have to agree."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.errors import ArchiveError, VerificationError
from slimtorch.image.codec import GZIP, NONE, ZSTD, Codec
from slimtorch.image.digest import of_bytes
from slimtorch.image.flatten import flatten, listing, overlay
from slimtorch.image.layer import LAYER_TAR, Descriptor, Layer
from slimtorch.image.pack import repack
from slimtorch.image.tree import Entry, FileTree, Kind, merge
from slimtorch.image.unpack import unpack
from slimtorch.image.untar import Limits
from tests.support.images import Memory, make_file, make_layer, make_tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def layers(*files: Mapping[str, bytes | str]) -> list[Layer]:
    return [make_layer(make_tree(one), name=f"l{number}", codec=NONE) for number, one in enumerate(files)]


def raw_layer(*members: tuple[str, bytes, str], data: bytes = b"") -> Layer:
    """A layer that our writer would never write."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as handle:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
            handle.addfile(member, io.BytesIO(data))
    stored = out.getvalue()
    return Layer(of_bytes(stored), Descriptor(LAYER_TAR, of_bytes(stored), len(stored)), lambda: io.BytesIO(stored))


def seen(tree: FileTree) -> dict[str, bytes | str]:
    """What a program in a container would see."""
    found: dict[str, bytes | str] = {}
    for path, entry in tree.items():
        source = tree[entry.link] if entry.kind is Kind.HARDLINK else entry
        if source.content:
            with source.content.open() as stream:
                found[path] = stream.read()
        else:
            found[path] = f"-> {entry.link}" if entry.kind is Kind.SYMLINK else "/"
    return found


def on_disk(root: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = "/" if path.is_dir() else path.read_bytes()
    return found


def both(tmp_path: Path, stack: list[Layer]) -> dict[str, bytes | str]:
    """What both ways see, which has to be the same."""
    root = tmp_path / "root"
    root.mkdir()
    unpack(stack, root)
    tree = seen(flatten(stack))
    assert on_disk(root) == tree
    return tree


def test_later_layers_hide_earlier_ones(tmp_path: Path) -> None:
    stack = layers(
        {"a/one": b"1", "a/two": b"2", "b/x/deep": b"3", "c": b"4", "d/e": b"5"},
        {"a/.wh.one": b"", "b/.wh..wh..opq": b"", "b/new": b"6", ".wh.c": b"", "d": b"now a file"},
    )
    assert both(tmp_path, stack) == {
        "a": "/",
        "a/two": b"2",
        "b": "/",
        "b/new": b"6",
        "d": b"now a file",
    }


def test_a_folder_that_no_layer_lists_is_hidden_all_the_same(tmp_path: Path) -> None:
    deep = make_layer(FileTree([make_file("d/e/f/file", b"1"), make_file("kept", b"2")]))
    hiding = make_layer(FileTree([make_file(".wh.d")]))
    assert sorted(flatten([deep, hiding])) == ["kept"]
    unpack([deep, hiding], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_a_whiteout_spares_what_its_own_layer_brings(tmp_path: Path) -> None:
    stack = layers({"a/x": b"1", "a/y": b"2"}, {"a/x": b"new", "a/.wh.x": b"", "a/z": b"3", "a/.wh..wh..opq": b""})
    assert both(tmp_path, stack) == {"a": "/", "a/x": b"new", "a/z": b"3"}


def test_a_parent_that_is_a_link_is_followed_inside(tmp_path: Path) -> None:
    stack = [
        *layers({"usr/lib/x": b"1", "lib": "-> usr/lib", "abs": "-> /usr/lib", "up": "-> ../../../usr"}),
        raw_layer(("lib/new", tarfile.REGTYPE, ""), ("abs/.wh.x", tarfile.REGTYPE, "")),
        raw_layer(("up/other", tarfile.REGTYPE, "")),
    ]
    tree = both(tmp_path, stack)
    assert tree["usr/lib/new"] == b""
    assert tree["usr/other"] == b""
    assert "usr/lib/x" not in tree


def test_a_hard_link_outlives_its_target(tmp_path: Path) -> None:
    stack = layers({"a": b"data", "b": "= a", "c": "= a"}, {"a": b"replaced"}, {".wh.b": b""})
    assert both(tmp_path, stack) == {"a": b"replaced", "c": b"data"}


def test_a_hard_link_to_a_lower_layer(tmp_path: Path) -> None:
    stack = [*layers({"a": b"data"}), raw_layer(("b", tarfile.LNKTYPE, "a"), ("c", tarfile.LNKTYPE, "b"))]
    assert both(tmp_path, stack) == {"a": b"data", "b": b"data", "c": b"data"}


@pytest.mark.parametrize("kind", [GZIP, ZSTD, NONE], ids=lambda kind: kind.name)
def test_flattening_the_parts_gives_the_tree_back(kind: Codec) -> None:
    tree = merge(
        make_tree({"usr/lib/x": b"1" * 5000, "lib": "-> usr/lib"}, owner="os"),
        make_tree({"opt/venv/big": b"2" * 2_000_000, "opt/venv/same": "= opt/venv/big"}, owner="torch"),
        make_tree({"app/serve.py": b"3"}, owner="app"),
    )
    parts = tree.partition(lambda entry: entry.owner)
    stack = [make_layer(part, name=owner, codec=kind) for owner, part in parts.items()]
    back = flatten(stack)
    assert dict(back) == dict(tree)
    assert seen(back) == seen(tree)


_NAMES = st.sampled_from(["a", "b", "c", "ő"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_THINGS = st.one_of(st.binary(max_size=3), st.just("/"), st.builds(lambda path: f"-> /{path}", _PATHS))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(_PATHS, _THINGS, max_size=5), max_size=3), st.lists(_PATHS, max_size=2))
def test_tree_and_folder_agree(tmp_path_factory: pytest.TempPathFactory, stack: object, hidden: list[str]) -> None:
    assert isinstance(stack, list)
    made = []
    for files in stack:
        # A name may not be a file and the folder of another one in the same layer.
        kept = {p: v for p, v in files.items() if not any(f"{p}/" in f"{o}/" and o != p and v != "/" for o in files)}
        made += layers(kept)
    for path in hidden:
        parent, slash, name = path.rpartition("/")
        made.append(raw_layer((f"{parent}{slash}.wh.{name}", tarfile.REGTYPE, "")))
    root = tmp_path_factory.mktemp("root")
    try:
        tree = seen(flatten(made))
    except ArchiveError:
        with pytest.raises(ArchiveError):
            unpack(made, root)
        return
    unpack(made, root)
    # A folder that nobody listed, but something needs, stands in the folder only.
    found = {path: value for path, value in on_disk(root).items() if path in tree or value != "/"}
    assert found == tree


# -- unpacking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/etc", "../../../../etc", "..", "../outside"])
def test_writing_through_a_link_stays_inside(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    evil = raw_layer(("way", tarfile.SYMTYPE, target), ("way/evil", tarfile.REGTYPE, ""), data=b"evil")
    unpack([evil], root)
    assert list((tmp_path / "outside").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "root"]
    assert [path.read_bytes() for path in root.rglob("evil") if not path.is_symlink()] == [b"evil"]


def test_a_file_replaces_a_link_and_does_not_write_through_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    root = tmp_path / "root"
    root.mkdir()
    evil = raw_layer(("x", tarfile.SYMTYPE, str(outside)), ("x", tarfile.REGTYPE, ""), data=b"evil")
    unpack([evil], root)
    assert outside.read_bytes() == b"untouched"
    assert (root / "x").read_bytes() == b"evil"


def test_a_whiteout_through_a_link_removes_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_bytes(b"1")
    root = tmp_path / "root"
    root.mkdir()
    unpack([*layers({"way": f"-> {outside}"}), raw_layer(("way/.wh.keep", tarfile.REGTYPE, ""))], root)
    unpack([*layers({"wax": f"-> {outside}"}), raw_layer(("wax/.wh..wh..opq", tarfile.REGTYPE, ""))], root)
    assert (outside / "keep").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ([("x", tarfile.LNKTYPE, "etc/shadow")], "is not there"),
        ([("d", tarfile.DIRTYPE, ""), ("x", tarfile.LNKTYPE, "d")], "leads to the folder"),
        ([("a", tarfile.SYMTYPE, "b"), ("b", tarfile.SYMTYPE, "a"), ("a/x", tarfile.REGTYPE, "")], "too many links"),
        ([("f", tarfile.REGTYPE, ""), ("f/x", tarfile.REGTYPE, "")], "through a file"),
        ([("..", tarfile.DIRTYPE, "")], "out of the tree"),
        ([(".wh...", tarfile.REGTYPE, "")], "names nothing"),
        ([(".wh.", tarfile.REGTYPE, "")], "names nothing"),
    ],
)
def test_hostile_layers_are_refused(tmp_path: Path, members: list[tuple[str, bytes, str]], problem: str) -> None:
    with pytest.raises(ArchiveError, match=problem) as caught:
        unpack([raw_layer(*members)], tmp_path)
    assert caught.value.message.startswith("layer sha256:")
    with pytest.raises(ArchiveError):
        flatten([raw_layer(*members)])


def test_links_cannot_pile_up_depth(tmp_path: Path) -> None:
    long = "/".join(["d"] * 200)
    steps = [raw_layer((f"{long}/x", tarfile.DIRTYPE, ""), ("s", tarfile.SYMTYPE, long))]
    steps.append(raw_layer((f"s/{long}/x", tarfile.REGTYPE, "")))
    with pytest.raises(ArchiveError, match="deeper than"):
        unpack(steps, tmp_path)


def test_limits_hold_while_unpacking(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="unpacks to more"):
        unpack(layers({"a": b"12345"}), tmp_path, limits=Limits(total=4))


def test_modes_are_kept_and_folders_without_write_permission_work(tmp_path: Path) -> None:
    tree = FileTree(
        [
            Entry("ro", Kind.DIRECTORY, 0o555, "app"),
            make_file("ro/tool", b"1", mode=0o4755),
            make_file("ro/secret", b"2", mode=0o600),
        ]
    )
    seen_bytes: list[int] = []
    unpack(
        [make_layer(tree), *layers({"ro2/x": b"1"}), raw_layer(("ro/more", tarfile.REGTYPE, ""))],
        tmp_path,
        privileged=True,
        on_bytes=seen_bytes.append,
    )
    modes = {path.name: path.stat().st_mode & 0o7777 for path in tmp_path.rglob("*")}
    assert modes == {"ro": 0o555, "tool": 0o4755, "secret": 0o600, "more": 0o644, "ro2": 0o755, "x": 0o644}
    assert sum(seen_bytes) == 3
    (tmp_path / "ro").chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owners_are_kept_for_root_who_asks(tmp_path: Path) -> None:
    tree = FileTree([Entry("x", Kind.DIRECTORY, 0o755, "app", uid=1000, gid=1001)])
    unpack([make_layer(tree)], tmp_path, ownership=True)
    assert ((tmp_path / "x").stat().st_uid, (tmp_path / "x").stat().st_gid) == (1000, 1001)


def test_overlay_takes_bare_entries() -> None:
    assert set(overlay([[make_file("a")], [make_file(".wh.a"), make_file("b")]])) == {"b"}


# -- layers that are not what they promise -------------------------------------------------------------------------


def test_listing_reads_a_layer_to_its_verified_end() -> None:
    layer = make_layer(make_tree({"a/x": b"12"}), name="torch", codec=ZSTD)
    assert [(entry.path, entry.size, entry.owner) for entry in listing(layer)] == [
        ("a", 0, "torch"),
        ("a/x", 2, "torch"),
    ]
    cut = bytes(Memory().data)
    broken = Layer(layer.diff_id, layer.blob, lambda: io.BytesIO(cut))
    with pytest.raises(ArchiveError, match="cut short"):
        listing(broken)


def test_repacking_keeps_the_tar() -> None:
    layer = make_layer(make_tree({"x": b"1" * 100_000}), name="torch", codec=ZSTD)
    sink = Memory()
    blob = repack(layer, GZIP, sink)
    again = Layer(layer.diff_id, blob, sink.open)
    assert listing(again) == listing(layer)
    assert again.name == "torch"
    with pytest.raises(VerificationError, match="but the image promises"):
        repack(Layer(of_bytes(b"other"), layer.blob, layer.open), GZIP, Memory())


def test_bits_that_lend_rights_are_kept_only_on_demand(tmp_path: Path) -> None:
    tree = FileTree(
        [
            Entry("shared", Kind.DIRECTORY, 0o3777, "app"),
            make_file("shared/su", b"1", mode=0o6755),
        ]
    )
    for name, kept in (("plain", {"shared": 0o1777, "su": 0o755}), ("faithful", {"shared": 0o3777, "su": 0o6755})):
        root = tmp_path / name
        root.mkdir()
        unpack([make_layer(tree)], root, privileged=name == "faithful")
        assert {path.name: path.stat().st_mode & 0o7777 for path in root.rglob("*")} == kept
