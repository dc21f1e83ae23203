"""Wheels for tests, made from a dict of strings; every promise that a wheel makes can be broken on purpose."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.image.digest import of_bytes
from slimtorch.project.lock import LockedWheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Lies:
    """What is wrong with a wheel: RECORD lines replaced (None drops one), members added behind RECORD's back."""

    record: Mapping[str, tuple[str, str] | None] = field(default_factory=dict)
    extra_lines: Sequence[tuple[str, str, str]] = ()
    raw: Sequence[tuple[zipfile.ZipInfo, bytes]] = ()
    metadata: str = ""


def make_wheel(
    folder: Path,
    name: str = "demo",
    version: str = "1.0",
    files: Mapping[str, str | bytes] | None = None,
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    executable: Sequence[str] = (),
    lies: Lies | None = None,
) -> Path:
    """A wheel in `folder`. Files under ``DATA/`` go to its .data folder, those under ``INFO/`` to its .dist-info."""
    wrong = lies or Lies()
    stem = f"{name.replace('-', '_')}-{version}"
    contents = {_place(path, stem): _bytes(data) for path, data in (files or {f"{name}.py": "x = 1\n"}).items()}
    info = f"{stem}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    metadata = wrong.metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    contents[f"{info}/METADATA"] = metadata.encode()
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    contents[f"{info}/RECORD"] = _record(contents, f"{info}/RECORD", wrong)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in contents.items():
            archive.writestr(_info(member, 0o755 if member in executable else 0o644), data)
        for header, data in wrong.raw:
            archive.writestr(header, data)
    return path


def member(name: str, *, mode: int = 0o100644) -> zipfile.ZipInfo:
    """The header of a member that is added as it is."""
    info = zipfile.ZipInfo(name, TIME)
    info.external_attr = mode << 16
    info.create_system = 3
    return info


def locked(path: Path, *, url: str = "", index: str = "default") -> LockedWheel:
    """The pin of a wheel."""
    name, version = path.name.split("-")[:2]
    data = path.read_bytes()
    return LockedWheel(name.replace("_", "-"), version, path.name, of_bytes(data), len(data), index, url)


def _place(path: str, stem: str) -> str:
    return path.replace("DATA/", f"{stem}.data/").replace("INFO/", f"{stem}.dist-info/")


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = member(name, mode=0o100000 | mode)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _record(contents: Mapping[str, bytes], own: str, lies: Lies) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for path, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        told = lies.record.get(path, (f"sha256={digest}", str(len(data))))
        if told is not None:
            writer.writerow([path, *told])
    writer.writerows(lies.extra_lines)
    writer.writerow([own, "", ""])
    return out.getvalue().encode()
