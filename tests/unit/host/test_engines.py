"""Engines without the programs that they drive: what they would run, and how they explain themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import MachineError, ToolError
from slimtorch.host.engines import ENGINES, Command, Container, interpreter
from slimtorch.host.engines.daemon import DOCKER, PODMAN
from slimtorch.host.engines.runc import Runc
from slimtorch.host.process import Completed

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTAINER = Container(
    Command(("python3", "-c", "pass"), {"A": "1"}, "/app"), Path("/nowhere"), "/usr/bin/python3", "img:1"
)


class Recording:
    """Answers in turn and remembers what was asked for."""

    def __init__(self, *answers: int | BaseException) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str], **_: object) -> Completed:
        self.asked.append(list(argv))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return Completed(tuple(argv), answer, b"", "first line\nthe reason\n" if answer else "")


def test_the_order_is_by_what_is_proved() -> None:
    assert [engine.name for engine in ENGINES] == ["docker", "podman", "runc", "bubblewrap", "unshare", "loader"]


def test_docker_is_told_to_confine() -> None:
    run = Recording(0)
    DOCKER.execute(CONTAINER, run)
    (argv,) = run.asked
    for option in (
        ["--network", "none"],
        ["--cap-drop", "ALL"],
        ["--security-opt", "no-new-privileges"],
        ["--user", "1000:1000"],
        ["--pull", "never"],
        ["--env", "A=1"],
    ):
        assert any(argv[i : i + 2] == option for i in range(len(argv)))
    assert "--read-only" in argv
    assert argv[-5:] == ["--entrypoint", "python3", "img:1", "-c", "pass"]


def test_podman_tries_again_with_less() -> None:
    run = Recording(126, 0)
    assert PODMAN.execute(CONTAINER, run).status == 0
    assert "--runtime" not in run.asked[0]
    assert run.asked[1][run.asked[1].index("--runtime") + 1] == "runc"


def test_a_container_that_outlives_its_command_line_is_killed() -> None:
    run = Recording(ToolError("did not end"), 0, 0)
    with pytest.raises(ToolError):
        DOCKER.execute(CONTAINER, run)
    name = run.asked[0][run.asked[0].index("--name") + 1]
    assert run.asked[1:] == [["docker", "kill", name], ["docker", "rm", "--force", name]]


@pytest.mark.parametrize("answer", [MachineError("docker is not installed on this machine"), 1])
def test_an_obstacle_is_said(answer: int | Exception) -> None:
    assert DOCKER.obstacle(Recording(answer)) in {"docker is not installed on this machine", "the reason"}


def test_an_interpreter_that_starts_nowhere_names_every_engine(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as caught:
        interpreter(tmp_path, "/usr/bin/python3", Recording(1, 1, 1))
    for name in ("bubblewrap: the reason", "unshare: the reason", "loader: "):
        assert name in caught.value.message


def test_an_interrupted_container_is_removed() -> None:
    run = Recording(KeyboardInterrupt(), ToolError("the daemon is slow"), 0)
    with pytest.raises(KeyboardInterrupt):
        DOCKER.execute(CONTAINER, run)
    assert [argv[:2] for argv in run.asked] == [["docker", "run"], ["docker", "kill"], ["docker", "rm"]]


def test_an_interrupted_bundle_is_removed(tmp_path: Path) -> None:
    run = Recording(KeyboardInterrupt(), 0)
    with pytest.raises(KeyboardInterrupt):
        Runc().execute(replace(CONTAINER, root=tmp_path), run)
    assert [argv[3] for argv in run.asked] == ["run", "delete"]
