"""Kinds of values: each takes what TOML decoded and returns the checked value, or raises `BadValueError`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slimtorch.project.config.reader import BadValueError, describe

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_SECOND_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?")
_SIZE_UNITS = {"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_DAY = 86_400
# Parts of an image that belong to the system; a service that owns or hides one of them does not start.
_SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt/venv", "/proc", "/run", "/sbin", "/sys", "/usr")


def text(value: object) -> str:
    """A text that is not empty and holds no control characters."""
    if not isinstance(value, str):
        raise BadValueError(f"must be text, not {describe(value)}")
    if not value.strip():
        raise BadValueError("must not be empty")
    if not value.isprintable():
        raise BadValueError("must not hold control characters")
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise BadValueError(f"must be a list of texts, not {describe(value)}")
    return tuple(text(item) for item in value)


def one_or_more(value: object) -> tuple[str, ...]:
    """A text or a list of texts."""
    return (text(value),) if isinstance(value, str) else texts(value)


def boolean(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise BadValueError(f"must be true or false, not {describe(value)}")
    return value


def matching(pattern: str, what: str) -> Callable[[object], str]:
    """A kind: text that matches `pattern`; `what` says in words what it must be."""
    compiled = re.compile(pattern)

    def check(value: object) -> str:
        if not compiled.fullmatch(found := text(value)):
            raise BadValueError(f"must be {what}, not {found!r}")
        return found

    return check


def integer(low: int, high: int) -> Callable[[object], int]:
    """A kind: a whole number from `low` to `high`."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadValueError(f"must be a whole number, not {describe(value)}")
        if not low <= value <= high:
            raise BadValueError(f"must be from {low} to {high}, not {value}")
        return value

    return check


def real(low: float, high: float) -> Callable[[object], float]:
    """A kind: a number from `low` to `high`."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadValueError(f"must be a number, not {describe(value)}")
        if not low <= value <= high:
            raise BadValueError(f"must be from {low:g} to {high:g}, not {value:g}")
        return float(value)

    return check


def seconds(value: object) -> float:
    """A time in seconds, up to a day, written as a number or as ``"90s"``, ``"2m"`` …."""
    if isinstance(value, str):
        match = _SECONDS.fullmatch(value.strip())
        if not match:
            raise BadValueError(f'must be seconds (30) or a time such as "30s" or "2m", not {value!r}')
        value = float(match[1]) * _SECOND_UNITS[match[2]]
    return real(0, _DAY)(value)


def positive_seconds(value: object) -> float:
    """A time in seconds that is not zero; engines take nothing below a millisecond."""
    found = seconds(value)
    if found < 0.001:
        raise BadValueError("must be a millisecond or more")
    return found


def size(value: object) -> int:
    """A size in bytes, written as a number or as ``"1GB"``, ``"500MB"`` …."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if not match:
            raise BadValueError(f'must be bytes or a size such as "1GB" or "500MB", not {value!r}')
        value = round(float(match[1]) * _SIZE_UNITS[match[2] or "B"])
    return integer(1_000_000, 10**12)(value)


def table_of_texts(value: object) -> dict[str, str]:
    """A table whose values are all texts."""
    if not isinstance(value, dict):
        raise BadValueError(f"must be a table, not {describe(value)}")
    for name, item in value.items():
        if not isinstance(item, str):
            raise BadValueError(f'{name} must be text, not {describe(item)}; write {name} = "…"')
        if "\0" in item:
            raise BadValueError(f"{name} must not hold a zero byte")
    return dict(value)


def project_path(value: object) -> str:
    """A path inside the project folder, in POSIX form and without ``.`` or ``..``."""
    path = PurePosixPath(text(value))
    if path.is_absolute() or re.match(r"[A-Za-z]:|\\|~", str(path)):
        raise BadValueError(f"{value!r} must be relative to the project folder")
    if ".." in path.parts:
        raise BadValueError(f"{value!r} leads outside the project folder")
    return str(path)


def project_paths(value: object) -> tuple[str, ...]:
    """A list of paths inside the project folder, each once."""
    paths = tuple(project_path(item) for item in texts(value))
    if len(set(paths)) != len(paths):
        raise BadValueError("names a path twice")
    return paths


def image_path(value: object) -> PurePosixPath:
    """An absolute path in the image, outside what belongs to the system."""
    path = PurePosixPath(text(value))
    if not path.is_absolute() or ".." in path.parts:
        raise BadValueError(f"{value!r} must be an absolute path in the image, such as /data, without '..'")
    path = PurePosixPath("/", *path.parts[1:])
    if str(path) == "/" or any(path.is_relative_to(system) for system in _SYSTEM):
        raise BadValueError(f"{value!r} belongs to the image's system; choose a folder of your own, such as /data")
    if re.search(r"[,:]", str(path)):
        raise BadValueError(f"{value!r} must not hold ',' or ':'")
    return path


def image_paths(value: object) -> tuple[PurePosixPath, ...]:
    """A list of absolute paths in the image."""
    return tuple(dict.fromkeys(image_path(item) for item in texts(value)))


def address(value: object) -> str:
    """An http, https or file address without a password in it."""
    if not re.fullmatch(r"(https?|file)://\S+", found := text(value)):
        raise BadValueError(f"must be an address such as https://example.org/simple, not {_hide(found)!r}")
    if re.match(r"\w+://[^/]*@", found):
        raise BadValueError("must not hold a user or password", "put it into ~/.netrc or the environment")
    return found


def _hide(value: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", value)
