"""``slimtorch slim SRC -o DST``: layers that change are rewritten, others keep their digest; nothing ships unproven."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.cli.main import run
from slimtorch.host.cache import Cache
from slimtorch.image.codec import GZIP, NONE, ZSTD, Codec
from slimtorch.image.digest import canonical_json
from slimtorch.image.flatten import flatten, listing
from slimtorch.image.referrer import refer
from slimtorch.image.tree import FileTree, Kind
from slimtorch.image.unpack import unpack
from slimtorch.image.validate import validate
from slimtorch.slim import ledger as ledgers
from slimtorch.slim import marks
from slimtorch.stores import archive, directory, layout
from tests.support.foreign import image_of, layers_of
from tests.support.images import content, make_layer
from tests.support.installations import CODE, PLAIN, Installation, make_installation
from tests.support.roots import make_root, missing_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.image.model import Image
    from slimtorch.image.tree import Entry

pytestmark = pytest.mark.skipif(bool(missing_parts()), reason=missing_parts() or "has everything")
SITE = "opt/venv/lib/python3.11/site-packages"
CUDA, CPU, TESTS = (
    f"{SITE}/{name}" for name in ("torch/lib/libtorch_cuda.so", "torch/lib/libtorch_cpu.so", "words/tests")
)


class Shop:
    """An image in a layout, and the command line on it."""

    def __init__(self, folder: Path, image: Image) -> None:
        self.folder, self.image = folder, image
        layout.write(image, folder / "src", "v1")

    def __call__(self, *arguments: str) -> int:
        return run(["-q", "--cache-dir", f"{self.folder}/cache", *arguments])

    def slim(self, *arguments: str, source: str = "src:v1", output: str = "dst:v1") -> int:
        return self("slim", f"oci:{self.folder}/{source}", "-o", f"oci:{self.folder}/{output}", *arguments)

    def result(self, name: str = "dst") -> Image:
        return layout.read(self.folder / name, "v1")

    def ledger(self, name: str = "dst") -> Any:
        data = layout.attached(self.folder / name, self.result(name).digest, marks.LEDGER_TYPE)
        return json.loads(data) if data else None


def group(entry: Entry) -> str:
    """The layer that a file stands in: the system's, the packages', the service's."""
    packages = entry.path.startswith(f"{SITE}/") and not entry.path.startswith(f"{SITE}/demo")
    return "app" if entry.path.startswith("app/") else "packages" if packages else "os"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileTree, dict[str, Any]]:
    """A root that runs, with the small installation in its environment."""
    folder = tmp_path_factory.mktemp("image")
    root = make_root(folder / "root")
    make_installation(root.path / "opt/venv")
    image = directory.read(root.path, Cache(folder / "cache"))
    return flatten(image.layers), root.settings


@pytest.fixture
def make(tree: tuple[FileTree, dict[str, Any]], tmp_path: Path) -> Callable[..., Shop]:
    def made(codec: Codec = ZSTD) -> Shop:
        files, settings = tree
        return Shop(tmp_path, image_of(layers_of(files, ("os", "packages", "app"), group, codec), settings))

    return made


def test_only_the_layer_of_the_packages_is_rewritten(make: Callable[..., Shop]) -> None:
    shop = make()
    assert shop.slim() == 0
    new = shop.result()
    assert validate(new) == []
    assert [one.blob == two.blob for one, two in zip(new.layers, shop.image.layers, strict=True)] == [True, False, True]
    assert new.layers[1].blob.size < shop.image.layers[1].blob.size
    seen, was = flatten(new.layers), flatten(shop.image.layers)
    assert not [path for path in seen if path.startswith(TESTS)]
    assert seen[CPU].size < was[CPU].size - 40_000
    assert seen[CUDA].content == was[CUDA].content or seen[CUDA].size < was[CUDA].size
    same = [path for path in seen if not path.startswith(f"{SITE}/")]
    assert same
    assert all(seen[path].same_thing(was[path]) for path in same)


def test_the_configuration_says_what_was_done_and_keeps_the_rest(make: Callable[..., Shop]) -> None:
    shop = make()
    assert shop.slim() == 0
    old, new = shop.image.settings, shop.result().settings
    assert new["theirs"] == {"kept": True}
    assert new["created"] == old["created"]
    labels = new["config"].pop("Labels")
    assert labels.pop(marks.SLIM) == "safe"
    assert labels.pop(marks.LEDGER) == marks.fingerprint(ledgers.from_json(shop.ledger()))
    assert labels == old["config"].pop("Labels")
    assert new["config"] == old["config"]


