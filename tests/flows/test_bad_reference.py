"""References, archives and caches that cannot be used, and images that do not work."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from slimtorch.stores import layout
from tests.support.images import make_image
from tests.support.refusal import refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.shop import Shop


@pytest.mark.parametrize(
    "text", ["", "what:ever", "oci:", "nowhere", "oci:dir:not a tag", "docker:UPPER", "@sha256:12"]
)
def test_a_reference_that_cannot_be_read(shop: Shop, tmp_path: Path, text: str) -> None:
    for arguments in (["show", text], ["verify", text], ["copy", text, f"oci:{tmp_path}/x"]):
        refused(shop(*arguments))
    for arguments in (["build", "-o", text], ["copy", shop.stock.references[0], text]):
        refused(shop(*arguments))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("text", ["oci:gone", "archive:gone", "dir:gone", "oci:.", "archive:serve.py"])
def test_a_place_without_an_image(shop: Shop, text: str) -> None:
    done = shop("show", text)
    refused(done, text.partition(":")[2].strip(".") or "is not an OCI layout", hint=None if "serve" in text else "")


def test_a_tag_that_is_not_there(shop: Shop) -> None:
    refused(shop("show", f"oci:{shop.stock.root}/image:v9"), "v9", hint=r"v1\.2")


def test_another_digest_than_the_one_insisted_on(shop: Shop) -> None:
    wrong = shop.stock.references[1][:-4] + "0000"
    refused(shop("show", wrong), "holds sha256:", hint="built again")


def test_a_truncated_archive(shop: Shop, tmp_path: Path) -> None:
    whole = shop.stock.root / "image.tar"
    size = whole.stat().st_size
    for length in (0, 10, 700, size // 2, size - 1500):
        path = tmp_path / "cut.tar"
        path.write_bytes(whole.read_bytes()[:length])
        for arguments in (["show", f"archive:{path}"], ["copy", f"archive:{path}", f"oci:{tmp_path}/x"]):
            done = shop(*arguments)
            refused(done, "cut.tar", hint=None if "\n\nhint: " not in done.err else "")
        assert not (tmp_path / "x/index.json").exists() or layout._index(tmp_path / "x", "")["manifests"] == []


def test_a_blob_that_is_not_what_its_name_says(shop: Shop, tmp_path: Path) -> None:
    damaged = tmp_path / "image"
    shutil.copytree(shop.stock.root / "image", damaged)
    largest = max((damaged / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    largest.write_bytes(data)
    for arguments in (
        ["show", f"oci:{damaged}"],
        ["verify", f"oci:{damaged}"],
        ["copy", f"oci:{damaged}", f"dir:{tmp_path}/r"],
    ):
        done = shop(*arguments)
        refused(done, "oci:" if "oci:" in done.err else "layer", hint=None if "\n\nhint: " not in done.err else "")
    assert not (tmp_path / "r").exists()


def test_a_blob_that_is_missing(shop: Shop, tmp_path: Path) -> None:
    damaged = tmp_path / "image"
    shutil.copytree(shop.stock.root / "image", damaged)
    max((damaged / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size).unlink()
    own = shop.with_cache(tmp_path / "cache", empty=True)  # which does not know the layer in another compression
    refused(own("copy", f"oci:{damaged}", f"archive:{tmp_path}/r.tar"), "lacks the blob sha256:", hint="copy it again")
    assert not (tmp_path / "r.tar").exists()


# -- outputs ---------------------------------------------------------------------------------------------------------


def test_an_output_below_a_file(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for output in (
        f"oci:{tmp_path}/file",
        f"oci:{tmp_path}/file/x",
        f"archive:{tmp_path}/file/x.tar",
        f"dir:{tmp_path}/file",
    ):
        refused(shop("build", "-o", output), "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_output_that_holds_something_else(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/precious").write_text("mine")
    for output in (f"oci:{tmp_path}/full", f"dir:{tmp_path}/full", f"archive:{tmp_path}/full"):
        refused(shop("build", "-o", output), "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["precious"]


def test_an_output_that_nobody_may_write_to(shop: Shop) -> None:
    for output in ("oci:/proc/image", "archive:/proc/image.tar", "dir:/proc/image", "archive:/sys/image.tar"):
        refused(shop("build", "-o", output), "cannot be used", hint="write")


def test_an_engine_that_is_not_there(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for engine in ("docker", "podman"):
        done = shop("build", "-o", f"{engine}:parrot", env={"PATH": str(tmp_path / "bin")})
        refused(done, f"{engine} is not installed", hint="archive:FILE")


# -- the cache -------------------------------------------------------------------------------------------------------


def test_a_size_that_is_none(shop: Shop) -> None:
    for text in ("much", "-1", "1PB", "GB", ""):
        refused(shop("cache", "prune", "--keep", text), "--keep", hint="--help")


def test_a_cache_that_is_a_file(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    argv = [*shop.argv()[:3], "--cache-dir", str(tmp_path / "file"), "-C", str(shop.project), "build"]
    done = subprocess.run(argv, env=shop.env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "file" in done.stderr


def test_an_empty_cache(shop: Shop, tmp_path: Path) -> None:
    own = shop.with_cache(tmp_path / "none", empty=True)
    assert own("cache", "list", "--format", "json").ok().json == {"root": str(tmp_path / "none"), "kinds": []}
    assert str(tmp_path / "none") in own("cache", "list").ok().out
    assert own("cache", "prune", "--all", "--dry-run").ok().out == "would remove 0 items, 0 B\n"
    assert not (tmp_path / "none").exists()
    assert own("cache", "verify").ok().out == ""
    assert own("cache", "prune", "--all").ok().out == "removed 0 items, 0 B\n"


def test_a_damaged_cache_is_mended(shop: Shop, tmp_path: Path) -> None:
    own = shop.with_cache(tmp_path / "cache")
    blob = max((own.cache / "blobs").glob("*/*"), key=lambda path: path.stat().st_size)
    blob.unlink()
    blob.write_bytes(b"something else")
    done = own("cache", "verify")
    assert (done.status, done.out) == (1, f"removed a damaged blob: sha256:{blob.parent.name}{blob.name}\n")
    assert own("cache", "verify").status == 0
    done = own.build("-o", f"oci:{tmp_path}/out").ok()
    assert done.references[0].rpartition("@")[2] == shop.stock.references[0].rpartition("@")[2]


# -- images that do not work -----------------------------------------------------------------------------------------

ENGINES = ("bubblewrap", "unshare", "loader")


def verified(shop: Shop, *arguments: str) -> tuple[int, str]:
    """The status and the output of ``verify`` in the first quick engine that works here."""
    for engine in ENGINES:
        done = shop("verify", *arguments, "--engine", engine)
        assert done.status in {0, 1}, done.err
        if "no engine on this machine" not in done.out:
            return done.status, done.out
    pytest.skip("no engine works here")


def test_an_image_without_python(shop: Shop, tmp_path: Path) -> None:
    layout.write(make_image({"etc/passwd": b"root:x:0:0::/:\n", "app/x": b""}), tmp_path / "bare", "v1")
    status, out = verified(shop, f"oci:{tmp_path}/bare:v1")
    assert status == 1, out
    assert "Python" in out or "python" in out


def test_a_service_that_never_gets_healthy(shop: Shop, tmp_path: Path) -> None:
    shop.change("serve.py", "200 if self.path ==", "503 if self.path ==")
    reference = shop.build("-o", f"oci:{tmp_path}/out").ok().references[0]
    status, out = verified(shop, reference, "--timeout", "2")
    assert status == 1, out
    assert "the parrot wakes up" in out
    assert "never healthy" in out


def test_a_service_that_falls_over(shop: Shop, tmp_path: Path) -> None:
    shop.write("serve.py", "print('loading')\nraise RuntimeError('no seeds left')\n")
    reference = shop.build("-o", f"oci:{tmp_path}/out").ok().references[0]
    status, out = verified(shop, reference)
    assert status == 1, out
    assert "no seeds left" in out
    assert "exit status 1" in out


def test_wrong_answers(shop: Shop, tmp_path: Path) -> None:
    shop.change("serve.py", 'repeat(body["word"], body["times"])', '"squawk"')
    reference = shop.build("-o", f"oci:{tmp_path}/out").ok().references[0]
    status, out = verified(shop, reference, "--project", ".")
    assert status == 1, out
    assert "squawk" in out


def test_checks_that_are_none(shop: Shop) -> None:
    for text in ("[", "{}", '[{"input": 1}]'):
        shop.write("checks.json", text)
        refused(shop("verify", shop.stock.references[0], "--project", "."), "checks.json", hint="JSON list")
    refused(shop("verify", shop.stock.references[0], "--record"), "--record", hint="--project")


def test_an_engine_that_does_not_exist(shop: Shop) -> None:
    done = shop("verify", shop.stock.references[0], "--engine", "rocket")
    refused(done, "--engine", "'rocket' is not one of 'docker', 'podman'", hint="verify --help")
