"""What the command line prints where, and what it leaves alone."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from slimtorch.cli.main import COMMANDS
from slimtorch.stores import layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.shop import Shop

WIDEST = 100
ENGINE = "loader"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tables(text: str) -> list[str]:
    """The lines of tables; sentences are as long as they are."""
    return [line for line in text.splitlines() if line.startswith(("  ", " ─")) and not line.startswith("  hint: ")]


def test_what_build_prints_can_be_handed_on(shop: Shop, tmp_path: Path) -> None:
    outputs = [f"oci:{tmp_path}/layout", f"archive:{tmp_path}/image.tar", f"dir:{tmp_path}/root"]
    arguments = [word for output in outputs for word in ("-o", output)]
    printed = shop.build(*arguments).ok().references
    assert [text.partition("@")[0] for text in printed] == [f"oci:{tmp_path}/layout:v1.2", *outputs[1:]]
    for text in printed:
        assert shop("show", text).ok().references[-1].startswith(text)
    pinned = printed[:2]
    assert all(re.fullmatch(r".+@sha256:[0-9a-f]{64}", text) for text in pinned)
    for number, text in enumerate(pinned):
        shown = shop("verify", text, "--engine", ENGINE, "--project", ".", "--format", "json").ok().json
        assert shown["reference"] == text
        assert (shown["answered"], shown["engine"]) == (20, ENGINE)
        copied = shop("copy", text, f"oci:{tmp_path}/copy{number}:v1").ok().references
        assert len(copied) == 1
        assert shop("show", copied[0]).ok().references[-1] == copied[0]


def test_a_copy_is_what_a_build_is(shop: Shop, tmp_path: Path) -> None:
    in_layout, in_archive = shop.stock.references
    again = shop("copy", in_layout, f"oci:{tmp_path}/again").ok().references[0]
    assert again == f"oci:{tmp_path}/again:v1.2@{in_layout.rpartition('@')[2]}"
    archived = shop("copy", in_layout, f"archive:{tmp_path}/a.tar").ok().references[0]
    assert archived == f"archive:{tmp_path}/a.tar@{in_archive.rpartition('@')[2]}"
    back = shop("copy", archived, f"oci:{tmp_path}/back").ok().references[0]
    assert back.startswith(f"oci:{tmp_path}/back:v1.2@")


def test_stdout_is_the_result_only(shop: Shop, tmp_path: Path) -> None:
    own = shop.with_cache(tmp_path / "cache", empty=True)
    done = own.build("-o", f"oci:{tmp_path}/out").ok()
    assert re.fullmatch(rf"oci:{tmp_path}/out:v1\.2@sha256:[0-9a-f]{{64}}\n", done.out)
    assert "python3" in done.err
    assert own.lock("--upgrade").ok().out == f"{own.project / 'slimtorch.lock'}\n"


@pytest.mark.parametrize("quiet", [["-q"], []])
def test_quiet_and_plain(shop: Shop, tmp_path: Path, quiet: list[str]) -> None:
    for arguments in (
        ["build", "--apt-mirror", shop.stock.mirror, "-o", f"oci:{tmp_path}/out"],
        ["lock", "--apt-mirror", shop.stock.mirror],
        ["lock", "--check"],
        ["show", shop.stock.references[0]],
        ["copy", shop.stock.references[0], f"archive:{tmp_path}/{len(quiet)}.tar"],
        ["verify", shop.stock.references[0], "--engine", ENGINE],
        ["cache", "verify"],
    ):
        done = shop(*quiet, *arguments).ok()
        assert not quiet or done.err == ""
        assert not re.search(r"[\x1b\r\x08]", done.out + done.err)
        assert max((len(line) for line in tables(done.out + done.err)), default=0) <= WIDEST


def test_tables_fit_a_narrow_terminal(shop: Shop) -> None:
    for arguments in (["show"], ["show", "--packages"], ["verify", "--engine", ENGINE]):
        done = shop(*arguments, shop.stock.references[0], env={"COLUMNS": "80"}).ok()
        assert 0 < max(map(len, tables(done.out))) <= 80


def test_json(shop: Shop, tmp_path: Path) -> None:
    reference = shop.stock.references[0]
    whole = shop.build("-o", f"oci:{tmp_path}/out", "--format", "json").ok().json
    image, built = layout.read(tmp_path / "out"), whole["images"][0]
    assert whole["references"] == [built["reference"]] == [f"oci:{tmp_path}/out:v1.2@{image.digest}"]
    assert built["digest"] == image.digest
    assert built["pull"] == sum(layer["pull"] for layer in built["layers"])
    assert built["pull"] == sum(layer.blob.size for layer in image.layers)
    assert [layer["digest"] for layer in built["layers"]] == [layer.blob.digest for layer in image.layers]
    shown = shop("show", reference, "--format", "json").ok().json
    assert {package["name"] for package in shown["packages"]} >= {"parrot-words", "parrot-seeds", "zlib1g"}
    assert sum(layer["size"] for layer in shown["layers"]) == shown["size"]
    assert shown["pull"] == sum(layer["pull"] for layer in shown["layers"])
    locked = shop.lock("--format", "json").ok().json
    assert [wheel["name"] for wheel in locked["platforms"]["linux/amd64"]["wheels"]] == ["parrot-seeds", "parrot-words"]
    planned = shop("build", "--dry-run", "--format", "json").ok().json
    assert planned["name"] == "parrot:v1.2"
    assert re.fullmatch("sha256:[0-9a-f]{64}", planned["plan"])
    proof = shop("verify", reference, "--engine", ENGINE, "--format", "json").ok().json
    assert proof["load_seconds"] > 0
    assert proof["resident"] > 1_000_000
    listed = shop("cache", "list", "--format", "json").ok().json
    assert {row["kind"] for row in listed["kinds"]} >= {"blob", "layer", "stack", "bytecode"}


def test_a_dry_run_writes_nothing(shop: Shop, tmp_path: Path) -> None:
    own = shop.with_cache(tmp_path / "cache", empty=True)
    before = contents(own.project)
    done = own("build", "--dry-run", "-o", f"oci:{tmp_path}/out").ok()
    assert "parrot-words" in done.out
    assert contents(own.project) == before
    assert not own.cache.exists()
    assert not (tmp_path / "out").exists()
    own.write("requirements.txt", "parrot-seeds\n")
    before = contents(own.project)
    own.lock("--dry-run").ok()
    assert contents(own.project) == before
    assert shop("cache", "prune", "--all", "--dry-run").ok().out.startswith("would remove ")


def test_locking_again_changes_nothing(shop: Shop) -> None:
    before = contents(shop.project)
    shop.lock().ok()
    shop.lock("--upgrade").ok()
    assert contents(shop.project) == before
    assert shop("lock", "--check").ok().out == ""


def test_a_vendored_project_builds_without_anything_else(shop: Shop, tmp_path: Path) -> None:
    shop.change("slimtorch.toml", "[os]\n", '[sources]\nvendor = "vendor"\n[os]\n')
    (shop.project / "vendor").mkdir()
    shop.lock("--vendor", str(shop.project / "vendor")).ok()
    names = {path.name for path in (shop.project / "vendor").iterdir()}
    platform = tomllib.loads((shop.project / "slimtorch.lock").read_text())["platform"]["linux/amd64"]
    assert names == {row["file"] for kind in ("wheel", "deb") for row in platform[kind]}
    own = shop.with_cache(tmp_path / "cache", empty=True)
    bare = {"PIP_FIND_LINKS": str(tmp_path / "nothing"), "PATH": os.environ["PATH"]}
    done = own("--offline", "build", "-o", f"oci:{tmp_path}/out", env=bare).ok()
    assert done.references[0].rpartition("@")[2] == shop.stock.references[0].rpartition("@")[2]


def test_offline_with_everything_in_the_cache(shop: Shop, tmp_path: Path) -> None:
    done = shop("--offline", "build", "-o", f"oci:{tmp_path}/out").ok()
    assert done.references[0].rpartition("@")[2] == shop.stock.references[0].rpartition("@")[2]


def test_from_another_folder(shop: Shop, tmp_path: Path) -> None:
    """A project named by a relative path, and outputs relative to where one stands."""
    argv = [*shop.argv()[:3], "--cache-dir", str(shop.cache), "build", "project", "-o", "oci:out"]
    (shop.project / "slimtorch.lock").unlink()
    argv += ["--apt-mirror", shop.stock.mirror]
    done = subprocess.run(argv, cwd=tmp_path, env=shop.env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("oci:out:v1.2@")
    assert (tmp_path / "out/oci-layout").is_file()
    assert done.stdout.strip().rpartition("@")[2] == shop.stock.references[0].rpartition("@")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(shop: Shop, command: str) -> None:
    done = shop(command, "--help").ok()
    assert done.out.startswith("Usage: slimtorch ")
    assert max(map(len, done.out.splitlines())) <= WIDEST


def test_words_that_are_no_command(shop: Shop) -> None:
    assert shop("bild").status == 2
    assert shop("build", "--outptu", "x").status == 2
    assert shop("--version").ok().out.startswith("slimtorch, version ")


@pytest.mark.parametrize("color", [True, False])
def test_a_terminal_gets_bars(shop: Shop, tmp_path: Path, color: bool) -> None:  # noqa: FBT001
    own = shop.with_cache(tmp_path / "cache", empty=True)
    env = {**own.env, "TERM": "xterm-256color", **({} if color else {"NO_COLOR": "1"})}
    mine, theirs = pty.openpty()
    argv = own.argv("build", "--apt-mirror", own.stock.mirror, "-o", f"oci:{tmp_path}/out")
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        said = drained(mine)
        out = process.stdout.read() if process.stdout else b""
    assert process.returncode == 0, said.decode(errors="replace")
    assert re.fullmatch(rb"oci:\S+@sha256:[0-9a-f]{64}\n", out)
    assert b"\x1b[" in said
    assert bool(re.search(rb"\x1b\[(\d+;)*3[1-7]m", said)) is color


def drained(descriptor: int) -> bytes:
    parts = []
    try:
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(descriptor)
    return b"".join(parts)


def test_recording_the_load_time(shop: Shop) -> None:
    shop.change("slimtorch.toml", "[check]", '[service.health]\nstart-period = "measured"\n[check]')
    shop("verify", shop.stock.references[0], "--engine", ENGINE, "--project", ".", "--record").ok()
    lock = (shop.project / "slimtorch.lock").read_text()
    assert re.search(r"^load-seconds = \d+\.\d+$", lock, re.MULTILINE)
    planned = shop("build", "--dry-run", "--format", "json").ok().json
    assert json.dumps(planned["runtime"]).count("10000000000") == 1
    shop("lock", "--check").ok()