def test_a_second_run_copies_the_very_same_image(make: Callable[..., Shop]) -> None:
    shop = make()
    assert shop.slim() == shop.slim(source="dst:v1", output="again:v1") == 0
    assert shop.result("again") == shop.result()
    assert shop.ledger("again") == shop.ledger()
    assert shop.slim(output="twin:v1") == 0
    assert shop.result("twin") == shop.result()


def test_the_ledger_explains_every_byte(make: Callable[..., Shop]) -> None:
    shop = make()
    assert shop.slim("--ledger", f"{shop.folder}/out.json") == 0
    ledger = ledgers.from_json(shop.ledger())
    assert ledgers.adds_up(ledger)
    assert ledger.after == flatten(shop.result().layers).size
    assert json.loads(Path(shop.folder, "out.json").read_bytes()) == shop.ledger()
    assert all(saving.proof for saving in ledger.savings)


def test_pruned_gpu_code_is_said_and_checked(make: Callable[..., Shop]) -> None:
    shop = make()
    assert shop.slim("--gpu", "h100") == 0
    new = shop.result()
    settings, seen = new.settings, flatten(new.layers)
    assert validate(new) == []
    assert seen[CUDA].size < len(CODE) - 40_000
    assert settings["config"]["Labels"][marks.GPUS] == "9.0"
    assert "NVIDIA_REQUIRE_ARCH=arch=9.0" in settings["config"]["Env"]
    start = settings["config"]["Entrypoint"]
    assert start[1:4] == ["-I", "-S", "/usr/lib/slimtorch/start.py"]
    assert start[-1] == "--"
    assert "usr/lib/slimtorch/start.py" in seen
    assert settings["config"]["Healthcheck"]["Test"][-2:] == start[-3:-1]
    assert len(new.layers) == len(shop.image.layers) + 1
    assert shop.slim("--gpu", "h100", source="dst:v1", output="again:v1") == 0
    assert shop.result("again") == new


def test_a_dry_run_writes_nothing(make: Callable[..., Shop], capsys: pytest.CaptureFixture[str]) -> None:
    shop = make()
    assert shop("slim", f"oci:{shop.folder}/src:v1", "--dry-run", "--gpu", "h100") == 0
    assert "symbols" in capsys.readouterr().out
    assert sorted(path.name for path in shop.folder.iterdir()) == ["cache", "src"]


@pytest.mark.parametrize("codec", [GZIP, NONE])
def test_a_layers_compression_stays(make: Callable[..., Shop], codec: Codec) -> None:
    shop = make(codec)
    assert shop.slim() == 0
    assert {layer.blob.media_type for layer in shop.result().layers} == {codec.media_type}


def test_layers_that_list_no_folders(make: Callable[..., Shop]) -> None:
    """Some tools write none; whoever unpacks them makes what is missing."""
    shop = make()
    seen = flatten(shop.image.layers)
    used = {path.rpartition("/")[0] for path in seen}
    bare = FileTree(e for path, e in seen.items() if e.kind is not Kind.DIRECTORY or path not in used)
    image = image_of(layers_of(bare, ("os", "packages", "app"), group, ZSTD), shop.image.settings)
    assert not any(entry.path == "usr" for entry in listing(image.layers[0]))
    layout.write(image, shop.folder / "bare", "v1")
    assert shop.slim(source="bare:v1") == 0
    assert shop.result().layers[0].blob == image.layers[0].blob
    assert not [path for path in flatten(shop.result().layers) if path.startswith(TESTS)]


def test_an_archive_to_an_archive(make: Callable[..., Shop]) -> None:
    shop = make(GZIP)
    archive.write(shop.image, shop.folder / "src.tar", "words:1")
    assert shop("slim", f"archive:{shop.folder}/src.tar", "-o", f"archive:{shop.folder}/dst.tar") == 0
    new = archive.read(shop.folder / "dst.tar", Cache(shop.folder / "cache"))
    assert validate(new) == []
    assert [one.diff_id == two.diff_id for one, two in zip(new.layers, shop.image.layers, strict=True)] == [
        True, False, True,
    ]  # fmt: skip


def test_a_root_in_a_folder_to_another(make: Callable[..., Shop]) -> None:
    shop = make()
    (shop.folder / "root").mkdir()
    unpack(shop.image.layers, shop.folder / "root")
    assert shop("slim", f"dir:{shop.folder}/root", "-o", f"dir:{shop.folder}/slim") == 0
    assert Installation(shop.folder / "slim/opt/venv").wrong_rows() == []
    assert not (shop.folder / "slim" / TESTS).exists()
    assert (shop.folder / "slim" / CPU).stat().st_size < len(PLAIN) - 40_000
    assert (shop.folder / "root" / TESTS).exists()


