"""What a project's service is asked for when it is started before and after a change of its packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.probe import questions
from slimtorch.probe.session import Job

if TYPE_CHECKING:
    from slimtorch.project.model import Project


def job(project: Project) -> Job | None:
    """The held-out inputs; None where the project has none.

    Raises:
        ConfigError: the file of inputs is not right.
    """
    if project.check.file is None:
        return None
    return Job([one.input for one in questions.load(project.check.file)], project.check.path)
