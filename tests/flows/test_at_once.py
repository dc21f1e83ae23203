"""Several builds at once share a cache and an output."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.host.cache import Cache
from slimtorch.image.validate import validate
from slimtorch.stores import layout
from tests.support.refusal import refused
from tests.support.shop import Done, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.shop import Shop


def start(shop: Shop, *arguments: str) -> subprocess.Popen[str]:
    argv = shop.argv("-q", "build", "--apt-mirror", shop.stock.mirror, *arguments)
    return subprocess.Popen(argv, env=shop.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(running: list[subprocess.Popen[str]]) -> list[Done]:
    """How all of them ended."""
    found = []
    for process in running:
        out, err = process.communicate(timeout=120)
        found.append(Done(process.returncode, out, err))
    return found


def digests(running: list[subprocess.Popen[str]]) -> list[str]:
    """What all of them built, in silence."""
    done = ended(running)
    assert [(one.status, one.err) for one in done] == [(0, "")] * len(running)
    return [one.out.strip().rpartition("@")[2] for one in done]


@contextmanager
def use(folder: Path) -> Iterator[None]:
    """As long as the context lasts, this process uses the cache."""
    cache = Cache(folder)
    assert list(cache.verify()) == []
    yield
    del cache


@pytest.mark.parametrize("count", [2, 4])
def test_on_one_empty_cache_and_one_new_layout(shop: Shop, tmp_path: Path, count: int) -> None:
    own, output = shop.with_cache(tmp_path / "cache", empty=True), tmp_path / "out"
    tags = [f"t{number}" for number in range(count)]
    running = [start(own, "--tag", tag, "-o", f"oci:{output}") for tag in tags]
    assert set(digests(running)) == {shop.stock.references[0].rpartition("@")[2]}
    for tag in tags:
        assert validate(layout.read(output, tag)) == []
    assert list(Cache(own.cache).verify()) == []
    assert list((own.cache / "tmp").iterdir()) == []
    assert {path.name for path in output.iterdir()} == {"blobs", "index.json", "oci-layout"}


def test_different_projects_to_one_layout_and_one_tag(shop: Shop, tmp_path: Path) -> None:
    """The last one has the tag; every other image is still whole."""
    output = tmp_path / "out"
    shops = []
    for number in range(4):
        one = replace(open_shop(shop.stock, tmp_path / f"p{number}"), cache=shop.cache)
        one.write("serve.py", f"print({number})\n")
        shops.append(one)
    made = digests([start(one, "--tag", "same", "-o", f"oci:{output}") for one in shops])
    assert len(set(made)) == 4
    assert layout.read(output, "same").digest in made
    assert validate(layout.read(output, "same")) == []


def test_while_the_cache_is_pruned(shop: Shop, tmp_path: Path) -> None:
    """A prune never takes what a build is using: it waits for another time, and says so."""
    own = shop.with_cache(tmp_path / "cache")
    with use(own.cache):
        refused(own("cache", "prune", "--all"), "another slimtorch is using the cache", hint="when that one has ended")
    running = [start(own, "--tag", f"t{number}", "-o", f"oci:{tmp_path}/out") for number in range(2)]
    pruned = [own("cache", "prune", "--all") for _ in range(3)]
    made = digests(running)
    assert {one.status for one in pruned} <= {0, 2}
    made += digests([start(own, "--tag", "t9", "-o", f"oci:{tmp_path}/out")])
    assert set(made) == {shop.stock.references[0].rpartition("@")[2]}