def test_an_image_without_packages(make: Callable[..., Shop], capsys: pytest.CaptureFixture[str]) -> None:
    shop = make()
    bare = image_of(shop.image.layers[2:], shop.image.settings)
    layout.write(bare, shop.folder / "bare", "v1")
    assert shop.slim(source="bare:v1") == 2
    assert "has no Python packages" in capsys.readouterr().err
    assert not (shop.folder / "dst").exists()


def test_a_failed_proof_ships_nothing(make: Callable[..., Shop], capsys: pytest.CaptureFixture[str]) -> None:
    """The service reads a file that the user drops by force."""
    shop = make()
    assert shop.slim("--drop", "/app/weights.json") == 1
    said = capsys.readouterr()
    assert "the service got healthy, and now" in said.err + said.out
    assert not (shop.folder / "dst").exists()


# -- verify --against -------------------------------------------------------------------------------------------------


def against(shop: Shop, capsys: pytest.CaptureFixture[str], name: str = "dst") -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = shop("verify", f"oci:{shop.folder}/{name}:v1", "--against", f"oci:{shop.folder}/src:v1", "--format", "json")
    return code, [
        one for one in json.loads(capsys.readouterr().out)["findings"] if one["rule"] in {"RUN639", "RUN640", "RUN641"}
    ]


def test_what_was_slimmed_stands_beside_its_original(
    make: Callable[..., Shop], capsys: pytest.CaptureFixture[str]
) -> None:
    shop = make()
    assert shop.slim("--gpu", "h100") == 0
    assert against(shop, capsys)[1] == []


def test_what_nobody_wrote_down_is_found(make: Callable[..., Shop], capsys: pytest.CaptureFixture[str]) -> None:
    shop = make()
    assert shop.slim("--gpu", "h100") == 0
    made = shop.result()
    broken = dict(flatten(made.layers))
    del broken[f"{SITE}/demo.py"]
    data = bytearray(_bytes(broken[CUDA]))
    data[data.rindex(b"sm_90-")] ^= 1
    broken[CUDA] = replace(broken[CUDA], content=content(bytes(data)))
    broken["app/weights.json"] = replace(broken["app/weights.json"], content=content(b"[1]"))
    layer = make_layer(FileTree(broken.values()), name="")
    image = image_of([layer], made.settings)
    layout.write(image, shop.folder / "bad", "v1")
    layout.attach(
        refer(image.descriptor, canonical_json(shop.ledger()), marks.LEDGER_TYPE, "ledger.json"), shop.folder / "bad"
    )
    code, found = against(shop, capsys, "bad")
    assert code == 1
    said = {(one["rule"], one["location"]["path"]) if one.get("location") else (one["rule"], "") for one in found}
    assert {rule for rule, _ in said} >= {"RUN639", "RUN640"}
    messages = " ".join(one["message"] for one in found)
    assert all(path in messages for path in ("demo.py", "libtorch_cuda.so", "app/weights.json"))


def _bytes(entry: Entry) -> bytes:
    assert entry.content
    with entry.content.open() as stream:
        return stream.read()


# -- what others make of it -------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt-get install skopeo)")
def test_skopeo_and_umoci_read_the_layout(make: Callable[..., Shop]) -> None:
    shop = make(GZIP)  # umoci before 0.5 knows no zstd
    assert shop.slim() == 0
    place = f"oci:{shop.folder}/dst:v1"
    shown = subprocess.run(["skopeo", "inspect", place], capture_output=True, check=True)
    assert json.loads(shown.stdout)["Labels"][marks.SLIM] == "safe"
    copied = f"oci:{shop.folder}/copied:v1"
    subprocess.run(["skopeo", "copy", "--insecure-policy", place, copied], capture_output=True, check=True)
    assert shop.result("copied").config == shop.result().config
    if shutil.which("umoci"):
        listed = subprocess.run(["umoci", "ls", "--layout", shop.folder / "dst"], capture_output=True, check=True)
        assert listed.stdout.split() == [b"v1"]
        bundle = shop.folder / "bundle"
        rootless = ["--rootless"] if os.geteuid() else []
        unpacked = ["umoci", "unpack", *rootless, "--image", f"{shop.folder}/dst:v1", bundle]
        subprocess.run(unpacked, capture_output=True, check=True)
        assert Installation(bundle / "rootfs/opt/venv").wrong_rows() == []
        subprocess.run(["umoci", "gc", "--layout", shop.folder / "dst"], capture_output=True, check=True)
        assert shop.ledger()
