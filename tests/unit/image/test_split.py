"""Splitting and merging are inverse, and every layer stands alone."""

from __future__ import annotations

import io
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.errors import ArchiveError
from slimtorch.image.digest import of_bytes
from slimtorch.image.split import split, tree_digest
from slimtorch.image.tree import Content, Entry, FileTree, Kind, directory, merge, symlink, with_parents

OWNERS = ("deb:libc6=1", "wheel:torch==2", "wheel:click==8", "slimtorch")
GROUPS = {"deb:libc6=1": "os", "wheel:torch==2": "torch", "wheel:click==8": "packages", "slimtorch": "system"}


def file(path: str, data: bytes = b"x", owner: str = "slimtorch", mode: int = 0o644) -> Entry:
    return Entry(path, Kind.FILE, mode, owner, content=Content(len(data), of_bytes(data), partial(io.BytesIO, data)))


paths = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map("/".join)


@st.composite
def trees(draw: st.DrawFn) -> FileTree:
    files: dict[str, Entry] = {}
    for path in draw(st.lists(paths, max_size=12, unique=True)):
        if not any(known.startswith(f"{path}/") or path.startswith(f"{known}/") for known in files):
            files[path] = file(path, draw(st.binary(max_size=30)), draw(st.sampled_from(OWNERS)))
    return with_parents(FileTree(files.values()), "slimtorch")


@given(trees(), st.integers(1, 40))
def test_merging_the_parts_gives_the_tree_back(tree: FileTree, largest: int) -> None:
    parts = split(tree, GROUPS, largest=largest)
    assert dict(merge(*parts.values())) == dict(tree)


@given(trees(), st.integers(1, 40))
def test_every_part_has_its_directories_and_is_small_unless_one_file_is_large(tree: FileTree, largest: int) -> None:
    for part in split(tree, GROUPS, largest=largest).values():
        for path in part:
            parent = path.rpartition("/")[0]
            assert not parent or part[parent].kind is Kind.DIRECTORY
        sized = [entry for entry in part.entries() if entry.size]
        assert part.size <= largest or len(sized) == 1


def test_groups_come_in_the_order_they_are_given() -> None:
    tree = FileTree([file("a", owner="slimtorch"), file("b", owner="deb:libc6=1"), file("c", owner="wheel:torch==2")])
    assert list(split(tree, GROUPS, largest=100)) == ["os", "torch", "system"]


def test_a_part_that_is_too_large_is_cut_in_path_order() -> None:
    tree = FileTree([file(name, b"x" * 60, "wheel:torch==2") for name in "abc"])
    parts = split(tree, GROUPS, largest=100)
    assert {name: list(part) for name, part in parts.items()} == {"torch": ["a"], "torch-2": ["b"], "torch-3": ["c"]}


def test_the_tree_digest_sees_everything_that_is_written_but_the_owner() -> None:
    base = FileTree([file("a")])
    assert tree_digest(base) == tree_digest(FileTree([file("a", owner="app")]))
    others = [file("b"), file("a", b"y"), file("a", mode=0o755), symlink("a", "x", "app"), directory("a", "app")]
    assert len({tree_digest(base), *(tree_digest(FileTree([other])) for other in others)}) == 6


def test_two_owners_of_different_bytes_are_refused_by_name() -> None:
    with pytest.raises(ArchiveError, match=r"wheel:a==1 and wheel:b==1 both bring /x"):
        merge(FileTree([file("x", b"1", "wheel:a==1")]), FileTree([file("x", b"2", "wheel:b==1")]))


def test_two_owners_of_the_same_bytes_are_one_file_of_the_first() -> None:
    merged = merge(FileTree([file("x", owner="wheel:a==1")]), FileTree([file("x", owner="wheel:b==1")]))
    assert merged["x"].owner == "wheel:a==1"
