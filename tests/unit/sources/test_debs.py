from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ArchiveError
from slimtorch.host.cache import Cache
from slimtorch.image.tree import FileTree, Kind
from slimtorch.sources import deb_tree, debs
from tests.support.debs import COMPRESS, control, locked, make_ar, make_deb, make_tar, store

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def read(cache: Cache, name: str, data: bytes) -> debs.Package:
    return debs.read(store(cache, data), locked(name, data), cache)


def assembled(cache: Cache, **packages: bytes) -> FileTree:
    entries = [locked(name.replace("_", "-"), data) for name, data in packages.items()]
    blobs = {deb.name: store(cache, data) for deb, data in zip(entries, packages.values(), strict=True)}
    return deb_tree.assemble(entries, blobs, cache)


def text(tree: FileTree, path: str) -> str:
    content = tree[path].content
    assert content
    with content.open() as stream:
        return stream.read().decode()


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_package_of_any_compression_is_read_and_read_again_from_the_cache(cache: Cache, suffix: str) -> None:
    data = make_deb("tool", {"usr/bin/tool": b"#!" * 700_000, "usr/bin/also": "tool"}, suffix=suffix)

    first, again = read(cache, "tool", data), read(cache, "tool", data)

    assert list(first.files.entries()) == list(again.files.entries())
    assert text(again.files, "usr/bin/tool") == "#!" * 700_000
    assert first.files["usr/bin/also"].link == "tool"
    assert {entry.owner for entry in first.files.entries()} == {"deb:tool=1.0-1"}
    assert first.stanza == control("tool")


def test_old_places_move_into_usr_and_links_still_lead_to_the_same_file(cache: Cache) -> None:
    data = make_deb(
        "libc6",
        {
            "bin": None,
            "bin/cat": b"cat",
            "usr/bin/cat": "/bin/cat",
            "lib": None,
            "lib/x/libz.so.1": b"z",
            "lib64/ld.so": "/lib/x/ld-real.so",
            "lib/x/ld-real.so": b"ld",
            "usr/lib/x/libz.so": "/lib/x/libz.so.1",
            "lib/x/here.so": "../../usr/lib/x/there.so",
        },
    )

    tree = deb_tree.tree(read(cache, "libc6", data))

    assert not [path for path in tree if not path.startswith("usr")]
    assert tree["usr/bin/cat"].kind is Kind.FILE
    assert tree["usr/lib64/ld.so"].link == "../lib/x/ld-real.so"
    assert tree["usr/lib/x/libz.so"].link == "libz.so.1"
    assert tree["usr/lib/x/here.so"].link == "there.so"


def test_documentation_goes_and_copyright_stays(cache: Cache) -> None:
    data = make_deb(
        "tool",
        {
            "usr/share/doc/tool": None,
            "usr/share/doc/tool/copyright": b"mine",
            "usr/share/doc/tool/changelog.gz": b"long",
            "usr/share/doc/other": "tool",
            "usr/share/man": None,
            "usr/share/man/man1": None,
            "usr/share/man/man1/tool.1.gz": b"page",
            "usr/share/locale/de/LC_MESSAGES/tool.mo": b"deutsch",
            "usr/lib/a/gconv/EBCDIC-UK.so": b"rare",
            "usr/lib/a/gconv/UTF-16.so": b"common",
            "usr/share/tool": None,
        },
    )

    tree = deb_tree.tree(read(cache, "tool", data))

    assert list(tree) == [
        "usr/lib/a/gconv/UTF-16.so",
        "usr/share/doc/other",
        "usr/share/doc/tool",
        "usr/share/doc/tool/copyright",
        "usr/share/tool",
    ]


def test_set_user_id_is_cleared_and_hard_links_become_files(cache: Cache) -> None:
    risky, hard = tarfile.TarInfo("./usr/bin/su"), tarfile.TarInfo("./usr/bin/su2")
    risky.mode = 0o6755
    hard.type, hard.linkname = tarfile.LNKTYPE, "./usr/bin/su"
    data = make_deb("login", {}, extra=[risky, hard])

    tree = deb_tree.tree(read(cache, "login", data))

    assert [(entry.kind, entry.mode) for entry in tree.entries()] == [(Kind.FILE, 0o755)] * 2


