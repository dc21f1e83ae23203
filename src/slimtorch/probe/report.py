"""What the driver inside an image reports. The driver is ours, what it runs in is not: every value is checked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 1 << 62
"""A number above is no time, no size and no status."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened. Times in seconds, memory in bytes; `health` and `health_after_stop` are (exit status, output)."""

    identity: dict[str, Any]
    written: tuple[str, ...] = ()
    unwritable: tuple[tuple[str, str], ...] = ()
    imports: tuple[tuple[str, float, str], ...] = ()
    port_taken: bool = False
    load_seconds: float | None = None
    answers: tuple[tuple[int, str], ...] = ()
    resident: int = 0
    peak: int = 0
    health: tuple[int, str] | None = None
    health_after_stop: tuple[int, str] | None = None
    exit: int | None = None
    stop_seconds: float | None = None
    stop_status: int | None = None
    log: tuple[str, ...] = ()
    said: str = ""
    overdue: str = ""
    """What was not done when the time for it was over; '' where everything was."""


def parse(output: bytes) -> Report:
    """The report that is the last line of the driver's output.

    Raises:
        ToolError: there is none, or a value in it is not what it should be.
    """
    try:
        value = json.loads(output.decode(errors="replace").splitlines()[-1])
        return Report(**{name: read(value[name]) for name, read in _FIELDS.items() if name in value})
    except (ValueError, IndexError, TypeError, RecursionError):
        last = output[-500:].decode(errors="replace")
        raise ToolError("the driver in the image gave no report", output=last) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value.encode(errors="replace").decode()


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise TypeError
    return value


def _whole(value: object) -> int:
    return math.floor(_number(value))


def _flag(value: object) -> bool:
    return value is True


def _optional(read: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None else read(value)


def _many(read: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    def every(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError
        return tuple(read(item) for item in value)

    return every


def _row(*reads: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    def each(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError
        return tuple(read(item) for read, item in zip(reads, value, strict=True))

    return each


def _identity(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return {_text(name): _text(item) if isinstance(item, str) else _whole(item) for name, item in value.items()}


_STATUS = _row(_whole, _text)
_FIELDS: dict[str, Callable[[object], Any]] = {
    "identity": _identity,
    "written": _many(_text),
    "unwritable": _many(_row(_text, _text)),
    "imports": _many(_row(_text, _number, _text)),
    "port_taken": _flag,
    "load_seconds": _optional(_number),
    "answers": _many(_STATUS),
    "resident": _whole,
    "peak": _whole,
    "health": _optional(_STATUS),
    "health_after_stop": _optional(_STATUS),
    "exit": _optional(_whole),
    "stop_seconds": _optional(_number),
    "stop_status": _optional(_whole),
    "log": _many(_text),
    "said": _text,
    "overdue": _text,
}
