"""A project folder, an index, a find-links folder and a uv of its own: resolving with the real uv, offline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from slimtorch.host.cache import Cache
from slimtorch.host.connections import Settings
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.project.model import Requirements, Sources
from slimtorch.sources import downloads, resolve
from slimtorch.sources.indexes import Overrides, configured
from slimtorch.sources.request import Request, Resolution, Tools
from slimtorch.sources.target import Target
from tests.support.index import make_index

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.sources.torch_build import Decide

X86, ARM = "cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_28_aarch64"


class Place:
    """Where a test puts its wheels, and how it asks for them."""

    def __init__(self, root: Path) -> None:
        self.root, self.made, self.links = root / "project", root / "made", root / "links"
        self.index = root / "index"
        for folder in (self.root, self.made, self.links, self.index / "simple"):
            folder.mkdir(parents=True)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(root / "uv-cache"),
            "UV_NO_CONFIG": "1",
            "PIP_INDEX_URL": (self.index / "simple").as_uri(),
        }
        self.cache = Cache(root / "cache")

    def on_index(self, *wheels: Path) -> None:
        make_index(self.index, [*self.made.glob("*.whl"), *wheels])

    def request(
        self,
        *lines: str,
        requirements: Requirements | None = None,
        platform: str = "linux/amd64",
        device: str = "",
        cuda: str = "",
        sources: Sources | None = None,
    ) -> Request:
        wanted = requirements or Requirements(inline=lines)
        # Offline, so that nothing that a test forgot can reach a network; file:// and loopback need none.
        found = configured(
            self.environ, self.root, sources=sources, requirements=wanted, overrides=Overrides(offline=True)
        )
        return Request(wanted, Target("3.11", platform), found, self.root, device, cuda)

    @property
    def tools(self) -> Tools:
        return Tools(run, HttpFetch(Settings(tries=2), sleep=lambda _: None), self.environ)

    def resolve(self, request: Request, decide: Decide | None = None) -> Resolution:
        return resolve.resolve(request, self.tools, decide)

    def fetch(self, found: Resolution, request: Request) -> dict[str, Path]:
        return downloads.fetch(found.wheels, request, self.tools, self.cache, Silent())


def names(found: Resolution) -> list[str]:
    return [f"{wheel.name}=={wheel.version}" for wheel in found.wheels]
