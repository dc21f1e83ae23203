from __future__ import annotations

import io
import struct
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.errors import ArchiveError, VerificationError
from slimtorch.image import tar, ustar
from slimtorch.image.digest import of_bytes
from slimtorch.image.tree import Content, Entry, FileTree, Kind
from tests.support.images import make_file, make_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG = "/".join(["a-long-folder-name"] * 12) + "/file"
TREE = {
    "bin": "-> usr/bin",
    "etc/empty": b"",
    "usr/bin/tool": b"#!/bin/sh\n",
    "usr/bin/also": "= usr/bin/tool",
    "usr/share/Főtanúsítvány.crt": b"x" * 513,
    "var/cache": "/",
    LONG: b"deep",
    "link": "-> " + "t" * 150,
}


def packed(tree: FileTree, mtime: int = 0) -> bytes:
    out = io.BytesIO()
    tar.write(tree, out, mtime=mtime)
    return out.getvalue()


def members(data: bytes, **options: object) -> list[tar.Member]:
    return list(tar.read(io.BytesIO(data), "x.tar", **options))  # type: ignore[arg-type]


def archive(fill: Callable[[tarfile.TarFile], None], fmt: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as handle:
        fill(handle)
    return out.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def one(member: tarfile.TarInfo, data: bytes = b"", fmt: int = tarfile.PAX_FORMAT) -> bytes:
    return archive(lambda handle: handle.addfile(member, io.BytesIO(data)), fmt)


# -- writing -------------------------------------------------------------------------------------------------------


def test_python_reads_what_we_write() -> None:
    tree = make_tree(TREE)
    with tarfile.open(fileobj=io.BytesIO(packed(tree, mtime=7))) as handle:
        found = {member.name: member for member in handle.getmembers()}
        assert set(found) == set(tree)
        assert found["usr/bin/also"].islnk()
        assert found["link"].linkname == "t" * 150
        extracted = handle.extractfile(LONG)
        assert extracted is not None
        assert extracted.read() == b"deep"
    assert {(m.mtime, m.uname, m.gname) for m in found.values()} == {(7, "", "")}


def test_equal_trees_give_equal_bytes_in_any_order() -> None:
    tree = make_tree(TREE)
    assert packed(FileTree(reversed(list(tree.entries())))) == packed(tree)


def test_parents_come_first_and_hard_links_last() -> None:
    names = [member.path for member in members(packed(make_tree({"a": "= z", "m": "= a", "z": b"1"})))]
    assert names == ["z", "a", "m"]
    assert {member.link for member in members(packed(make_tree({"a": "= z", "m": "= a", "z": b"1"})))[1:]} == {"z"}


def test_hard_links_in_a_circle_are_refused() -> None:
    with pytest.raises(ArchiveError, match="leads to itself"):
        packed(make_tree({"a": "= b", "b": "= a"}))


def test_pax_records_only_where_needed() -> None:
    short = packed(make_tree({"usr/share/doc/" + "d" * 90 + "/copyright": b"", "link": "-> " + "t" * 100}))
    assert b"PaxHeader" not in short
    assert packed(make_tree({"ő": b""})).count(b"PaxHeader") == 1


@pytest.mark.parametrize("length", [1, 99, 100, 101, 150, 155, 156, 200, 254, 255, 256, 257, 300, 990, 1000])
def test_names_of_every_length_come_back(length: int) -> None:
    for name in ("n" * min(length, 255), ("d" * 50 + "/") * (length // 51) + "f" * (length % 51 or 1)):
        tree = make_tree({name: b"1"})
        assert {member.path for member in members(packed(tree))} == set(tree)
        with tarfile.open(fileobj=io.BytesIO(packed(tree))) as handle:
            assert set(handle.getnames()) == set(tree)


def test_a_large_file_and_large_ids_go_into_pax_records() -> None:
    header = ustar.Header(b"big", 0o644, 3_000_000, 4_000_000, 1 << 34, b"0", b"")
    blocks = ustar.encode(header, 0)
    records = ustar.decode_pax(blocks[512 : 512 + ustar.decode(blocks[:512]).size])
    assert records == {b"gid": b"4000000", b"size": b"%d" % (1 << 34), b"uid": b"3000000"}
    assert ustar.apply_pax(ustar.decode(blocks[-512:]), records) == header
    assert tarfile.TarInfo.frombuf(blocks[-512:], "utf-8", "strict").name == "big"


@pytest.mark.parametrize("data", [b"other", b"shor", b"longer"])
def test_a_file_that_is_not_the_promised_one_is_named(data: bytes) -> None:
    promise = Content(5, of_bytes(b"right"), lambda: io.BytesIO(data))
    tree = FileTree([Entry("opt/x", Kind.FILE, 0o644, "wheel:torch==2", content=promise)])
    with pytest.raises(VerificationError, match=r"/opt/x \(wheel:torch==2\)"):
        packed(tree)


def test_progress_sums_to_the_archive() -> None:
    seen: list[int] = []
    out = io.BytesIO()
    tar.write(make_tree({"big": b"z" * 3_000_000, "small": b"1"}), out, on_bytes=seen.append)
    assert sum(seen) == len(out.getvalue())
    assert len(out.getvalue()) % 512 == 0
    assert out.getvalue().endswith(bytes(1024))


# -- reading -------------------------------------------------------------------------------------------------------


def test_index_gives_the_tree_back(tmp_path: Path) -> None:
    tree = make_tree(TREE, owner="deb:x=1")
    (tmp_path / "x.tar").write_bytes(packed(tree))
    found = tar.index(tmp_path / "x.tar", "deb:x=1")
    assert dict(found) == {**tree, "usr/bin/also": found["usr/bin/also"]}
    content = found[LONG].content
    assert content is not None
    for _ in range(2):
        with content.open() as stream:
            assert stream.read() == b"deep"


@pytest.mark.parametrize("fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_others_write_is_read(fmt: int) -> None:
    def fill(handle: tarfile.TarFile) -> None:
        handle.addfile(info("./", tarfile.DIRTYPE))
        handle.addfile(info("./usr/", tarfile.DIRTYPE))
        handle.addfile(info("./usr/x", size=3), io.BytesIO(b"abc"))
        handle.addfile(info("./usr/y", tarfile.LNKTYPE, "./usr/x"))
        if fmt != tarfile.USTAR_FORMAT:
            handle.addfile(info("./usr/" + "l" * 200, tarfile.SYMTYPE, "t" * 200))

    found = {member.path: member for member in members(archive(fill, fmt))}
    assert "" not in found
    assert found["usr"].kind is Kind.DIRECTORY
    assert found["usr/y"].link == "usr/x"
    if fmt != tarfile.USTAR_FORMAT:
        assert found["usr/" + "l" * 200].link == "t" * 200


def test_gnu_numbers_in_base_256_are_read() -> None:
    member = info("x")
    member.uid = 3_000_000
    assert members(one(member, fmt=tarfile.GNU_FORMAT))[0].uid == 3_000_000


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (info("../etc/passwd"), "leads out of the tree"),
        (info("a/../../b"), "leads out of the tree"),
        (info("/etc/passwd"), "leads out of the tree"),
        (info("x", tarfile.LNKTYPE, "../../etc/shadow"), "leads out of the tree"),
        (info("x", tarfile.LNKTYPE, "/etc/shadow"), "leads out of the tree"),
        (info("x", tarfile.SYMTYPE, ""), "leads nowhere"),
        (info("dev/sda", tarfile.BLKTYPE), "device"),
        (info("dev/tty", tarfile.CHRTYPE), "device"),
        (info("pipe", tarfile.FIFOTYPE), "device"),
        (info("."), "the root itself"),
        (info("n" * 256), "longer than 255"),
        (info("n/" * 2500 + "x"), "longer than 4096"),
        (info("n/" * 300 + "x"), "deeper than 256"),
        (info("bad\udcff"), "not UTF-8"),
    ],
)
def test_hostile_members_are_refused(member: tarfile.TarInfo, problem: str) -> None:
    with pytest.raises(ArchiveError, match=problem) as caught:
        members(one(member))
    assert caught.value.message.startswith("x.tar: ")


def test_devices_can_be_skipped() -> None:
    def fill(handle: tarfile.TarFile) -> None:
        handle.addfile(info("dev/null", tarfile.CHRTYPE))
        handle.addfile(info("x"))

    assert [member.path for member in members(archive(fill), devices="skip")] == ["x"]


def test_limits_hold() -> None:
    data = packed(make_tree({f"f{number}": b"12345" for number in range(10)}))
    assert len(members(data, limits=tar.Limits(entries=10, total=50))) == 10
    for limits in (tar.Limits(entries=9), tar.Limits(total=49)):
        with pytest.raises(ArchiveError, match="unpacks to more than"):
            members(data, limits=limits)


def test_a_size_of_all_ones_is_no_size() -> None:
    block = bytearray(one(info("x"))[:512])
    for field in (b"\xff" * 12, b"\x80" + b"\xff" * 11):
        block[124:136] = field
        block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256)
        with pytest.raises(ArchiveError):
            members(bytes(block) + bytes(1024))


def test_a_negative_or_absurd_pax_size_is_refused() -> None:
    for value in ("-1", "9" * 30, "0x10", "\N{ARABIC-INDIC DIGIT ONE}"):
        member = info("x")
        member.pax_headers = {"size": value}
        with pytest.raises(ArchiveError, match=r"not a number|cut short"):
            members(one(member))


def test_a_huge_extended_header_is_refused() -> None:
    block = info("x", b"x", size=1 << 30).tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(ArchiveError, match="extended header"):
        members(block + bytes(4096))


def test_sparse_files_and_renaming_global_headers_are_refused() -> None:
    member = info("x")
    member.pax_headers = {"GNU.sparse.major": "1"}
    with pytest.raises(ArchiveError, match="sparse"):
        members(one(member))
    data = b"19 path=etc/passwd\n"
    block = info("g", b"g", size=len(data)).tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(ArchiveError, match="global header"):
        members(block + data.ljust(512, b"\0") + one(info("x")))


def test_data_is_gone_once_the_next_member_came() -> None:
    first, _ = members(packed(make_tree({"a": b"1", "b": b"2"})))
    with pytest.raises(ValueError, match="after the next one"):
        first.data.read()


@pytest.mark.parametrize("second", [info("a/b"), info("c", tarfile.LNKTYPE, "a")])
def test_index_refuses_entries_below_links_and_links_to_folders(tmp_path: Path, second: tarfile.TarInfo) -> None:
    kind = tarfile.SYMTYPE if second.name == "a/b" else tarfile.DIRTYPE

    def fill(handle: tarfile.TarFile) -> None:
        handle.addfile(info("a", kind, "/etc"))
        handle.addfile(second)

    (tmp_path / "x.tar").write_bytes(archive(fill))
    with pytest.raises(ArchiveError, match=r"below the symlink|hard link"):
        tar.index(tmp_path / "x.tar", "deb:x=1")


GOOD = packed(make_tree(TREE))


def consume(data: bytes) -> None:
    for member in tar.read(io.BytesIO(data), "x.tar"):
        member.data.read()


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 513, len(GOOD) - 1025, len(GOOD) // 2])
def test_an_archive_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(ArchiveError, match="cut short"):
        consume(GOOD[:cut])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_gives_an_archive_error_or_nothing(data: st.DataObject) -> None:
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(GOOD) - 1))
        damaged[position] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):  # make the checksum right again, so that the damage gets deeper
            start = position // 512 * 512
            block = damaged[start : start + 512]
            total = sum(block[:148]) + sum(block[156:]) + 256
            damaged[start + 148 : start + 156] = b"%06o\0 " % total
    try:
        consume(bytes(damaged[: data.draw(st.integers(0, len(GOOD)))]))
    except ArchiveError:
        return


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2048), st.integers(0, 255))
def test_any_header_block_gives_an_archive_error_or_nothing(junk: bytes, kind: int) -> None:
    block = bytearray(junk[:512].ljust(512, b"\0"))
    block[156] = kind
    block[148:156] = struct.pack("8s", b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256))
    try:
        consume(bytes(block) + junk + bytes(1024))
    except ArchiveError:
        return


def test_a_written_file_of_a_whole_block_is_kept(tmp_path: Path) -> None:
    tree = FileTree([make_file("a", b"1" * (1 << 20)), make_file("b", b"2" * 512)])
    (tmp_path / "x.tar").write_bytes(packed(tree))
    assert tar.index(tmp_path / "x.tar", "app") == tree
