"""A build slims its packages before it makes layers of them, and says in the image what it did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.image import reference
from slimtorch.image.flatten import flatten
from slimtorch.image.validate import validate
from slimtorch.slim import ledger as ledgers
from slimtorch.slim import marks
from slimtorch.stores import layout, read
from tests.support import machine_debs
from tests.support.foreign import image_of
from tests.support.installations import CODE, PLAIN
from tests.support.layers import text
from tests.support.machines import make_machine
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.image.model import Image
    from tests.support.shop import Done, Shop

SITE = "opt/venv/lib/python3.11/site-packages"
CAGE = {
    "parrot_cage/__init__.py": "bars = 12\n",
    "parrot_cage/_native.so": PLAIN,
    "parrot_cage/_gpu.so": CODE,
    "parrot_cage/tests/__init__.py": "",
    "parrot_cage/tests/test_bars.py": "def test_bars(): ...\n",
    "parrot_cage/types.pyi": "bars: int\n",
}


class Built:
    """The shop with a package whose libraries may be changed (they are by its name), and its image."""

    def __init__(self, shop: Shop, folder: Path, settings: str = "") -> None:
        self.shop, self.folder = shop.with_cache(folder / "own-cache"), folder
        make_wheel(folder / "extra", "bottleneck", "1.0", CAGE)
        shop.write("requirements.txt", "parrot-words\nbottleneck\n")
        toml = (shop.project / "slimtorch.toml").read_text()
        shop.write("slimtorch.toml", toml + settings)
        self.shop.lock("--find-links", f"{folder}/extra").ok()

    def build(self, *arguments: str, name: str = "out") -> Done:
        return self.shop.build(
            "--find-links", f"{self.folder}/extra", "-o", f"oci:{self.folder}/{name}:v1", "--tag", "v1", *arguments
        )

    def image(self, name: str = "out") -> Image:
        return read(reference.parse(f"oci:{self.folder}/{name}:v1"), make_machine(self.folder))

    def labels(self, name: str = "out") -> Any:
        return self.image(name).settings["config"]["Labels"]


@pytest.fixture
def built(shop: Shop, tmp_path: Path) -> Built:
    return Built(shop, tmp_path)


def test_a_build_is_slimmed_and_says_so(built: Built) -> None:
    built.build("--ledger", f"{built.folder}/ledger.json").ok()
    image, seen = built.image(), flatten(built.image().layers)
    assert validate(image) == []
    assert not [path for path in seen if "parrot_cage/tests" in path or path.endswith(".pyi")]
    assert seen[f"{SITE}/parrot_cage/_native.so"].size < len(PLAIN) - 40_000
    assert f"{SITE}/parrot_cage/__pycache__/__init__.cpython-311.pyc" in seen
    assert "tests" not in text(image, f"{SITE}/bottleneck-1.0.dist-info/RECORD")
    written = (built.folder / "ledger.json").read_bytes()
    ledger = ledgers.from_json(json.loads(written))
    assert ledgers.adds_up(ledger)
    assert built.labels()[marks.SLIM] == "safe"
    assert built.labels()[marks.LEDGER] == marks.fingerprint(ledger)
    assert layout.attached(built.folder / "out", image.digest, marks.LEDGER_TYPE) == written


def test_the_same_build_again_is_the_same_and_runs_nothing(built: Built) -> None:
    first = built.build().ok()
    again = built.build("--ledger", f"{built.folder}/ledger.json").ok()
    assert again.references == first.references
    assert "running" not in again.err
    assert (built.folder / "ledger.json").exists()


def test_gpu_code_is_pruned_for_the_gpus_that_are_named(built: Built) -> None:
    built.build("--gpu", "h100").ok()
    config = built.image().settings["config"]
    assert config["Labels"][marks.GPUS] == "9.0"
    assert "NVIDIA_REQUIRE_ARCH=arch=9.0" in config["Env"]
    assert config["Entrypoint"][1:4] == ["-I", "-S", "/usr/lib/slimtorch/start.py"]
    assert config["Healthcheck"]["Test"][-2:] == config["Entrypoint"][-3:-1]
    assert "usr/lib/slimtorch/start.py" in flatten(built.image().layers)
    built.build(name="plain").ok()
    assert marks.GPUS not in built.labels("plain")
    assert "Entrypoint" not in built.image("plain").settings["config"]


def test_an_unknown_gpu_is_refused_before_anything_is_done(built: Built) -> None:
    done = built.build("--gpu", "h10")
    assert done.status == 2
    assert "h100" in done.err


def test_a_gpu_that_a_library_has_no_code_for(built: Built) -> None:
    done = built.build("--gpu", "b200")
    assert done.status == 2
    assert "_gpu.so" in done.err
    assert not (built.folder / "out").exists()


def test_nothing_is_done_where_nothing_is_to_be_done(shop: Shop, tmp_path: Path) -> None:
    built = Built(shop, tmp_path, '\n[slim]\nprofile = "none"\n')
    built.build("--ledger", f"{tmp_path}/ledger.json").ok()
    assert flatten(built.image().layers)[f"{SITE}/parrot_cage/_native.so"].size == len(PLAIN)
    assert built.labels()[marks.SLIM] == "none"
    assert marks.LEDGER not in built.labels()
    assert not (tmp_path / "ledger.json").exists()


def test_a_failed_proof_builds_nothing_unless_one_asks_for_the_original(shop: Shop, tmp_path: Path) -> None:
    """The user drops, by force, a module that another one imports."""
    built = Built(shop, tmp_path, '\n[slim.drop]\n"parrot_seeds.py" = "who needs it"\n')
    done = built.build("--ledger", f"{tmp_path}/ledger.json")
    assert done.status == 1
    assert "parrot_words" in done.err
    assert not (tmp_path / "out").exists()
    assert json.loads((tmp_path / "ledger.json").read_bytes())["failures"]
    built.build("--fallback-unslimmed").ok()
    assert built.labels()[marks.SLIM] == "none"
    assert "parrot_words" in built.labels()[marks.REASON]
    assert f"{SITE}/parrot_seeds.py" in flatten(built.image().layers)
    assert built.build(name="later").status == 1


def test_two_places_are_slimmed_and_proven_once(built: Built) -> None:
    done = built.build("-o", f"archive:{built.folder}/out.tar").ok()
    assert len(done.references) == 2
    assert done.err.count("running before and after") <= 1


def test_on_a_base_of_the_users_the_packages_are_slimmed_and_the_base_is_not(shop: Shop, tmp_path: Path) -> None:
    whole = read(reference.parse(shop.stock.references[0]), make_machine(tmp_path))
    base = image_of(whole.layers[:2], whole.settings)
    layout.write(base, tmp_path / "base", "v1")
    shop.change("slimtorch.toml", "[os]\n", f'[os]\nbase = "oci:{tmp_path}/base:v1"\n')
    lines = (shop.project / "slimtorch.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("suite", "keyring"))]
    shop.write("slimtorch.toml", "\n".join([f'python = "{machine_debs.python()}"', *kept]))
    built = Built(shop, tmp_path)
    built.build("--ledger", f"{tmp_path}/ledger.json").ok()
    image = built.image()
    assert validate(image) == []
    assert [layer.blob for layer in image.layers[:2]] == [layer.blob for layer in base.layers]
    assert flatten(image.layers)[f"{SITE}/parrot_cage/_native.so"].size < len(PLAIN) - 40_000
    ledger = ledgers.from_json(json.loads((tmp_path / "ledger.json").read_bytes()))
    assert {saving.proof[-1] for saving in ledger.savings if saving.path.endswith("_native.so")} == {"loads"}
