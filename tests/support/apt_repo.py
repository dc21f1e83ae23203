"""A signed Debian archive in a folder, read by ``copy:`` (``file:`` lists are read in place). Needs gpg."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.debs import control

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HAS_GPG = shutil.which("gpg") is not None and shutil.which("apt-get") is not None


@dataclass(frozen=True)
class Repository:
    """An archive: the address to give as a mirror, and the keyring that its signatures are made with."""

    root: Path
    mirror: str
    keyring: Path
    home: Path

    def publish(self, debs: Mapping[str, tuple[bytes, Mapping[str, str]]], suite: str = "bookworm") -> None:
        """Writes the suite (and empty -updates and -security) with packages by name: bytes and control fields."""
        pool = self.root / "pool"
        shutil.rmtree(pool, ignore_errors=True)
        pool.mkdir(parents=True)
        stanzas = []
        for name, (data, fields) in debs.items():
            path = pool / f"{name}_{fields.get('Version', '1.0-1').replace(':', '%3a')}_amd64.deb"
            path.write_bytes(data)
            sha = hashlib.sha256(data).hexdigest()
            stanzas.append(f"{control(name, fields)}Filename: pool/{path.name}\nSize: {len(data)}\nSHA256: {sha}\n")
        for kind, text in (("", "\n".join(stanzas)), ("-updates", ""), ("-security", "")):
            self._suite(suite + kind, text)

    def _suite(self, suite: str, packages: str) -> None:
        folder = self.root / "dists" / suite
        listed = folder / "main/binary-amd64/Packages"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text(packages)
        data = listed.read_bytes()
        (folder / "Release").write_text(
            f"Origin: Test\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\nComponents: main\n"
            f"Date: Sat, 01 Jan 2022 00:00:00 UTC\n"
            f"SHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/Packages\n"
        )
        (folder / "InRelease").unlink(missing_ok=True)
        gpg(self.home, "--clearsign", "--output", str(folder / "InRelease"), str(folder / "Release"))


def make_repository(folder: Path) -> Repository:
    """An empty archive with a new key."""
    root, home = folder / "archive", folder / "gnupg"
    root.mkdir(parents=True)
    home.mkdir(mode=0o700)
    gpg(home, "--passphrase", "", "--quick-generate-key", "slimtorch test <test@example.org>", "ed25519", "sign", "0")
    keyring = folder / "keyring.gpg"
    gpg(home, "--output", str(keyring), "--export")
    return Repository(root, f"copy:{root}", keyring, home)


def gpg(home: Path, *arguments: str) -> None:
    """Runs gpg on a home of its own."""
    argv = ["gpg", "--homedir", str(home), "--batch", "--quiet", *arguments]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


def stop(repository: Repository) -> None:
    """Ends the key agent of the archive."""
    subprocess.run(["gpgconf", "--homedir", str(repository.home), "--kill", "all"], check=False, timeout=60)
