from __future__ import annotations

import configparser
import csv
import io
import os
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ArchiveError
from slimtorch.image.digest import of_bytes, of_stream
from slimtorch.image.tree import FileTree, Kind, small_file
from slimtorch.sources import archive, record, wheels
from slimtorch.sources.layout import Layout
from slimtorch.sources.target import Target
from tests.support.wheels import Lies, locked, make_wheel, member

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = Layout("3.11")
SITE = "opt/venv/lib/python3.11/site-packages"
INFO = f"{SITE}/demo-1.0.dist-info"


def tree(path: Path) -> FileTree:
    return wheels.tree(path, locked(path), LAYOUT)


def text(found: FileTree, path: str) -> str:
    content = found[path].content
    assert content is not None
    with content.open() as stream:
        return stream.read().decode()


def test_files_stand_in_site_packages_and_are_owned(tmp_path: Path) -> None:
    found = tree(make_wheel(tmp_path, files={"demo/__init__.py": "x = 1\n", "demo/data.bin": b"\0\1"}))
    assert text(found, f"{SITE}/demo/__init__.py") == "x = 1\n"
    assert {entry.owner for entry in found.entries()} == {"wheel:demo==1.0"}
    assert found["opt/venv"].kind is Kind.DIRECTORY
    assert text(found, f"{INFO}/INSTALLER") == "slimtorch\n"


def test_content_can_be_opened_again_and_from_threads(tmp_path: Path) -> None:
    data = os.urandom(400_000) + b"a" * 400_000
    content = tree(make_wheel(tmp_path, files={"demo.bin": data}))[f"{SITE}/demo.bin"].content
    assert content is not None
    seen: list[bool] = []

    def read() -> None:
        with content.open() as stream:
            seen.append(stream.read() == data)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [True] * 6
    with content.open() as one, content.open() as two:
        assert one.read(10) == two.read(10) == data[:10]


def test_every_data_scheme_has_its_place(tmp_path: Path) -> None:
    files = {
        "DATA/purelib/pure.py": "a",
        "DATA/platlib/plat.py": "b",
        "DATA/data/share/demo.txt": "c",
        "DATA/headers/demo.h": "d",
        "DATA/scripts/run": b"\x7fELF...",
    }
    found = tree(make_wheel(tmp_path, files=files))
    assert text(found, f"{SITE}/pure.py") == "a"
    assert text(found, f"{SITE}/plat.py") == "b"
    assert text(found, "opt/venv/share/demo.txt") == "c"
    assert text(found, "opt/venv/include/site/python3.11/demo/demo.h") == "d"
    assert found["opt/venv/bin/run"].mode == 0o755


def test_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="scheme 'etc'"):
        tree(make_wheel(tmp_path, files={"DATA/etc/passwd": "x"}))


def test_console_scripts_start_the_image_interpreter(tmp_path: Path) -> None:
    entry_points = (
        "[console_scripts]\ndemo = demo.cli:main\nother = demo:app.run [extra]\n[gui_scripts]\nwin = demo:gui\n"
    )
    found = tree(make_wheel(tmp_path, files={"demo.py": "", "INFO/entry_points.txt": entry_points}))
    script = text(found, "opt/venv/bin/demo")
    assert script.startswith("#!/opt/venv/bin/python\n")
    assert "from demo.cli import main" in script
    assert found["opt/venv/bin/demo"].mode == 0o755
    assert "app.run()" in text(found, "opt/venv/bin/other")
    assert "opt/venv/bin/win" in found


def test_a_console_script_runs(tmp_path: Path) -> None:
    files = {
        "demo.py": "def main():\n    print('hello')\n",
        "INFO/entry_points.txt": "[console_scripts]\ndemo = demo:main\n",
    }
    found = tree(make_wheel(tmp_path, files=files))
    (tmp_path / "demo.py").write_text(files["demo.py"])
    script = tmp_path / "demo-script"
    script.write_text(text(found, "opt/venv/bin/demo"))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n"


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "x\x01y"])
def test_a_script_cannot_leave_bin(tmp_path: Path, name: str) -> None:
    path = make_wheel(tmp_path, files={"INFO/entry_points.txt": f"[console_scripts]\n{name} = demo:main\n"})
    with pytest.raises(ArchiveError, match="no file name"):
        tree(path)


@pytest.mark.parametrize("target", ["demo:main();import os", "demo", "demo:", "demo os:x"])
def test_an_entry_point_cannot_carry_code(tmp_path: Path, target: str) -> None:
    path = make_wheel(tmp_path, files={"INFO/entry_points.txt": f"[console_scripts]\ndemo = {target}\n"})
    with pytest.raises(ArchiveError):
        tree(path)


