from __future__ import annotations

from slimtorch.elf.file import ElfFile
from slimtorch.elf.resolve import Lack, Loader, Missing

LIB = "usr/lib/x86_64-linux-gnu"


def elf(*needed: str, soname: str = "", rpath: str = "", runpath: str = "", machine: str = "x86_64") -> ElfFile:
    return ElfFile(machine, soname, needed, (rpath,) if rpath else (), (runpath,) if runpath else ())


def loader(binaries: dict[str, ElfFile], links: dict[str, str] | None = None, folders: tuple[str, ...] = ()) -> Loader:
    names = {**{path: path for path in binaries}, **(links or {})}
    return Loader(binaries, names.get, folders)


def test_default_folders_are_searched_and_links_followed() -> None:
    files = {"app/x.so": elf("libz.so.1"), f"{LIB}/libz.so.1.3": elf(soname="libz.so.1")}
    assert loader(files, {f"{LIB}/libz.so.1": f"{LIB}/libz.so.1.3"}).missing("app/x.so") == []


def test_a_name_that_is_nowhere_is_missing_with_who_needs_it() -> None:
    files = {"app/x.so": elf("liba.so"), f"{LIB}/liba.so": elf("libGL.so.1")}
    (missing,) = loader(files).missing("app/x.so")
    assert missing == Missing(f"{LIB}/liba.so", "libGL.so.1")
    assert missing.lack is Lack.NOWHERE


def test_a_library_in_a_folder_nobody_looks_into_is_elsewhere() -> None:
    files = {"site/p/x.so": elf("libq.so"), "site/p.libs/libq.so": elf()}
    (missing,) = loader(files).missing("site/p/x.so")
    assert missing.lack is Lack.ELSEWHERE
    assert missing.places == ("site/p.libs/libq.so",)


def test_origin_in_runpath_and_braces() -> None:
    files = {"site/p/x.so": elf("libq.so", runpath="${ORIGIN}/../p.libs"), "site/p.libs/libq.so": elf()}
    assert loader(files).missing("site/p/x.so") == []


def test_rpath_is_inherited_and_runpath_is_not() -> None:
    below = {"lib/b.so": elf("c.so"), "lib/c.so": elf()}
    assert loader({"app/a.so": elf("b.so", rpath="/lib"), **below}).missing("app/a.so") == []
    hidden = {"odd/b.so": elf("c.so"), "odd/c.so": elf()}
    assert loader({"app/a.so": elf("b.so", rpath="/odd"), **hidden}).missing("app/a.so") == []
    assert [m.path for m in loader({"app/a.so": elf("b.so", runpath="/odd"), **hidden}).missing("app/a.so")] == [
        "odd/b.so"
    ]


def test_a_runpath_turns_rpath_off_in_the_same_object() -> None:
    both = ElfFile("x86_64", "", ("q.so",), ("/odd",), ("/other",))
    assert loader({"app/a.so": both, "odd/q.so": elf()}).missing("app/a.so") != []


def test_what_is_loaded_already_counts_by_its_soname() -> None:
    files = {
        "app/a.so": elf("first.so", "second.so", runpath="/odd"),
        "odd/first.so": elf(soname="shared.so.1"),
        "odd/second.so": elf("shared.so.1"),
    }
    assert loader(files).missing("app/a.so") == []


def test_another_machine_is_passed_over() -> None:
    files = {"app/a.so": elf("q.so"), "lib/q.so": elf(machine="aarch64")}
    (missing,) = loader(files).missing("app/a.so")
    assert missing.lack is Lack.NOWHERE


def test_the_driver_comes_from_the_host() -> None:
    assert loader({"app/a.so": elf("libcuda.so.1", "libnvidia-ml.so.1")}).missing("app/a.so") == []


def test_configured_folders_count() -> None:
    files = {"app/a.so": elf("q.so"), "opt/vendor/q.so": elf()}
    assert loader(files).missing("app/a.so") != []
    assert loader(files, folders=("/opt/vendor",)).missing("app/a.so") == []


def test_circles_end() -> None:
    files = {"lib/a.so": elf("b.so", soname="a.so"), "lib/b.so": elf("a.so", soname="b.so")}
    assert loader(files).missing("lib/a.so") == []
