from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from slimtorch.errors import ConfigError
from slimtorch.image.tree import FileTree, Kind
from slimtorch.sources import os_files
from slimtorch.sources.os_files import User
from tests.support.images import make_file


def read(tree: FileTree, path: str) -> str:
    content = tree[path].content
    assert content
    with content.open() as stream:
        return stream.read().decode()


def test_the_list_is_short_and_the_same_every_time() -> None:
    shipped = FileTree([make_file("usr/bin/python3.11"), make_file("usr/lib64/ld.so")])

    tree = os_files.tree(shipped, "bookworm", "3.11", User())

    assert list(tree.entries()) == list(os_files.tree(shipped, "bookworm", "3.11", User()).entries())
    assert {entry.owner for entry in tree.entries()} == {"slimtorch"}
    assert {path: tree[path].link for path in tree if tree[path].kind is Kind.SYMLINK} == {
        "bin": "usr/bin",
        "etc/os-release": "../usr/lib/os-release",
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "sbin": "usr/sbin",
        "usr/bin/python3": "python3.11",
    }
    assert tree["tmp"].mode == 0o1777
    assert "VERSION_CODENAME=bookworm\n" in read(tree, "usr/lib/os-release")
    assert read(tree, "etc/debian_version") == "12\n"


def test_the_service_user_owns_its_home() -> None:
    tree = os_files.tree(FileTree(), "trixie", "3.13", User("web", 1500, PurePosixPath("/srv/web")))

    assert "web:x:1500:1500:web:/srv/web:/usr/sbin/nologin\n" in read(tree, "etc/passwd")
    assert "web:x:1500:\n" in read(tree, "etc/group")
    assert (tree["srv/web"].uid, tree["srv/web"].gid) == (1500, 1500)
    assert "lib64" not in tree


def test_what_a_package_ships_is_not_generated() -> None:
    shipped = FileTree([make_file("etc/debian_version", b"12.5\n", owner="deb:base-files=12")])

    assert "etc/debian_version" not in os_files.tree(shipped, "bookworm", "3.11", User())


@pytest.mark.parametrize("user", [User("root", 1000), User("app", 0), User("a:b", 1000), User("app", 65534)])
def test_a_user_that_the_system_uses_itself_is_refused(user: User) -> None:
    with pytest.raises(ConfigError):
        os_files.tree(FileTree(), "bookworm", "3.11", user)