def test_scripts_that_wait_for_an_interpreter_get_it(tmp_path: Path) -> None:
    files = {
        "DATA/scripts/a": "#!python\nx\n",
        "DATA/scripts/b": "#!pythonw -s\r\ny\n",
        "DATA/scripts/c": "#!/bin/sh\nz\n",
    }
    found = tree(make_wheel(tmp_path, files=files))
    assert text(found, "opt/venv/bin/a") == "#!/opt/venv/bin/python\nx\n"
    assert text(found, "opt/venv/bin/b") == "#!/opt/venv/bin/python -s\ny\n"
    assert text(found, "opt/venv/bin/c") == "#!/bin/sh\nz\n"


def test_executable_bits_stay_and_others_are_plain(tmp_path: Path) -> None:
    found = tree(make_wheel(tmp_path, files={"demo/bin/tool": "x", "demo/lib.so": "y"}, executable=["demo/bin/tool"]))
    assert found[f"{SITE}/demo/bin/tool"].mode == 0o755
    assert found[f"{SITE}/demo/lib.so"].mode == 0o644


def test_the_new_record_is_true(tmp_path: Path) -> None:
    files = {
        "demo.py": "x",
        "DATA/scripts/run": "#!python\n",
        "INFO/entry_points.txt": "[console_scripts]\nd = demo:m\n",
    }
    found = tree(make_wheel(tmp_path, files=files))
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(text(found, f"{INFO}/RECORD")))}
    kept = {os.path.relpath(entry.path, SITE) for entry in found.entries() if entry.kind is Kind.FILE}
    assert set(rows) == kept
    assert {"../../../bin/run", "../../../bin/d", "demo-1.0.dist-info/INSTALLER"} <= set(rows)
    lines = record.parse(text(found, f"{INFO}/RECORD"), "the new RECORD")
    for entry in found.entries():
        if entry.content and not entry.path.endswith("/RECORD"):
            with entry.content.open() as stream:
                assert of_stream(stream) == (entry.content.digest, entry.content.size)
            assert lines[os.path.relpath(entry.path, SITE)].digest == entry.content.digest
    assert rows["demo-1.0.dist-info/RECORD"] == ["", ""]


def test_a_vendored_record_stays_as_it_is(tmp_path: Path) -> None:
    vendored = "inner.py,sha256=AAAA,1\n"
    found = tree(make_wheel(tmp_path, files={"demo/_vendor/inner-1.dist-info/RECORD": vendored}))
    assert text(found, f"{SITE}/demo/_vendor/inner-1.dist-info/RECORD") == vendored


def test_bytecode_added_later_is_listed_without_hash(tmp_path: Path) -> None:
    found = tree(make_wheel(tmp_path))
    pyc = small_file(f"{SITE}/__pycache__/demo.cpython-311.pyc", b"code", "wheel:demo==1.0")
    whole = record.rewritten(FileTree([*found.entries(), pyc]), LAYOUT)
    assert "\n__pycache__/demo.cpython-311.pyc,,\n" in "\n" + text(whole, f"{INFO}/RECORD")


def test_bytecode_and_traces_of_the_wheel_are_left_out(tmp_path: Path) -> None:
    files = {
        "demo.py": "",
        "__pycache__/demo.cpython-311.pyc": b"x",
        "INFO/REQUESTED": "",
        "INFO/direct_url.json": "{}",
    }
    found = tree(make_wheel(tmp_path, files=files))
    assert not [path for path in found if "__pycache__" in path or path.endswith(("REQUESTED", "direct_url.json"))]


def test_a_direct_requirement_says_where_it_came_from(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    url = "https://files.example/demo-1.0-py3-none-any.whl"
    found = wheels.tree(path, locked(path, url=url), LAYOUT)
    assert url in text(found, f"{INFO}/direct_url.json")
    local = wheels.tree(path, locked(path, url="vendored/demo-1.0-py3-none-any.whl"), LAYOUT)
    assert f"{INFO}/direct_url.json" not in local


def test_the_same_wheel_gives_the_same_tree(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo.py": "x", "INFO/entry_points.txt": "[console_scripts]\nd = demo:m\n"})
    assert list(tree(path).entries()) == list(tree(path).entries())


def test_a_hash_of_another_kind_is_replaced_by_our_own(tmp_path: Path) -> None:
    found = tree(make_wheel(tmp_path, lies=Lies(record={"demo.py": ("sha512=abc", "")})))
    content = found[f"{SITE}/demo.py"].content
    assert content is not None
    assert content.digest == of_bytes(b"x = 1\n")


def test_a_lying_hash_is_carried_to_where_it_is_checked(tmp_path: Path) -> None:
    false = "sha256=" + "A" * 43
    content = tree(make_wheel(tmp_path, lies=Lies(record={"demo.py": (false, "6")})))[f"{SITE}/demo.py"].content
    assert content is not None
    assert content.digest != of_bytes(b"x = 1\n")


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        (Lies(record={"demo.py": None}), "does not list"),
        (Lies(record={"demo.py": ("", "5")}), "RECORD says 5"),
        (Lies(record={"demo.py": ("sha256=!!", "6")}), "cannot be understood"),
        (Lies(record={"demo.py": ("sha256=AAAA", "6")}), "no sha256"),
        (Lies(record={"demo.py": ("", "many")}), "cannot be understood"),
        (Lies(extra_lines=[("ghost.py", "", "")]), "is not there"),
        (Lies(extra_lines=[("demo.py", "", "")]), "twice"),
        (Lies(metadata="Metadata-Version: 2.1\nName: other\nVersion: 1.0\n"), "says that it is other"),
        (Lies(metadata="Metadata-Version: 2.1\nName: demo\nVersion: 2.0\n"), "says that it is demo 2.0"),
    ],
)
def test_promises_that_are_broken(tmp_path: Path, lies: Lies, reason: str) -> None:
    with pytest.raises(ArchiveError, match=reason):
        tree(make_wheel(tmp_path, lies=lies))


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/passwd", "a/../../b", "a\\b", "./a", "a//b", "C:\\x", "a/\x1b[0m"]
)
def test_paths_that_leave_the_tree(tmp_path: Path, name: str) -> None:
    lies = Lies(raw=[(member(name), b"x")], extra_lines=[(name, "", "")])
    with pytest.raises(ArchiveError, match="could leave its folder"):
        tree(make_wheel(tmp_path, lies=lies))


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010644, 0o140755])
def test_links_and_special_files(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ArchiveError, match="link or special file"):
        tree(make_wheel(tmp_path, lies=Lies(raw=[(member("thing", mode=mode), b"/etc/passwd")])))


