"""A tree made of hard links, with a few files that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.slim.proof import clone

if TYPE_CHECKING:
    from pathlib import Path


def make_tree(root: Path) -> Path:
    (root / "torch/lib").mkdir(parents=True)
    (root / "torch/lib/libtorch.so").write_bytes(b"old")
    (root / "torch/__init__.py").write_text("")
    (root / "torch/link.so").symlink_to("lib/libtorch.so")
    (root / "sympy/core").mkdir(parents=True)
    (root / "sympy/core/x.py").write_text("")
    (root / "empty").mkdir(mode=0o700)
    return root


def test_all_but_the_changed_files_are_the_same_files(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "root")
    new = tmp_path / "new"
    new.write_bytes(b"new")
    with clone.of(root, {"torch/lib/libtorch.so": new, "sympy/core/x.py": None, "added/y": new}) as made:
        found = {path.relative_to(made).as_posix() for path in made.rglob("*")}
        assert (made / "torch/__init__.py").samefile(root / "torch/__init__.py")
        assert (made / "torch/link.so").is_symlink()
        assert (made / "torch/link.so").read_bytes() == b"new"
        assert (made / "empty").stat().st_mode & 0o777 == 0o700
    expected = {"torch", "torch/__init__.py", "torch/link.so", "torch/lib", "torch/lib/libtorch.so", "empty"}
    assert found == {*expected, "added", "added/y"}
    assert not made.exists()
    assert (root / "torch/lib/libtorch.so").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "root"]


def test_a_folder_that_goes_as_a_whole(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "root")
    clone.make(root, tmp_path / "made", {"sympy": None})
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["empty", "torch"]


def test_copies_where_links_would_stay(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "root")
    clone.make(root, tmp_path / "made", {"torch/__init__.py": None}, links=False)
    assert (tmp_path / "made/torch/lib/libtorch.so").read_bytes() == b"old"
    assert not (tmp_path / "made/torch/lib/libtorch.so").samefile(root / "torch/lib/libtorch.so")
    assert (root / "torch/lib/libtorch.so").stat().st_nlink == 1
    assert (tmp_path / "made/torch/link.so").is_symlink()
