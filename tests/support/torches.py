"""The torch that live tests use: the one beside the interpreter that runs them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def site() -> Path | None:
    """Its site-packages folder; the variable SLIMTORCH_TEST_SITE names another one. None where there is none."""
    named = os.environ.get("SLIMTORCH_TEST_SITE")
    if named:
        return Path(named)
    found = importlib.util.find_spec("torch")
    return Path(found.origin).parents[1] if found and found.origin else None


def missing() -> str:
    """Why there is none; '' where there is."""
    return (
        "" if site() else f"torch is not installed for {sys.executable} (examples/digits/requirements-dev.txt has it)"
    )
