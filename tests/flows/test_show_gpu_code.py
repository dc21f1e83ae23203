"""``slimtorch show REF --gpu-code``: any folder or image, as a table, as JSON, and with a GPU to prune to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from slimtorch.cli.main import run
from slimtorch.image.codec import NONE
from slimtorch.stores import layout
from tests.support.fatbins import big, make_fatbin, simple
from tests.support.images import make_image

if TYPE_CHECKING:
    from pathlib import Path

SITE = "usr/lib/python3/dist-packages"
LARGE = simple(*[make_fatbin(big("sm_80"), big("sm_90")) for _ in range(3)])
SMALL = simple(make_fatbin("sm_80", "compute_80"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = tmp_path / "root" / SITE
    site.mkdir(parents=True)
    (site / "large.so").write_bytes(LARGE)
    (site / "small.so").write_bytes(SMALL)
    (site / "plain.py").write_text("print()")
    return site


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["show", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_folder_as_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = shown(capsys, f"dir:{folder}", "--gpu-code")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert code == 0
    assert ["large.so", "sm_80", "3", "120.2", "kB", "120.2", "kB"] in lines
    assert ["sm_90", "3", "120.2", "kB", "120.2", "kB"] in lines
    assert ["small.so", "sm_80", "1", "128", "B", "128", "B"] in lines
    assert ["2", "libraries", "8", "240.7", "kB", "240.7", "kB"] in lines
    assert lines[-1] == [f"dir:{folder}"]
    assert "saves" not in out
    assert err == ""


def test_what_a_gpu_needs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = shown(capsys, f"dir:{folder}", "--gpu-code", "--gpu", "h100", "--gpu", "v100", "--format", "json")
    large, small = json.loads(out)["libraries"]
    assert code == 0
    assert json.loads(out)["gpus"] == [{"name": "h100", "capability": "9.0"}, {"name": "v100", "capability": "7.0"}]
    assert 100_000 < large["saves"] < 3 * 40_064
    assert large["uncovered"] == small["uncovered"] == ["v100"]
    assert [code["name"] for code in small["code"]] == ["sm_80", "compute_80"]
    assert err == ""


def test_remarks_are_no_part_of_the_result(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.so").write_bytes(simple(make_fatbin("sm_80")[:-8]))
    _, out, err = shown(capsys, f"dir:{folder}", "--gpu-code", "--gpu", "v100")
    assert "large.so has no code for v100" in err
    assert "bad.so would be left as it is: the device code in .nv_fatbin does not add up" in err
    assert "no code for" not in out


def test_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = make_image({f"{SITE}/large.so": LARGE}, {f"{SITE}/small.so": SMALL}, codec=NONE)
    layout.write(image, tmp_path / "image", "v1")
    code, out, _ = shown(capsys, f"oci:{tmp_path}/image:v1", "--gpu-code", "--format", "json")
    assert code == 0
    assert [library["path"] for library in json.loads(out)["libraries"]] == [f"{SITE}/large.so", f"{SITE}/small.so"]
    assert json.loads(out)["reference"] == f"oci:{tmp_path}/image:v1@{image.digest}"


def test_nothing_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = shown(capsys, f"dir:{tmp_path}", "--gpu-code")
    assert (code, out) == (0, f"dir:{tmp_path}\n")
    assert "no library has code for GPUs" in err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--gpu", "h100"], "--gpu says nothing without --gpu-code", "write --gpu-code"),
        (["--gpu-code", "--gpu", "h10"], "'h10' is not a GPU that slimtorch knows; did you mean `h100`?", "h200"),
        (["--gpu-code", "--gpu", "4.2"], "'4.2' is not a compute capability", ""),
    ],
)
def test_what_cannot_be_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, hint: str
) -> None:
    code, out, err = shown(capsys, f"dir:{tmp_path}", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert hint in err


def test_no_such_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = shown(capsys, f"dir:{tmp_path}/nowhere", "--gpu-code")
    assert code == 2
    assert "nowhere is not a folder" in err
