"""The text of ``slimtorch.lock``: TOML (toml.io, 1.0), one table a package, sorted, so that a change reads well.

::

    version = 1
    python = "3.11"
    suite = "bookworm"
    config-digest = "sha256:…"

    [inputs]                                    # what it was resolved for, part by part
    "requirements.txt" = "sha256:…"

    [decided]                                   # what the code was read to mean, where the project does not say
    device = "cpu"

    [measured]
    load-seconds = 1.25

    [[platform."linux/amd64".wheel]]
    name = "torch"
    version = "2.13.0+cpu"
    file = "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    sha256 = "…"
    size = 191000000
    index = "default"
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.project.lock import Lock, LockedDeb, LockedPlatform, LockedWheel

VERSION = 1
_HEADER = "# Written by `slimtorch lock`; do not edit. Commit it with the project.\n"


def emit(lock: Lock) -> str:
    """The text of the lock; equal locks give equal text, however their parts are ordered."""
    head = {
        "version": VERSION,
        "python": lock.python,
        "suite": lock.suite,
        "config-digest": lock.config_digest,
    }
    blocks = [_rows(head)]
    if lock.inputs:
        blocks.append(_block("[inputs]", {_quote(name): value for name, value in sorted(lock.inputs.items())}))
    if lock.device:
        blocks.append(_block("[decided]", {"device": lock.device}))
    if lock.load_seconds is not None:
        blocks.append(_block("[measured]", {"load-seconds": lock.load_seconds}))
    for name, platform in sorted(lock.platforms.items()):
        blocks += _platform(f"platform.{_quote(name)}", platform)
    return _HEADER + "\n".join(blocks)


def _platform(prefix: str, platform: LockedPlatform) -> list[str]:
    blocks = [f"[{prefix}]\n"]
    if base := platform.base:
        found = {"interpreter": base.interpreter, "glibc": base.glibc}
        blocks.append(_block(f"[{prefix}.base]", {"reference": base.reference, "digest": base.digest, **found}))
    for deb in sorted(platform.debs):
        extra = {"architecture": deb.architecture}
        blocks.append(_block(f"[[{prefix}.deb]]", _file(deb) | extra))
    for wheel in sorted(platform.wheels):
        extra = {"url": wheel.url} if wheel.url else {}
        blocks.append(_block(f"[[{prefix}.wheel]]", _file(wheel) | extra))
    return blocks


def _file(pinned: LockedWheel | LockedDeb) -> dict[str, object]:
    return {
        "name": pinned.name,
        "version": pinned.version,
        "file": pinned.filename,
        "sha256": pinned.sha256.hex,
        "size": pinned.size,
        "index": pinned.index,
    }


def _block(header: str, rows: Mapping[str, object]) -> str:
    return f"{header}\n{_rows(rows)}"


def _rows(rows: Mapping[str, object]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in rows.items())


def _value(value: object) -> str:
    return _quote(value) if isinstance(value, str) else repr(value)


def _quote(text: str) -> str:
    # A JSON string is a TOML basic string, but for the delete character, which TOML wants escaped.
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")
