"""Machines to test with: a cache of their own, and tools from where the test says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.host import process
from slimtorch.host.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slimtorch.host.process import Run


@dataclass(frozen=True, slots=True)
class StoresMachine:
    """What the stores need (`slimtorch.stores.Means`)."""

    cache: Cache
    run: Run


def make_machine(folder: Path, *, env: Mapping[str, str] | None = None, tools: Path | None = None) -> StoresMachine:
    """A machine with its cache in `folder`; real tools run with `env` added, and only those in `tools`, when given."""
    environ = {**os.environ, **(env or {})}
    if tools:
        environ["PATH"] = str(tools)
    return StoresMachine(Cache(folder / "cache"), partial(process.run, env=environ))


def make_tool(folder: Path, name: str, script: str) -> None:
    """A shell script that stands for a tool."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)
