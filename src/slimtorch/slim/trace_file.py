"""The trace as a file (JSON). It may come from anywhere: every value is checked.

::

    {"slimtorch-trace": 1, "images": ["sha256:…"], "gpu": false,
     "runs": [{"what": "the probe", "method": "fanotify", "engine": "runc"}],
     "packages": [{"name": "torch", "version": "2.13.0", "files": 12, "size": 3456, "modules": ["torch", …],
                   "wanted_by": "model", "opened": {"torch/__init__.py": 12, …}, "asked_for": {…}}]}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ConfigError
from slimtorch.slim.trace import Run, Trace, Used

if TYPE_CHECKING:
    from pathlib import Path

FORMAT, VERSION = "slimtorch-trace", 1
LIMIT = 256_000_000
"""Bytes above which no record is read."""
LARGEST = 1 << 60
_HINT = "make the record again: slimtorch trace REFERENCE -o {}"


class _BadError(ValueError):
    pass


def read(path: Path) -> Trace:
    """The record at `path`.

    Raises:
        ConfigError: it cannot be read, is no record of this version, or a value in it is not what it should be.
    """
    hint = _HINT.format(path.name)
    try:
        if path.stat().st_size > LIMIT:
            raise ConfigError(str(path), [f"is larger than {LIMIT} bytes"], hint=hint)
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"], hint=hint) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(path), [f"is no JSON: {error}"], hint=hint) from None
    try:
        return parse(value)
    except _BadError as error:
        raise ConfigError(str(path), [f"is no record of a trace: {error}"], hint=hint) from None


def dump(trace: Trace) -> bytes:
    """The record as a file; the same bytes for the same record."""
    # ASCII, because a path may hold bytes that are no text.
    return (json.dumps(to_json(trace), indent=1, sort_keys=True) + "\n").encode()


def to_json(trace: Trace) -> dict[str, Any]:
    """The record as JSON values."""
    return {
        FORMAT: VERSION,
        "images": list(trace.images),
        "gpu": trace.gpu,
        "runs": [{"what": run.what, "method": run.method, "engine": run.engine} for run in trace.runs],
        "packages": [_used_json(used) for _, used in sorted(trace.packages.items())],
    }


def _used_json(used: Used) -> dict[str, Any]:
    return {
        "name": used.name,
        "version": used.version,
        "files": used.files,
        "size": used.size,
        "wanted_by": used.wanted_by,
        "modules": sorted(used.modules),
        "opened": dict(used.opened),
        "asked_for": dict(used.asked_for),
    }


def parse(value: object) -> Trace:
    """The record from its JSON values.

    Raises:
        ValueError: a value is missing or not what it should be.
    """
    top = _object(value)
    if top.get(FORMAT) != VERSION:
        raise _BadError(f'"{FORMAT}" is {top.get(FORMAT)!r}, not {VERSION}')
    used = [_used(item) for item in _list(top, "packages")]
    runs = tuple(_run(item) for item in _list(top, "runs"))
    if not runs:
        raise _BadError("it holds no run")
    images = tuple(_text(item, "images") for item in _list(top, "images"))
    return Trace(images, runs, {f"{one.name}=={one.version}": one for one in used}, top.get("gpu") is True)


def _run(value: object) -> Run:
    item = _object(value)
    return Run(*(_text(item.get(name), name) for name in ("what", "method", "engine")))


def _used(value: object) -> Used:
    item = _object(value)
    return Used(
        _text(item.get("name"), "name"),
        _text(item.get("version"), "version"),
        _number(item.get("files"), "files"),
        _number(item.get("size"), "size"),
        _sizes(item, "opened"),
        _sizes(item, "asked_for"),
        frozenset(_text(name, "modules") for name in _list(item, "modules")),
        _text(item.get("wanted_by", ""), "wanted_by"),
    )


def _sizes(item: dict[str, Any], name: str) -> dict[str, int]:
    found = _object(item.get(name), name)
    return {_text(path, name): _number(size, name) for path, size in found.items()}


def _object(value: object, name: str = "an entry") -> dict[str, Any]:
    found: dict[str, Any] = _checked(value, dict, name, "an object")
    return found


def _list(item: dict[str, Any], name: str) -> list[Any]:
    found: list[Any] = _checked(item.get(name), list, name, "a list")
    return found


def _text(value: object, name: str) -> str:
    found: str = _checked(value, str, name, "text")
    return found


def _number(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise _BadError(f'"{name}" is no size')
    return value


def _checked(value: object, kind: type[Any], name: str, what: str) -> Any:  # noqa: ANN401  (of the type `kind`)
    if not isinstance(value, kind):
        raise _BadError(f'"{name}" is not {what}')
    return value
