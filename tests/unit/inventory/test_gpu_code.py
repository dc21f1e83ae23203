"""Code for GPUs is counted in folders and in images, and what pruning would save is what it saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.inventory.files import of_directory
from slimtorch.inventory.gpu_code import Amount, of_files, of_image
from slimtorch.tables.gpus import Gpu, gpus
from tests.support.fatbins import Library, big, make_entry, make_fatbin, simple
from tests.support.images import make_image

if TYPE_CHECKING:
    from pathlib import Path

SITE = "opt/venv/lib/python3.11/site-packages"
H100 = (gpus()["h100"],)
LARGE = simple(*[make_fatbin(big("sm_80"), big("sm_90"), big("compute_90")) for _ in range(3)])
SMALL = simple(make_fatbin(make_entry("sm_90", b"x" * 24, packing="zstd"), "sm_100f", "lto_90"))


def test_amounts_by_kind_and_architecture() -> None:
    (library,) = of_image(make_image({f"{SITE}/small.so": SMALL}))
    assert (library.path, library.size) == (f"{SITE}/small.so", len(SMALL))
    assert library.amounts == (
        Amount("sm_90", "cubin", 1, 64 + 24, 240),
        Amount("sm_100f", "cubin", 1, 64 + 88, 64 + 88),
        Amount("lto_90", "lto-ir", 1, 64 + 72, 64 + 72),
    )
    assert library.stored == 88 + 152 + 136
    assert library.saves is None


def test_the_largest_first_and_what_pruning_saves(tmp_path: Path) -> None:
    for name, data in {"a.so": SMALL, "b.so": LARGE, "c.txt": b"text", "d.so": b"\x7fELF but cut off" * 9}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "link.so").symlink_to("b.so")
    large, small = of_files(of_directory(tmp_path, owners=False), H100)
    assert (large.path, small.path) == ("b.so", "a.so")
    assert large.saves is not None
    assert 200_000 < large.saves < large.size
    assert small.saves == 0
    assert large.uncovered == small.uncovered == ()


def test_an_image_shows_what_no_later_layer_hides() -> None:
    layers = {"lib/a.so": LARGE, "lib/b.so": LARGE, "lib/c.so": LARGE}, {"lib/a.so": SMALL, "lib/.wh.b.so": b""}
    found = of_image(make_image(*layers))
    assert [(library.path, library.size) for library in found] == [("lib/c.so", len(LARGE)), ("lib/a.so", len(SMALL))]


def test_folders_and_images_agree(tmp_path: Path) -> None:
    (tmp_path / "a.so").write_bytes(LARGE)
    (tmp_path / "b.so").write_bytes(SMALL)
    assert of_files(of_directory(tmp_path, owners=False), H100) == of_image(
        make_image({"a.so": LARGE, "b.so": SMALL}), H100
    )


@pytest.mark.parametrize(("names", "left_out"), [(["h100"], ()), (["b200", "h100", "t4"], ("b200", "t4"))])
def test_gpus_without_code(names: list[str], left_out: tuple[str, ...]) -> None:
    wanted: tuple[Gpu, ...] = tuple(gpus()[name] for name in names)
    (library,) = of_image(make_image({"a.so": simple(make_fatbin("sm_80", "sm_90"), make_fatbin("sm_90"))}), wanted)
    assert library.uncovered == left_out


def test_damaged_code_is_told() -> None:
    damaged = Library({".nv_fatbin": [make_fatbin("sm_90")[:-8]]}).make()
    (library,) = of_image(make_image({"a.so": damaged}), H100)
    assert "does not add up" in library.problem
    assert library.amounts == ()


def test_nothing_to_show() -> None:
    assert of_image(make_image({"a.so": Library({".rodata": [bytes(99)]}).make(), "b": b"\x7fEL", "c": b""})) == ()
