"""What an image's files say about whether it will run; nothing is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.inventory.service import PYTHON_LABEL
from slimtorch.probe import access, environment, libraries, records

if TYPE_CHECKING:
    from slimtorch.findings import Finding
    from slimtorch.inventory.files import Files
    from slimtorch.inventory.service import Service


def inspect(files: Files, service: Service, *, python: str = "") -> list[Finding]:
    """All findings about the files of an image, worst first.

    `python` is the locked version (3.X); without it, the image's own label counts. Every file of every distribution is
    compared with its RECORD.
    """
    found = [
        *environment.check(files, service, python or service.labels.get(PYTHON_LABEL, "")),
        *libraries.check(files, service, environment.interpreter(files, service), libraries.binaries(files)),
        *records.check(files),
        *access.check(files, service),
    ]
    return sorted(found, key=lambda finding: (-finding.severity, finding.rule, str(finding.location)))
