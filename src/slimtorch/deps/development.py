"""Whether a list of requirements looks as if it held the developers' tools as well, by the names alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.tables import dependencies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.project.declared.model import Declared
    from slimtorch.project.model import Requirements

SHOWN = 5


def note(declared: Sequence[Declared], requirements: Requirements) -> list[str]:
    """One sentence where the requirements files hold tools of development, and how to keep them out of the image.

    What another requirement brings (``# via``) was not asked for and does not count.
    """
    asked = dict.fromkeys(one.name for one in declared if not one.via)
    tools = [name for name in asked if dependencies.tool(name)]
    if not tools or not requirements.files:
        return []
    shown = ", ".join(tools[:SHOWN]) + (f" and {len(tools) - SHOWN} more" if len(tools) > SHOWN else "")
    looks = "looks like a development tool" if len(tools) == 1 else "look like development tools"
    split = f"`slimtorch deps split {requirements.files[0].name}` keeps them out of the image"
    return [f"{len(tools)} of {len(asked)} requirements {looks} ({shown}); {split}"]
