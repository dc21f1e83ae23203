"""Real wheels of this machine's own configuration, read in parts: what they bring, and how little is read of them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tools import import_names

from slimtorch.errors import FetchError, ResolveError
from slimtorch.host.cache import Cache
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.inventory.distributions import Owners
from slimtorch.inventory.needs import Graph
from slimtorch.project.lock import LockedWheel
from slimtorch.project.model import Requirements
from slimtorch.sources import distributions, downloads, indexes, selection, uv
from slimtorch.sources.request import Request, Resolution, Tools
from slimtorch.sources.target import Target

if TYPE_CHECKING:
    from slimtorch.host.fetch import Fetch, Found
    from slimtorch.host.ranges import Part
    from slimtorch.inventory.distributions import Distribution

pytestmark = pytest.mark.live
NAMES = (
    "pyyaml", "pillow", "opencv-python-headless", "scikit-learn", "protobuf", "beautifulsoup4", "python-dateutil",
    "ruamel-yaml", "zope-interface", "google-cloud-storage", "azure-storage-blob", "opentelemetry-sdk", "attrs",
)  # fmt: skip
LARGE = 5_000_000
"""Bytes of a wheel of which less than a twentieth may be read."""


class Counting:
    """A real `Fetch` that counts the bytes it is asked for, by address."""

    def __init__(self, inner: Fetch) -> None:
        self._inner = inner
        self.asked: dict[str, int] = {}

    def read_range(self, url: str, start: int, length: int) -> Part:
        self.asked[url] = self.asked.get(url, 0) + length
        return self._inner.read_range(url, start, length)

    def look(self, url: str) -> Found:
        return self._inner.look(url)

    def download(self, url: str, *_: object, limit: int, **__: object) -> int:
        raise AssertionError(f"{url.rpartition('/')[2]} was read whole ({limit} bytes)")


class World:
    """The newest wheels of the names, and what was found out about them."""

    def __init__(self, root: Path) -> None:
        configured = indexes.configured(os.environ, Path.home())
        # Only what a server holds: files of this machine would be read as files.
        remote = tuple(source for source in configured.sources if source.folder is None)
        self.indexes = replace(configured, sources=remote)
        self.fetch = Counting(HttpFetch(self.indexes.settings))
        self.tools = Tools(run, self.fetch, os.environ)
        self.request = Request(Requirements(inline=NAMES), Target("3.11"), self.indexes, root)
        self.cache, self.progress = Cache(root / "cache"), Silent()
        answer = uv.compile_pylock(self.request, self.tools, uv.Question(("--no-deps",), NAMES, alone=True))
        picks = selection.select(selection.parse(answer.text, "uv"), self.request.target, answer.base, "uv")
        self.located = {str(pick.sha256): pick.url for pick in picks}
        self.wheels = [LockedWheel(p.name, p.version, p.filename, p.sha256, p.size or 0) for p in picks]
        downloads.remember(Resolution((), (), self.located), self.cache)
        self.found = self.read()

    def read(self) -> dict[str, Distribution]:
        return distributions.of(self.wheels, self.request, self.tools, self.cache, self.progress)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    try:
        return World(tmp_path_factory.mktemp("world"))
    except (FetchError, ResolveError) as error:
        pytest.skip(f"no package index can be reached: {error.message}")


def test_every_wheel_is_read_and_none_is_assumed(world: World) -> None:
    assert sorted(world.found) == sorted(NAMES)
    assert not [name for name, item in world.found.items() if item.assumed]
    assert world.progress.notes == []


def test_little_is_read(world: World) -> None:
    for wheel in world.wheels:
        asked = world.fetch.asked[world.located[str(wheel.sha256)]]
        assert asked <= max(1 << 17, wheel.size // 20), wheel.filename
    assert [wheel.name for wheel in world.wheels if wheel.size > LARGE]


def test_a_second_run_asks_nobody(world: World) -> None:
    before = dict(world.fetch.asked)
    assert world.read() == world.found
    assert world.fetch.asked == before


@pytest.mark.parametrize(
    ("module", "names", "owner"),
    [
        ("yaml", (), "pyyaml"),
        ("PIL", ("Image",), "pillow"),
        ("cv2", (), "opencv-python-headless"),
        ("sklearn.linear_model", ("LinearRegression",), "scikit-learn"),
        ("google.protobuf", ("message",), "protobuf"),
        ("google.cloud", ("storage",), "google-cloud-storage"),
        ("bs4", ("BeautifulSoup",), "beautifulsoup4"),
        ("dateutil.parser", (), "python-dateutil"),
        ("ruamel.yaml", (), "ruamel-yaml"),
        ("zope.interface", ("implementer",), "zope-interface"),
        ("azure.storage.blob", (), "azure-storage-blob"),
        ("opentelemetry.sdk.trace", (), "opentelemetry-sdk"),
        ("attr", (), "attrs"),
    ],
)
def test_imports_find_their_distribution(world: World, module: str, names: tuple[str, ...], owner: str) -> None:
    assert Owners(world.found).of(module, names) == {owner}


def test_what_the_wheels_say_they_need_is_read(world: World) -> None:
    graph = Graph(world.found, {str(name): str(value) for name, value in world.request.target.markers().items()})
    assert "google-crc32c" in " ".join(world.found["google-cloud-storage"].requires)
    assert graph.closure({"google-cloud-storage": ("protobuf",)}) >= {"google-cloud-storage", "protobuf"}


def test_the_table_of_import_names_agrees(world: World) -> None:
    rows = import_names.tables.load("import_names")["modules"]
    differing = {name for name in NAMES if import_names.top_modules(world.found[name]) != rows[name]}
    assert differing == set(), "python -m tools.import_names refreshes the table"
