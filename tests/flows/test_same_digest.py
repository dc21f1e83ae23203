"""Builds of one project in different circumstances give one manifest digest, for each compression."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.shop import Shop

OTHER_UID = 54321
NEEDED = (
    "backports",
    "click",
    "installer",
    "markdown_it",
    "mdurl",
    "packaging",
    "pygments",
    "rich",
    "urllib3",
)


def digests(references: list[str]) -> list[str]:
    return [reference.rpartition("@")[2] for reference in references]


def reversed_copy(source: Path, target: Path, *, seconds: int) -> None:
    """The project with its files made in another order and with other times."""
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
            place.chmod(0o600)
            os.utime(place, (seconds, seconds))


def outputs(folder: Path) -> list[str]:
    return ["-o", f"oci:{folder}/layout", "-o", f"archive:{folder}/image.tar"]


def test_other_folder_zone_mask_language_seed_home_times_and_order(shop: Shop, tmp_path: Path) -> None:
    project = tmp_path / "a folder with spaces" / "Ünïcode" / "project"
    reversed_copy(shop.project, project, seconds=1_234_567_890)
    home = tmp_path / "elsewhere"
    home.mkdir()
    other = replace(shop, project=project).with_cache(tmp_path / "other" / "cache", empty=True)
    env = {
        **other.env,
        "HOME": str(home),
        "TZ": "Asia/Kathmandu",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "4242",
        "TMPDIR": str(home),
        "USER": "somebody",
        "COLUMNS": "40",
    }
    argv = other.argv("build", "--locked", "--apt-mirror", shop.stock.mirror, *outputs(tmp_path / "out"))
    done = subprocess.run(argv, env=env, umask=0o077, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert digests(done.stdout.splitlines()) == digests(shop.stock.references)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[None]:
    """The test's folders, which pytest closes to other users, are open for once."""
    folders = (tmp_path, *tmp_path.parents)
    closed = [folder for folder in folders if "pytest-" in str(folder) and folder.stat().st_mode & 0o005 != 0o005]
    for folder in closed:
        folder.chmod(0o755)
    yield
    for folder in closed:
        folder.chmod(0o700)


def copy_libraries(target: Path) -> Path:
    """slimtorch and what it imports, where every user can read it."""
    for name in ("slimtorch", *NEEDED):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            shutil.copytree(spec.submodule_search_locations[0], target / name, ignore=shutil.ignore_patterns("*.pyc"))
    return target


def reaches(python: list[str], env: dict[str, str]) -> bool:
    argv = [*python, "-c", "import slimtorch.cli.build"]
    try:
        return subprocess.run(argv, env=env, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.usefixtures("opened")
def test_another_user(shop: Shop, tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becoming another user needs root and setpriv")
    as_other = ["setpriv", f"--reuid={OTHER_UID}", f"--regid={OTHER_UID}", "--clear-groups"]
    libraries = copy_libraries(tmp_path / "libraries")
    env = {**shop.env, "PYTHONPATH": str(libraries), "PYTHONHASHSEED": "7", "TZ": "America/St_Johns"}
    env["HOME"] = str(tmp_path)
    candidates = [str(Path(sys.executable).resolve()), f"/usr/bin/python3.{sys.version_info.minor}"]
    python = next((found for found in candidates if reaches([*as_other, found], env)), "")
    if not python:
        pytest.skip(f"another user cannot run {' or '.join(candidates)}")
    other = shop.with_cache(tmp_path / "cache", empty=True)
    for folder in (shop.project, tmp_path / "cache", tmp_path / "out"):
        folder.mkdir(exist_ok=True)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, OTHER_UID, OTHER_UID)
    argv = other.argv("build", "--locked", "--apt-mirror", shop.stock.mirror, *outputs(tmp_path / "out"))
    done = subprocess.run(
        [*as_other, python, *argv[1:]], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in (tmp_path / "out").rglob("*")} == {OTHER_UID}
    assert digests(done.stdout.splitlines()) == digests(shop.stock.references)


def test_a_date_that_is_asked_for_is_the_only_thing_that_changes(shop: Shop, tmp_path: Path) -> None:
    dated = [
        shop("build", "-o", f"oci:{tmp_path}/{name}", env={"SOURCE_DATE_EPOCH": "1700000000"}).ok().references[0]
        for name in ("one", "two")
    ]
    assert len(set(digests(dated))) == 1
    assert digests(dated)[0] != digests(shop.stock.references)[0]
    blobs = [
        {path.name for path in (folder / "blobs/sha256").iterdir()}
        for folder in (tmp_path / "one", shop.stock.root / "image")
    ]
    assert len(blobs[0] - blobs[1]) == 2  # the configuration and the manifest
