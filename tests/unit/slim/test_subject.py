from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from slimtorch.image.digest import of_bytes
from slimtorch.image.tree import Content, Entry, FileTree, Kind, directory, small_file, symlink
from slimtorch.slim import subject as subjects
from slimtorch.slim.subject import JOURNAL, Place
from tests.support.elf import make_elf
from tests.support.installations import SITE, Installation, make_installation

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.slim.model import Subject

ELF = make_elf(("libc.so.6",), soname="libx.so")


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return make_installation(tmp_path / "prefix")


def of(made: Installation) -> Subject:
    place = subjects.located(made.site)
    assert place
    return subjects.of_folder(place)


def test_where_an_installation_is(made: Installation) -> None:
    assert subjects.located(made.site) == Place(made.prefix, (SITE,))
    assert subjects.located(made.prefix) == Place(made.prefix, (SITE,), whole=True)
    (made.prefix / "pyvenv.cfg").touch()
    assert subjects.located(made.prefix) == Place(made.prefix, (SITE,))
    assert subjects.located(made.prefix / "lib/python3.11") == Place(
        made.prefix / "lib/python3.11", ("site-packages",), whole=True
    )


def test_a_folder_that_pip_installed_to(tmp_path: Path) -> None:
    made = make_installation(tmp_path / "prefix")
    made.site.rename(tmp_path / "deps")
    assert subjects.located(tmp_path / "deps") == Place(tmp_path, ("deps",))


@pytest.mark.parametrize("name", ["", "lib", "no"])
def test_no_installation(tmp_path: Path, name: str) -> None:
    (tmp_path / "lib/python3.11/site-packages").mkdir(parents=True)
    assert subjects.located(tmp_path / name) is None


def test_what_is_in_it(made: Installation) -> None:
    found = of(made)
    assert found.sites == (SITE,)
    assert found.owners[f"{SITE}/torch/lib/libtorch_cpu.so"] == "wheel:torch==2.14.1"
    assert {path.rpartition("/")[2] for path in found.binaries} == {
        "libtorch_cpu.so",
        "libtorch_cuda.so",
        "libsmall.so",
    }
    assert found.files[f"{SITE}/torch/lib/libtorch.so"].kind is Kind.SYMLINK
    assert found.files[f"{SITE}/words"].kind is Kind.DIRECTORY


def test_work_in_progress_is_no_part_of_it(made: Installation) -> None:
    (made.site / JOURNAL).mkdir()
    (made.site / JOURNAL / "x.py").touch()
    assert not any(JOURNAL in path for path in of(made).files)


def test_names_of_one_file(made: Installation) -> None:
    first, other = made.site / "torch/lib/a.so", made.site / "torch/lib/libtorch_cpu.so"
    first.hardlink_to(other)
    found = of(made)
    paths = [f"{SITE}/torch/lib/{file.name}" for file in (first, other)]
    assert found.links == {paths[1]: paths[0]}
    assert found.binaries[paths[0]] == found.binaries[paths[1]]
    assert [found.owners[path] for path in paths] == ["wheel:torch==2.14.1"] * 2
    assert found.files[paths[0]].size == found.files[paths[1]].size > 0


def test_scripts_that_a_package_brought(made: Installation) -> None:
    (made.prefix / "bin").mkdir()
    (made.prefix / "bin/words").write_text("#!python\n")
    (made.prefix / "bin/other").write_text("#!python\n")
    record = made.site / "words-1.0.dist-info/RECORD"
    record.write_text(record.read_text() + "../../../bin/words,,\n../../../../../../etc/passwd,,\n../../../bin/no,,\n")
    found = of(made)
    assert {path for path in found.files if not path.startswith(SITE)} == {"bin", "bin/words", "lib", "lib/python3.11"}
    assert found.owners["bin/words"] == "wheel:words==1.0"


def test_a_record_that_leads_through_a_link_leads_nowhere(made: Installation, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").touch()
    (made.prefix / "bin").symlink_to(tmp_path / "elsewhere")
    record = made.site / "words-1.0.dist-info/RECORD"
    record.write_text(record.read_text() + "../../../bin/secret,,\n")
    assert "bin/secret" not in of(made).files


def test_vendored_lists_own_nothing(made: Installation) -> None:
    made.add("outer", "1", {"outer/_vendor/inner-2.dist-info/RECORD": b"x.py,,\n", "outer/_vendor/x.py": b""})
    assert of(made).owners[f"{SITE}/outer/_vendor/x.py"] == "wheel:outer==1"


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation


@pytest.mark.parametrize("stream", [io.BytesIO, Unseekable])
def test_a_tree_is_the_same(stream: type[io.BytesIO]) -> None:
    content = Content(len(ELF), of_bytes(ELF), lambda: stream(ELF))
    info = "opt/venv/lib/python3.11/site-packages/x-1.dist-info"
    tree = FileTree(
        [
            directory("opt", "base"),
            Entry("opt/venv/lib/python3.11/site-packages/x.so", Kind.FILE, 0o755, "base", content=content),
            Entry("opt/a.so", Kind.HARDLINK, 0o755, "base", link="opt/venv/lib/python3.11/site-packages/x.so"),
            symlink("opt/b.so", "a.so", "base"),
            small_file(f"{info}/RECORD", b"x.so,,\n", "base"),
            small_file(f"{info}/METADATA", b"Name: x\nVersion: 1\n", "base"),
            small_file("usr/lib/python3/dist-packages/y-1.dist-info/RECORD", b"", "deb:y=1"),
        ]
    )
    found = subjects.of_tree(tree)
    assert found.sites == ("opt/venv/lib/python3.11/site-packages",)
    assert found.links == {"opt/a.so": f"{found.sites[0]}/x.so"}
    assert {facts.soname for facts in found.binaries.values()} == {"libx.so"}
    assert found.binaries.keys() == {"opt/a.so", f"{found.sites[0]}/x.so"}
    assert found.files["opt/a.so"].kind is Kind.FILE
    assert found.owners["opt/a.so"] == "wheel:x==1"
    assert found.owners["usr/lib/python3/dist-packages/y-1.dist-info/RECORD"] == "deb:y=1"


def test_without_some_of_it(made: Installation) -> None:
    lib = made.site / "torch/lib"
    for name in ("a.so", "b.so"):
        (lib / name).hardlink_to(lib / "libtorch_cpu.so")
    found = of(made)
    at = f"{SITE}/torch/lib"
    assert subjects.without(found, ()) is found
    less = subjects.without(found, {f"{at}/a.so", f"{SITE}/words/__init__.py"})
    assert less.links == {f"{at}/libtorch_cpu.so": f"{at}/b.so"}
    assert found.files.keys() - less.files.keys() == {f"{at}/a.so", f"{SITE}/words/__init__.py"}
    assert found.owners.keys() - less.owners.keys() == {f"{at}/a.so", f"{SITE}/words/__init__.py"}
    assert found.binaries.keys() - less.binaries.keys() == {f"{at}/a.so"}
