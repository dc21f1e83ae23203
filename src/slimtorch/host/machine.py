"""This machine's capabilities, bundled for the flows; a function below a flow takes the ones that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.host.cache import Cache
    from slimtorch.host.process import Run
    from slimtorch.host.progress import Progress


@dataclass(frozen=True, slots=True)
class Machine:
    """What the flows may use. `environ` and `home` are read, never changed."""

    run: Run
    cache: Cache
    progress: Progress
    environ: Mapping[str, str]
    home: Path
    offline: bool = False


def cache_root(environ: Mapping[str, str], home: Path) -> Path:
    """Where the cache is unless the user says otherwise (XDG Base Directory Specification)."""
    base = environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".cache") / "slimtorch"
