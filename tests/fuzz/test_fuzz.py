"""Runs every target for its share of the time. ``FUZZ_SECONDS`` is what all targets have together, in CPU seconds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = int(os.environ.get("FUZZ_SECONDS", "660" if os.environ.get("CI") else "30"))
"""Ten minutes and a bit in CI: starting up is not fuzzing."""


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks(name: str, tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        pytest.skip("atheris has no build for this Python or machine")
    share = max(2, SECONDS // len(TARGETS))
    argv = [sys.executable, "-m", "tests.fuzz.run", name, str(share), str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=share + 120, check=False)
    broken = [path.name for path in tmp_path.iterdir() if path.is_file()]
    assert done.returncode == 0, f"{broken}: see {tmp_path}\n{done.stderr[-4000:]}"
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    assert runs is not None, done.stderr[-2000:]
    assert int(runs[1]) > 50