def hostile(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> list[tarfile.TarInfo]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return [member]


@pytest.mark.parametrize(
    "extra",
    [
        hostile("../escaped"),
        hostile("/absolute"),
        hostile("usr/../../up"),
        hostile("dev/sda", tarfile.BLKTYPE),
        hostile("pipe", tarfile.FIFOTYPE),
        hostile("usr/lib/out", tarfile.SYMTYPE, "../../../etc/shadow"),
        hostile("hard", tarfile.LNKTYPE, "../outside"),
        hostile("hard", tarfile.LNKTYPE, "missing"),
        [*hostile("usr/lib/x", tarfile.SYMTYPE, "/etc"), *hostile("usr/lib/x/passwd")],
    ],
)
def test_hostile_members_are_refused_by_the_name_of_the_package(cache: Cache, extra: list[tarfile.TarInfo]) -> None:
    data = make_deb("evil", {}, extra=extra)

    with pytest.raises(ArchiveError, match="evil"):
        deb_tree.tree(read(cache, "evil", data))


def damaged() -> dict[str, Any]:
    good = make_deb("tool", {"a": b"a" * 5000}, suffix=".xz")
    inner = [("debian-binary", b"2.0\n"), ("control.tar", make_tar({"control": control("tool").encode()}))]
    return {
        "cut short": good[:-40],
        "cut in a header": good[:70],
        "not ar": b"PK\3\4" + good,
        "empty": b"",
        "no data": make_ar(inner),
        "no control": make_ar([inner[0], ("data.tar", make_tar({}))]),
        "no control file": make_ar([inner[0], ("control.tar", make_tar({})), ("data.tar", make_tar({}))]),
        "unknown compression": make_ar([*inner, ("data.tar.rar", b"x")]),
        "not xz": make_ar([*inner, ("data.tar.xz", b"nonsense")]),
        "xz cut short": make_ar([*inner, ("data.tar.xz", COMPRESS[".xz"](make_tar({"a": b"a" * 99_999}))[:-30])]),
        "gzip cut short": make_ar([*inner, ("data.tar.gz", COMPRESS[".gz"](make_tar({}))[:-9])]),
        "negative size": make_ar(inner).replace(b"4         `", b"-1        `"),
        "too many members": make_ar([(f"part{number}", b"") for number in range(40)]),
    }


@pytest.mark.parametrize("name", damaged())
def test_damaged_packages_are_refused_and_leave_nothing_behind(cache: Cache, name: str) -> None:
    data = damaged()[name]

    with pytest.raises(ArchiveError, match=r"tool\.deb"):
        read(cache, "tool", data)
    assert not list((cache.root / "folders").rglob("index.json"))


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst", ""])
def test_a_bomb_is_stopped(cache: Cache, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debs, "MAX_DATA", 1 << 20)
    data = make_deb("bomb", {"zeros": bytes(4 << 20)}, suffix=suffix)

    with pytest.raises(ArchiveError, match=r"data\.tar.* of bomb\.deb unpacks to"):
        read(cache, "bomb", data)


def test_a_package_that_is_not_the_locked_one_is_refused(cache: Cache) -> None:
    data = make_deb("tool", {}, fields={"Version": "2.0"})

    with pytest.raises(ArchiveError, match=r"holds tool 2\.0 amd64, not tool 1\.0-1"):
        read(cache, "tool", data)


def test_a_name_that_is_a_path_is_refused(cache: Cache) -> None:
    data = make_deb("../../etc/cron.d/x", {})

    with pytest.raises(ArchiveError):
        read(cache, "../../etc/cron.d/x", data)


def test_two_packages_with_different_files_at_one_path_are_refused(cache: Cache) -> None:
    with pytest.raises(ArchiveError, match="both bring /usr/bin/x"):
        assembled(cache, one=make_deb("one", {"usr/bin/x": b"1"}), two=make_deb("two", {"bin/x": b"2"}))


def test_dpkg_status_lists_the_package_and_the_files_that_ship(cache: Cache) -> None:
    tree = assembled(cache, tool=make_deb("tool", {"bin/tool": b"t", "usr/share/man/man1/tool.1": b"m"}))

    stanza = text(tree, "var/lib/dpkg/status.d/tool")
    assert stanza.startswith("Package: tool\nStatus: install ok installed\nVersion: 1.0-1\n")
    assert text(tree, "var/lib/dpkg/status.d/tool.md5sums") == "e358efa489f58062f10dd7316b65649e  bin/tool\n"
    assert tree["var/lib/dpkg/status.d/tool"].owner == "deb:tool=1.0-1"


def test_an_unknown_script_is_refused_by_name(cache: Cache) -> None:
    data = make_deb("surprise", {}, scripts={"postinst": "#!/bin/sh\nset -e\nuseradd daemon\n"})

    with pytest.raises(ArchiveError, match="surprise has a postinst script") as caught:
        assembled(cache, surprise=data)
    assert "[os] base" in caught.value.hint


ALTERNATIVES = """#!/bin/sh
set -e
if [ "$1" = "configure" ]; then
    update-alternatives --install /usr/bin/editor editor /bin/{name} {priority} \\
        --slave /usr/share/man/man1/editor.1.gz editor.1.gz /usr/share/man/man1/{name}.1.gz \\
        --slave /usr/bin/ex ex /usr/bin/missing
fi
exit 0
"""


def test_alternatives_are_replayed_and_the_highest_priority_wins(cache: Cache) -> None:
    tree = assembled(
        cache,
        low=make_deb("low", {"bin/low": b"l"}, scripts={"postinst": ALTERNATIVES.format(name="low", priority=5)}),
        top=make_deb("top", {"bin/top": b"t"}, scripts={"postinst": ALTERNATIVES.format(name="top", priority=50)}),
    )

    assert (tree["usr/bin/editor"].link, tree["usr/bin/editor"].owner) == ("top", "slimtorch")
    assert "usr/bin/ex" not in tree
    assert "usr/share/man/man1/editor.1.gz" not in tree


def test_bash_becomes_sh_only_where_there_is_no_other(cache: Cache) -> None:
    bash = make_deb("bash", {"bin/bash": b"bash"}, scripts={"postinst": "#!/bin/bash\nupdate-menus\n"})
    dash = make_deb("dash", {"bin/dash": b"dash", "bin/sh": "dash"})

    assert assembled(cache, bash=bash)["usr/bin/sh"].link == "bash"
    assert assembled(cache, bash=bash, dash=dash)["usr/bin/sh"].link == "dash"


def test_the_certificate_bundle_is_in_the_order_of_names(cache: Cache) -> None:
    base = "usr/share/ca-certificates/mozilla"
    data = make_deb(
        "ca-certificates",
        {f"{base}/b.crt": b"B\n", f"{base}/A.crt": b"A", f"{base}/notes.txt": b"no", "etc/ssl/certs": None},
        scripts={"postinst": "#!/bin/sh\nupdate-ca-certificates\n"},
    )

    tree = assembled(cache, ca_certificates=data)

    assert text(tree, "etc/ssl/certs/ca-certificates.crt") == "A\nB\n"
    assert tree["usr/lib/ssl/cert.pem"].link == "../../../etc/ssl/certs/ca-certificates.crt"


def test_python_modules_without_their_library_are_left_out(cache: Cache) -> None:
    folder = "usr/lib/python3.11/lib-dynload"
    names = ("_sqlite3", "_ssl", "_curses", "nis")
    data = make_deb("libpython3.11-stdlib", {f"{folder}/{name}.cpython-311-x86_64-linux-gnu.so": b"" for name in names})
    sqlite = make_deb("libsqlite3-0", {"usr/lib/libsqlite3.so.0": b""})

    def modules(tree: FileTree) -> list[str]:
        return [path.rpartition("/")[2].split(".")[0] for path in tree if path.startswith(f"{folder}/")]

    entries = {"libpython3.11-stdlib": data, "libsqlite3-0": sqlite}
    both = [locked(name, blob) for name, blob in entries.items()]
    blobs = {name: store(cache, blob) for name, blob in entries.items()}
    assert modules(deb_tree.assemble(both[:1], blobs, cache)) == ["_ssl"]
    assert modules(deb_tree.assemble(both, blobs, cache)) == ["_sqlite3", "_ssl"]
