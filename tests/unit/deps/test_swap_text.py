"""A swap changes one requirement of one line, and keeps everything around it."""

from __future__ import annotations

import pytest

from slimtorch.deps.swap.proposals import Action, Proposal
from slimtorch.deps.swap.text import taken
from slimtorch.errors import UsageError
from slimtorch.findings import Location

HEADLESS = Proposal("opencv-python", ("opencv-python-headless",), Action.REPLACE, "", "")
JUPYTER = Proposal("jupyter", ("jupyter-core", "notebook"), Action.REPLACE, "", "")
GONE = Proposal("tensorflow", (), Action.REMOVE, "", "")


@pytest.mark.parametrize(
    ("before", "proposal", "after"),
    [
        ("opencv-python==4.10.0.84  # frames\n", HEADLESS, "opencv-python-headless==4.10.0.84  # frames\n"),
        ("OpenCV_Python>=4 ; os_name > 'a'\n", HEADLESS, "opencv-python-headless>=4 ; os_name > 'a'\n"),
        ("opencv-python", HEADLESS, "opencv-python-headless"),
        ("jupyter==1.0.0  # for the team\r\n", JUPYTER, "jupyter-core  # for the team\r\nnotebook\r\n"),
        ("jupyter>=1; sys_platform == 'linux'\n", JUPYTER, "jupyter-core; sys_platform == 'linux'\nnotebook\n"),
        ("tensorflow==2.16.1\n", GONE, ""),
        ("tensorflow  # once\n", GONE, "# once\n"),
    ],
)  # fmt: skip
def test_a_line_of_requirements(before: str, proposal: Proposal, after: str) -> None:
    head, tail = "numpy\n", "torch\n" if before.endswith("\n") else ""
    changed = taken(head + before + tail, Location("requirements.txt", 2), proposal)
    assert changed == head + after + tail


@pytest.mark.parametrize(
    ("before", "proposal", "after"),
    [
        ('  "opencv-python>=4.8",\n', HEADLESS, '  "opencv-python-headless>=4.8",\n'),
        ('  "jupyter>=1",  # nb\n', JUPYTER, '  "jupyter-core", "notebook",  # nb\n'),
        ('dependencies = ["torch", "tensorflow>=2", "x"]\n', GONE, 'dependencies = ["torch",  "x"]\n'),
        ('  "tensorflow",\n', GONE, ""),
    ],
)
def test_a_line_of_pyproject(before: str, proposal: Proposal, after: str) -> None:
    assert taken(before, Location("pyproject.toml", 1), proposal) == after


def test_a_name_within_a_longer_name_is_not_it() -> None:
    with pytest.raises(UsageError, match="does not name"):
        taken("opencv-python-headless\n", Location("requirements.txt", 1), HEADLESS)


@pytest.mark.parametrize(
    "line", ["opencv-python==4 --hash=sha256:ab\n", "opencv-python==4 \\\n", "opencv-python @ https://x\n"]
)
def test_hashes_and_addresses_are_not_the_twins(line: str) -> None:
    with pytest.raises(UsageError, match=r"requirements.txt:1 pins"):
        taken(line, Location("requirements.txt", 1), HEADLESS)
