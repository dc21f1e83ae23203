"""The reference of every key, as Markdown, from the keys' own declarations.

``python -m slimtorch.project.config.reference > docs/reference/configuration.md`` refreshes it; a test compares.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from slimtorch.project.config import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.project.config.reader import Key, Section

_HEAD = """\
# Configuration

<!-- Written by `python -m slimtorch.project.config.reference`; a test keeps it current. -->

slimtorch reads `slimtorch.toml`, or the tables below `[tool.slimtorch]` in `pyproject.toml`: one of the two, never
both. A folder with a `requirements.txt` and a `serve.py` needs three lines:

```toml
[service]
command = ["python", "serve.py"]
port = 8000
```

In `pyproject.toml` the first of them is `[tool.slimtorch.service]`. Paths are relative to the file's folder and may not
leave it. Every problem is shown at once, with the key's full name.

What decides the lock: `python`, `platforms`, the requirements (files, groups, extras), `[os]` without `mirror` and
`keyring`, `[torch]` without `gpus`, and the names of the indexes. A change of any other key needs no new lock.
"""


def markdown() -> str:
    """The whole document."""
    return _HEAD + "".join(part for section in SECTIONS for part in _section(section))


def _section(section: Section) -> Iterator[str]:
    title = "The top level" if not section.name else f"`[{section.name}]`"
    title = "`[[sources.index]]`" if section.name == "sources.index" else title
    yield f"\n## {title}\n\n{section.about}\n\n| key | default | what it is | example |\n|---|---|---|---|\n"
    for key in section.keys:
        yield f"| `{key.name}` | {_code(key.shown)} | {_cell(key.about)} | {_example(key)} |\n"


def _example(key: Key[object]) -> str:
    value = key.example or key.shown
    return f"`{key.name} = {_cell(value)}`"


def _code(shown: str) -> str:
    words = shown[:1].isalpha() or shown.startswith("`")
    return _cell(shown) if words and shown not in {"true", "false"} else f"`{_cell(shown)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
