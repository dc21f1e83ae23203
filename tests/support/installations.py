"""A small installation as pip leaves it: a torch with libraries that can be slimmed, tests, links, RECORDs."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.fatbins import big, make_fatbin
from tests.support.libraries import make_library

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SITE = "lib/python3.11/site-packages"
DEBUG = {".comment": b"GCC\0", ".debug_info": bytes(range(256)) * 200}
PLAIN = make_library(unloaded=DEBUG, soname="libplain.so")
SMALL = make_library(unloaded={}, soname="libsmall.so")
WRAPPER = struct.pack("<IIQQ", 0x466243B1, 1, 0, 0)


def with_code(*containers: bytes, unloaded: dict[str, bytes] | None = None) -> bytes:
    """A library that the loader accepts, with these containers of device code and a wrapper around each."""
    starts = [sum(map(len, containers[:number])) for number in range(len(containers))]
    return make_library(
        {
            ".text": ("x", b"\xc3" * 99),
            ".nv_fatbin": ("r", b"".join(containers)),
            ".nvFatBinSegment": ("w", WRAPPER * len(containers)),
        },
        pointers=tuple(
            ((".nvFatBinSegment", len(WRAPPER) * number + 8), (".nv_fatbin", start))
            for number, start in enumerate(starts)
        ),
        unloaded=unloaded or {},
        soname="libtorch_cuda.so",
    )


CODE = with_code(
    make_fatbin(big("sm_80"), big("sm_90")), make_fatbin(big("sm_80"), "sm_90"), unloaded={".debug_info": bytes(20_000)}
)
TORCH = {
    "torch/__init__.py": b"x = 1\n",
    "torch/lib/libtorch_cuda.so": CODE,
    "torch/lib/libtorch_cpu.so": PLAIN,
    "torch/lib/libsmall.so": SMALL,
    "torch/include/a.pyi": b"x: int\n",
}
WORDS = {"words/__init__.py": b"", "words/tests/__init__.py": b"", "words/tests/test_words.py": b"def test(): ...\n"}


@dataclass(frozen=True)
class Installation:
    """A prefix with one site-packages folder."""

    prefix: Path

    @property
    def site(self) -> Path:
        return self.prefix / SITE

    def files(self) -> dict[str, bytes]:
        """What stands below the prefix, by path; a link's target as text."""
        found = {}
        for path in sorted(self.prefix.rglob("*")):
            name = path.relative_to(self.prefix).as_posix()
            if path.is_symlink():
                found[name] = b"-> " + str(path.readlink()).encode()
            elif path.is_file():
                found[name] = path.read_bytes()
        return found

    def add(self, name: str, version: str, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> None:
        """Installs a distribution. `links` are symbolic links, by path; paths are relative to site-packages."""
        rows = []
        for path, data in files.items():
            self._write(path, data)
            rows.append((path, hashed(data), str(len(data))))
        for path, target in (links or {}).items():
            (self.site / path).symlink_to(target)
            rows.append((path, "", ""))
        info = f"{name}-{version}.dist-info"
        self._write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode())
        rows += [(f"{info}/METADATA", "", ""), (f"{info}/RECORD", "", "")]
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        self._write(f"{info}/RECORD", out.getvalue().encode())

    def wrong_rows(self) -> list[str]:
        """Rows of RECORDs that are not true."""
        wrong = []
        for record in self.site.glob("*.dist-info/RECORD"):
            for path, promised, size in csv.reader(record.read_text().splitlines()):
                file = self.site / path
                if not os.path.lexists(file):
                    wrong.append(f"{path} is gone")
                elif promised and (promised, size) != (hashed(file.read_bytes()), str(file.stat().st_size)):
                    wrong.append(f"{path} is another")
        return wrong

    def _write(self, path: str, data: bytes) -> None:
        file = self.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def hashed(data: bytes) -> str:
    """A hash as RECORD writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def make_installation(prefix: Path) -> Installation:
    """The installation below `prefix`: torch with device code for sm_80 and sm_90, and a package with tests."""
    made = Installation(prefix)
    made.add("torch", "2.14.1", TORCH, {"torch/lib/libtorch.so": "libtorch_cpu.so"})
    made.add("words", "1.0", WORDS)
    return made