def test_a_name_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = make_wheel(tmp_path, lies=Lies(raw=[(member("demo.py"), b"evil")]))
    with pytest.raises(ArchiveError, match=r"demo\.py twice"):
        tree(path)


def test_a_file_that_is_also_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="both as a file and as a folder"):
        tree(make_wheel(tmp_path, files={"demo": "x", "demo/a.py": "y"}))


def test_two_members_for_one_place(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="twice"):
        tree(make_wheel(tmp_path, files={"demo.py": "x", "DATA/purelib/demo.py": "y"}))


def test_a_bomb(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"zeros": b"\0" * (archive.SPARE + (1 << 26))})
    with pytest.raises(ArchiveError, match="bomb"):
        tree(path)


def test_overlapping_members(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"a.bin": os.urandom(900), "b.bin": os.urandom(900)})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as opened:
        first, second = opened.infolist()[:2]
    at = data.rindex(b"b.bin") - 46  # the central header's name stands 46 bytes after its start
    assert int.from_bytes(data[at + 42 : at + 46], "little") == second.header_offset
    data[at + 42 : at + 46] = first.header_offset.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="overlaps"):
        tree(path)


def test_a_member_whose_bytes_are_damaged(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"a.txt": "word " * 5000})
    content = tree(path)[f"{SITE}/a.txt"].content
    assert content is not None
    data = bytearray(path.read_bytes())
    data[40:60] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"demo-1\.0-py3-none-any\.whl: a\.txt"), content.open() as stream:
        stream.read()


def test_a_member_that_holds_more_than_it_says(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"a.txt": "x" * 5000})
    opener = next(found for found in archive.members(path, "demo") if found.name == "a.txt")
    with pytest.raises(ArchiveError, match="more than it should"), replace(opener, size=100)() as stream:
        stream.read()
    with pytest.raises(ArchiveError, match="less than it should"), replace(opener, size=9000)() as stream:
        stream.read()


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    whole = path.read_bytes()
    for data in (b"", b"not a zip", whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(ArchiveError):
            tree(path)


def test_every_truncation_is_an_archive_error(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    pin, whole = locked(path), path.read_bytes()
    for length in range(0, len(whole), 17):
        path.write_bytes(whole[:length])
        with pytest.raises(ArchiveError):
            wheels.tree(path, pin, LAYOUT)


def test_flipped_bytes_never_escape_as_anything_else(tmp_path: Path) -> None:
    path = make_wheel(
        tmp_path, files={"demo.py": "x = 1\n", "INFO/entry_points.txt": "[console_scripts]\nd = demo:m\n"}
    )
    pin, whole = locked(path), path.read_bytes()
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            for entry in wheels.tree(path, pin, LAYOUT).entries():
                if entry.content:
                    with entry.content.open() as stream:
                        stream.read()
        except ArchiveError:
            continue


def test_another_wheel_than_the_locked_one(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with pytest.raises(ArchiveError, match="is locked"):
        wheels.tree(path, replace(locked(path), version="2.0"), LAYOUT)
    with pytest.raises(ArchiveError, match="is locked"):
        wheels.tree(path, replace(locked(path), name="other"), LAYOUT)


def test_a_wheel_for_another_target(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, tag="cp312-cp312-manylinux_2_28_x86_64")
    with pytest.raises(ArchiveError, match="another Python or platform"):
        wheels.tree(path, locked(path), LAYOUT, Target("3.11").tags())
    wheels.tree(path, locked(path), LAYOUT, Target("3.12").tags())


def test_entry_points_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="entry_points") as caught:
        tree(make_wheel(tmp_path, files={"INFO/entry_points.txt": "no section\n"}))
    assert not isinstance(caught.value, configparser.Error)
