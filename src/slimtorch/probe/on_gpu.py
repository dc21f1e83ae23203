"""What an image computes on this machine's GPU: the operator families, run inside it. Its report is not trusted."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from slimtorch.errors import MachineError, ToolError
from slimtorch.host.engines import gpu
from slimtorch.host.engines.trial import reason
from slimtorch.probe.parity import operators

if TYPE_CHECKING:
    from slimtorch.host.process import Run

LONGEST = 1800.0
"""Seconds for all families, twice; the first start of a driver and of torch.compile among them."""
_TEXT, _MOST = 2000, 1000


def observe(engine: str, image: str, run: Run) -> dict[str, Any]:
    """The results of all families on the first GPU, as `operators.comparing` takes them.

    Raises:
        MachineError: `engine` does not hand over a GPU; the message says what it answered.
        ToolError: the image gave no report, or torch cannot use the GPU in it.
    """
    script = files("slimtorch.probe.in_image").joinpath("on_gpu.py").read_text(encoding="utf-8")
    job = json.dumps({"operators": operators(), "device": "cuda"}).encode()
    reasons = []
    for way in gpu.WAYS:
        if way.name != engine:
            continue
        try:
            done = way.execute(image, ["python3", "-s", "-B", "-c", script], run, stdin=job, timeout=LONGEST)
        except MachineError as error:
            reasons.append(error.message)
            continue
        if done.status == 0:
            return parse(done.stdout)
        reasons.append(f"{' '.join(way.options)}: {reason(done)}")
    raise MachineError(f"{engine} does not hand over a GPU: {'; '.join(reasons)}", hint=gpu.HINT)


def parse(output: bytes) -> dict[str, Any]:
    """The results in the last line, every value checked.

    Raises:
        ToolError: there are none, or the image says why it could not compute.
    """
    try:
        value = json.loads(output.decode(errors="replace").splitlines()[-1])
        refused = _text(value.get("error", ""))
        about = {key: _text(value.get("about", {}).get(key, "")) for key in ("torch", "device", "python")}
        families = {_text(name): _family(row) for name, row in list(value.get("families", {}).items())[:_MOST]}
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        last = output[-500:].decode(errors="replace")
        raise ToolError("the interpreter in the image gave no results", output=last) from None
    if refused or not families:
        raise ToolError(f"nothing could be computed on the GPU: {refused or 'no family was reported'}")
    return {"about": about, "families": families}


def _family(row: dict[str, Any]) -> dict[str, Any]:
    if "error" in row:
        return {"error": _text(row["error"])}
    values = [math.nan if value is None else float(value) for value in row["values"]]
    return {"digest": _text(row["digest"]), "values": values, "stable": row["stable"] is True}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return "".join(letter if letter.isprintable() else " " for letter in value[:_TEXT])
