"""Debian packages from plain values, and small archives of them that apt itself can read."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
from typing import TYPE_CHECKING

from slimtorch.image.digest import of_bytes
from slimtorch.image.zstandard import ZstdCompressor
from slimtorch.project.lock import LockedDeb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from slimtorch.host.cache import Cache

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": lambda data: ZstdCompressor().compress(data, mode=ZstdCompressor.FLUSH_FRAME),
}


def make_ar(members: Sequence[tuple[str, bytes]]) -> bytes:
    """An ar archive as dpkg-deb writes it."""
    parts = [b"!<arch>\n"]
    for name, data in members:
        parts += [
            f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode(),
            data,
            b"\n" * (len(data) % 2),
        ]
    return b"".join(parts)


def make_tar(files: Mapping[str, bytes | str | None], extra: Sequence[tarfile.TarInfo] = ()) -> bytes:
    """A tar of files (bytes), symbolic links (text) and folders (None); `extra` members come last, as they are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, value in files.items():
            member = tarfile.TarInfo(f"./{path}")
            member.mode = 0o755 if value is None or "bin/" in path else 0o644
            if value is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(value, str):
                member.type, member.linkname = tarfile.SYMTYPE, value
            else:
                member.size = len(value)
            archive.addfile(member, io.BytesIO(value) if isinstance(value, bytes) else None)
        for member in extra:
            archive.addfile(member)
    return out.getvalue()


def control(name: str, fields: Mapping[str, str] | None = None) -> str:
    """A control stanza with what Debian Policy asks for."""
    stanza = {
        "Package": name,
        "Version": "1.0-1",
        "Architecture": "amd64",
        "Maintainer": "Nobody <nobody@example.org>",
        "Description": "a package of a test",
        **(fields or {}),
    }
    return "".join(f"{key}: {value}\n" for key, value in stanza.items())


def make_deb(
    name: str,
    files: Mapping[str, bytes | str | None] | None = None,
    *,
    fields: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
    extra: Sequence[tarfile.TarInfo] = (),
    suffix: str = ".xz",
) -> bytes:
    """The bytes of a package."""
    files = files or {}
    sums = "".join(f"{hashlib.md5(v).hexdigest()}  {p}\n" for p, v in files.items() if isinstance(v, bytes))  # noqa: S324
    parts = {"control": control(name, fields), "md5sums": sums, **(scripts or {})}
    compress = COMPRESS[suffix]
    return make_ar(
        [
            ("debian-binary", b"2.0\n"),
            (f"control.tar{suffix}", compress(make_tar({path: text.encode() for path, text in parts.items()}))),
            (f"data.tar{suffix}", compress(make_tar(files, extra))),
        ]
    )


def locked(name: str, data: bytes, version: str = "1.0-1", architecture: str = "amd64") -> LockedDeb:
    """The lock entry of a package's bytes."""
    return LockedDeb(name, version, architecture, f"{name}.deb", of_bytes(data), len(data), "bookworm")


def store(cache: Cache, data: bytes) -> Path:
    """The bytes as a blob of the cache."""
    with cache.writer() as writer:
        writer.write(data)
    return cache.blob_path(of_bytes(data))
