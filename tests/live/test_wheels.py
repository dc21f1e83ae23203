"""Real wheels from this machine's own configuration: what pip would get is what is locked and unpacked."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from slimtorch.errors import FetchError, ResolveError
from slimtorch.host.cache import Cache
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.project.model import Requirements
from slimtorch.sources import downloads, resolve, wheels
from slimtorch.sources.indexes import configured
from slimtorch.sources.layout import Layout
from slimtorch.sources.request import Request, Resolution, Tools
from slimtorch.sources.target import Target

if TYPE_CHECKING:
    from slimtorch.sources.indexes import Indexes

pytestmark = pytest.mark.live
LINES = ("fastapi", "torch==2.13.0")


@pytest.fixture(scope="module")
def indexes() -> Indexes:
    return configured(os.environ, Path.home())


@pytest.fixture(scope="module")
def tools(indexes: Indexes) -> Tools:
    return Tools(run, HttpFetch(indexes.settings), os.environ)


@pytest.fixture(scope="module")
def request_(indexes: Indexes, tmp_path_factory: pytest.TempPathFactory) -> Request:
    root = tmp_path_factory.mktemp("project")
    return Request(Requirements(inline=LINES), Target("3.11"), indexes, root, "cpu")


@pytest.fixture(scope="module")
def found(request_: Request, tools: Tools) -> Resolution:
    try:
        return resolve.resolve(request_, tools)
    except FetchError as error:
        pytest.skip(f"no package index can be reached: {error.message}")
    except ResolveError as error:
        if "CUDA" not in error.message:
            raise
        pytest.skip("no configured source serves a CPU build of torch 2.13.0")


def test_the_cpu_build_is_found_as_pip_is_configured(found: Resolution) -> None:
    versions = {wheel.name: wheel.version for wheel in found.wheels}
    assert versions["torch"] == "2.13.0+cpu"
    assert "pydantic-core" in versions
    assert not [name for name in versions if name.startswith("nvidia-")]


def test_nothing_says_where_the_files_lie(found: Resolution, indexes: Indexes) -> None:
    said = repr((found.wheels, found.notes))
    addresses = [source.url for source in indexes.sources if source.url] + list(found.located.values())
    hosts = {urlsplit(address).netloc for address in addresses} - {""}
    folders = {urlsplit(address).path.rpartition("/")[0] for address in addresses if address.startswith(("/", "file:"))}
    assert "://" not in said
    assert [word for word in (*hosts, *folders - {""}) if word in said] == []


def test_every_file_is_what_record_says(found: Resolution, request_: Request, tools: Tools, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    downloads.remember(found, cache)
    blobs = downloads.fetch(found.wheels, request_, tools, cache, Silent())
    layout, tags = Layout("3.11"), request_.target.tags()
    for wheel in found.wheels:
        for entry in wheels.tree(blobs[wheel.owner], wheel, layout, tags).entries():
            if entry.content:
                with entry.content.open() as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                assert digest == entry.content.digest.hex, entry.path


def test_64_bit_arm_gets_its_own_wheels(request_: Request, found: Resolution, tools: Tools) -> None:
    target = Target("3.11", "linux/arm64")
    lines = Requirements(inline=("pydantic-core",))
    other = resolve.resolve(Request(lines, target, request_.indexes, request_.root), tools)
    assert [wheel for wheel in other.wheels if wheel.name == "pydantic-core" and "aarch64" in wheel.filename]
    assert not [wheel for wheel in found.wheels if "aarch64" in wheel.filename]
