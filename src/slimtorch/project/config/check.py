"""``[check]``: the held-out answers that ``slimtorch verify`` asks the service for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config.app import inside_file
from slimtorch.project.config.health import URL_PATH
from slimtorch.project.config.kinds import project_path, real
from slimtorch.project.config.reader import BadValueError, Key, Section
from slimtorch.project.model import Check

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.project.config.reader import Table

_STANDARD = Check()
PATH = Key("path", URL_PATH, _STANDARD.path, "The route that the inputs are posted to.", '"/predict"')
FILE = Key(
    "file", project_path, "", "A JSON file of inputs and expected outputs; at least 20.", "none", '"checks.json"'
)
TOLERANCE = Key("tolerance", real(0, 1), _STANDARD.tolerance, "How far a number may be from the expected one.", "1e-5")
SECTION = Section("check", "Held-out answers for `slimtorch verify`.", (PATH, FILE, TOLERANCE))


def read(table: Table, root: Path) -> Check:
    """The section."""
    name = table.read(FILE)
    if name:
        try:
            inside_file(root, name)
        except BadValueError as bad:
            table.bad(FILE, str(bad))
    return Check(path=table.read(PATH), file=root / name if name else None, tolerance=table.read(TOLERANCE))
