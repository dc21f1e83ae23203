"""Knowledge as data: JSON files beside this module, each checked when it is loaded.

Every table is an object with ``about`` (what it holds and where that was learned) and its entries under other keys.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any


@cache
def load(name: str) -> dict[str, Any]:
    """The table `name`, without its ``about``. The value is shared: do not change it.

    Raises:
        ValueError: the file is not such a table, which is a bug and not the user's doing.
    """
    table = json.loads((resources.files(__name__) / f"{name}.json").read_text("utf-8"))
    if not isinstance(table, dict) or not isinstance(table.get("about"), str):
        raise ValueError(f"the table {name} is not an object with an 'about' text")  # noqa: TRY004  (its content)
    return {key: value for key, value in table.items() if key != "about"}


@cache
def digest(*names: str) -> str:
    """Names what these tables hold (hexadecimal sha256)."""
    sha = sha256()
    for name in names:
        sha.update((resources.files(__name__) / f"{name}.json").read_bytes())
    return sha.hexdigest()
