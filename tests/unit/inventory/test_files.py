from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ArchiveError
from slimtorch.host.engines.layout import of_root
from slimtorch.host.engines.rooted import absolute, inside
from slimtorch.inventory.files import of_directory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree whose links try to leave it; a file of the same name stands outside."""
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_text("inside")
    (root / "usr/bin/tool").chmod(0o755)
    for name, target in {
        "bin": "usr/bin",
        "out": "../../../../../../secret",
        "host": "/etc/passwd",
        "a": "b",
        "b": "a",
        "up": "usr/../../../usr",
    }.items():
        (root / name).symlink_to(target)
    return root


def test_links_are_followed_inside_only(root: Path) -> None:
    files = of_directory(root, owners=True)
    assert files.file("bin/tool") == "usr/bin/tool"
    assert files.file("/up/bin/tool") == "usr/bin/tool"
    assert [files.real(path) for path in ("out", "host", "a", "gone")] == [None] * 4
    assert files.text("out") == files.text("host") == ""
    assert files.text("bin/tool") == "inside"


def test_programs_are_found_as_execvp_finds_them(root: Path) -> None:
    files = of_directory(root, owners=True)
    assert files.program("tool", "/opt/none:/bin") == "usr/bin/tool"
    assert files.program("./tool", "", "/usr/bin") == "usr/bin/tool"
    assert files.program("/bin/tool", "") == "usr/bin/tool"
    assert files.program("tool", "/usr") is None


def test_owners_are_only_told_where_they_are_known(root: Path) -> None:
    assert of_directory(root, owners=False)["usr"].uid is None
    assert of_directory(root, owners=True)["usr"].uid is not None


def test_paths_on_this_machine_stay_below_the_root(root: Path) -> None:
    for path in ("out", "host", "up/bin/tool", "../../secret", "/bin/../../../etc"):
        assert absolute(root, path).is_relative_to(root)
    assert not inside(root, "host")
    assert inside(root, "/bin/tool")
    with pytest.raises(ArchiveError, match="too many links"):
        absolute(root, "a/x")


def test_the_layout_leaves_out_what_engines_make(root: Path) -> None:
    for name in ("proc", "dev", "tmp", "etc"):
        (root / name).mkdir()
    layout = of_root(root, ("/tmp",))
    assert [path for path, _, _ in layout.binds] == ["/etc", "/usr"]
    assert ("/bin", "usr/bin") in layout.links
