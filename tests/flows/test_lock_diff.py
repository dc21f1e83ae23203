"""``slimtorch lock --diff``: what a refresh changes, in megabytes, and why; nothing is written."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from slimtorch.project import lock_file
from tests.support.refusal import refused
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.shop import Done, Shop

ELSEWHERE = 'parrot-lungs; platform_system == "Linux" and platform_machine == "s390x"'
EVERYWHERE = 'parrot-lungs; platform_system == "Linux"'


class Aviary:
    """`shop`, with a find-links folder of its own."""

    def __init__(self, shop: Shop, wheels: Path) -> None:
        self.shop, self.wheels = shop, wheels

    def lock(self, *arguments: str) -> Done:
        places = ("--apt-mirror", self.shop.stock.mirror, "--find-links", str(self.wheels))
        return self.shop("lock", *places, *arguments)

    @property
    def text(self) -> str:
        return (self.shop.project / lock_file.NAME).read_text()


@pytest.fixture
def aviary(shop: Shop, tmp_path: Path) -> Aviary:
    """Locked with a wheel whose next version drops a marker, and with it brings two megabytes."""
    made = Aviary(shop, tmp_path / "wheels")
    air = random.Random(7).randbytes(2_000_000)  # noqa: S311  (only large)
    make_wheel(made.wheels, "parrot-lungs", "1.0", {"lungs.bin": air})
    make_wheel(made.wheels, "parrot-body", "2.10", requires=[ELSEWHERE])
    shop.write("requirements.txt", "parrot-words\nparrot-body\n")
    made.lock().ok()
    make_wheel(made.wheels, "parrot-body", "2.12", requires=[EVERYWHERE])
    return made


def test_a_refresh_is_explained_and_not_written(aviary: Aviary) -> None:
    before = aviary.text
    done = aviary.lock("--diff", "--upgrade").ok()
    assert aviary.text == before
    assert "linux/amd64: +2 MB: parrot-body 2.10 → 2.12 changed its amd64 marker" in done.out
    for word in ("parrot-lungs", "2.10", "2.12", 'platform_machine == "s390x" was not so here'):
        assert word in done.out
    assert "since the last lock" not in done.err


def test_as_json(aviary: Aviary) -> None:
    found = aviary.lock("--diff", "--upgrade", "--format", "json").ok().json["changes"]["linux/amd64"]
    assert {row["name"]: (row["before"], row["after"]) for row in found["packages"]} == {
        "parrot-lungs": ("", "1.0"),
        "parrot-body": ("2.10", "2.12"),
    }
    assert found["size"] == sum(row["size_after"] - row["size_before"] for row in found["packages"])
    assert found["causes"][0]["packages"] == ["parrot-lungs"]
    assert found["summary"].startswith("+2 MB: parrot-body 2.10 → 2.12 changed its")


def test_nothing_changed(aviary: Aviary) -> None:
    assert aviary.lock("--diff").ok().out == "nothing would change\n"
    assert aviary.lock("--diff", "--format", "json").ok().json["changes"] == {}


def test_an_ordinary_run_says_that_the_download_grew(aviary: Aviary) -> None:
    done = aviary.lock("--upgrade").ok()
    assert "note: linux/amd64: +2 MB since the last lock (1 new, 1 changed, most of it parrot-lungs)" in done.err
    assert "`slimtorch lock --diff` says why" in done.err
    assert "since the last lock" not in aviary.lock().ok().err


def test_what_goes_is_explained_as_well(aviary: Aviary) -> None:
    aviary.lock("--upgrade").ok()
    aviary.shop.write("requirements.txt", "parrot-words\nparrot-body==2.10\n")
    done = aviary.lock("--diff").ok()
    assert "linux/amd64: -2 MB: parrot-body 2.12 → 2.10 changed its" in done.out


def test_old_wheels_that_are_gone(aviary: Aviary, tmp_path: Path) -> None:
    next(aviary.wheels.glob("parrot_body-2.10-*")).unlink()
    fresh = Aviary(aviary.shop.with_cache(tmp_path / "cache", empty=True), aviary.wheels)
    assert "its old metadata is not at hand" in fresh.lock("--diff", "--upgrade").ok().out


def test_there_has_to_be_a_lock(aviary: Aviary) -> None:
    (aviary.shop.project / lock_file.NAME).unlink()
    refused(aviary.lock("--diff"), "there is no", lock_file.NAME, hint="slimtorch lock")


def test_quiet_prints_the_result_only(aviary: Aviary) -> None:
    places = ("--apt-mirror", aviary.shop.stock.mirror, "--find-links", str(aviary.wheels))
    done = aviary.shop("-q", "lock", *places, "--diff", "--upgrade").ok()
    assert done.err == ""
    assert "parrot-lungs" in done.out


def test_a_new_line_of_the_project_is_named(aviary: Aviary) -> None:
    aviary.shop.write("requirements.txt", "parrot-words\nparrot-body==2.10\nparrot-lungs\n")
    done = aviary.lock("--diff").ok()
    assert "linux/amd64: +2 MB: the project asks for parrot-lungs (requirements.txt:3)" in done.out
