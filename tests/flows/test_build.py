"""A project becomes an image: valid, the same again, and with one small layer changed after one changed line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.image import reference
from slimtorch.image.validate import validate
from slimtorch.stores import layout, read
from tests.support.layers import text
from tests.support.machines import make_machine
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.image.model import Image
    from tests.support.shop import Shop

LARGEST_CHANGE = 20_000


def image_of(text_: str, tmp_path: Path) -> Image:
    """The image at a printed reference, digest and all."""
    return read(reference.parse(text_), make_machine(tmp_path))


def stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What tells that a file was touched."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


def test_a_build_gives_a_valid_image_and_again_the_same(shop: Shop, tmp_path: Path) -> None:
    output = tmp_path / "out"
    first = shop.build("-o", f"oci:{output}").ok()
    assert validate(image_of(first.references[0], tmp_path)) == []
    before = stamps(output)
    second = shop.build("-o", f"oci:{output}").ok()
    assert second.references == first.references == [first.out.strip()]
    assert first.out.startswith(f"oci:{output}:v1.2@sha256:")
    assert stamps(output) == before
    assert not list(output.rglob("*.tmp"))


def test_the_default_output_is_below_dist(shop: Shop) -> None:
    assert shop.build().ok().references[0].startswith("oci:dist/parrot:v1.2@sha256:")
    assert validate(layout.read(shop.project / "dist/parrot", "v1.2")) == []


def test_a_changed_line_changes_one_small_layer(shop: Shop, tmp_path: Path) -> None:
    output = tmp_path / "out"
    before = image_of(shop.build("-o", f"oci:{output}").ok().references[0], tmp_path)
    files = set(stamps(output))
    shop.change("serve.py", "the parrot wakes up", "the parrot is up")
    after = image_of(shop.build("-o", f"oci:{output}").ok().references[0], tmp_path)
    assert after.digest != before.digest
    changed = [new.name for new, old in zip(after.layers, before.layers, strict=True) if new.blob != old.blob]
    assert changed == ["app"]
    added = {path: size for path, (_, _, size) in stamps(output).items() if path not in files}
    assert len(added) == 3  # the layer, the configuration, the manifest
    assert sum(added.values()) < LARGEST_CHANGE
    assert "the parrot is up" in text(after, "app/serve.py")


def test_adding_a_package_leaves_the_system_and_python_alone(shop: Shop, tmp_path: Path) -> None:
    output = tmp_path / "out"
    before = image_of(shop.build("-o", f"oci:{output}").ok().references[0], tmp_path)
    extra = tmp_path / "extra"
    make_wheel(extra, "parrot-cage", "1.0", {"parrot_cage.py": "bars = 12\n"})
    shop.write("requirements.txt", "parrot-words\nparrot-cage\n")
    shop.lock("--find-links", str(extra)).ok()
    after = image_of(shop.build("-o", f"oci:{output}", "--find-links", extra).ok().references[0], tmp_path)
    kept = [new.name for new, old in zip(after.layers, before.layers, strict=True) if new.blob == old.blob]
    assert kept == ["os", "python", "system", "app"]


def test_the_same_build_without_bytes_of_other_images(shop: Shop, tmp_path: Path) -> None:
    """A layout that holds another project's image keeps it, and the new one beside it."""
    output = tmp_path / "out"
    first = shop.build("-o", f"oci:{output}").ok().references[0]
    shop.change("slimtorch.toml", 'version = "1.2"', 'version = "1.3"')
    second = shop.build("-o", f"oci:{output}").ok().references[0]
    assert first.partition("@")[0] == f"oci:{output}:v1.2"
    assert second.partition("@")[0] == f"oci:{output}:v1.3"
    assert validate(image_of(first, tmp_path)) == validate(image_of(second, tmp_path)) == []
