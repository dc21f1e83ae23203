"""slimtorch against the reference, for examples/digits: ``python -m bench.digits [--base NAME]`` as root on Debian.

Prints a table with what was promised, and writes it to bench/out/ with every figure behind it. Bytes are exact; times
are only worth comparing within one run.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import promises
from bench.bare import Bare, bare
from bench.daemon import missing
from bench.measure import Run, machine, median, run
from bench.reference import DIGITS, build_reference, chosen_base, pull_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT = Path(__file__).parent / "out"
SLIMTORCH = [sys.executable, "-m", "slimtorch"]
COLD_RUNS = 3
CHANGE_RUNS = 7


@dataclass(frozen=True, slots=True)
class Slim:
    """What slimtorch makes of the service. Bytes and seconds; `changed` are the bytes of new blobs after one line."""

    unpacked: int
    pull_gzip: int
    pull_zstd: int
    changed: int
    cold: float
    code: float
    peak_rss: int
    bare: Bare


@dataclass(frozen=True, slots=True)
class Workshop:
    """A copy of the project, and a cache of its own, below one folder."""

    root: Path

    @property
    def project(self) -> Path:
        """The copy of examples/digits."""
        return self.root / "digits"

    def slimtorch(self, *words: str, cache: str = "cache") -> Run:
        """What one slimtorch command took, with the cache of this name."""
        return run([*SLIMTORCH, *words], env={"XDG_CACHE_HOME": str(self.root / cache)})

    def build(self, output: str, *, cache: str = "cache") -> Run:
        """What one build took."""
        return self.slimtorch("build", str(self.project), "--locked", "--output", output, cache=cache)


def prepare(root: Path) -> Workshop:
    """A project that is locked and whose downloads are in the cache."""
    shutil.copytree(DIGITS, root / "digits", ignore=shutil.ignore_patterns("__pycache__", "dist"))
    workshop = Workshop(root)
    with (workshop.project / "slimtorch.toml").open("a") as settings:  # bench.slim measures the others
        settings.write('\n[slim]\nprofile = "none"\n')
    workshop.slimtorch("lock", str(workshop.project))
    workshop.build(f"oci:{root}/zstd")
    workshop.build(f"archive:{root}/digits.tar")
    return workshop


def measure_slimtorch(workshop: Workshop) -> Slim:
    """The slimtorch half."""
    root = workshop.root
    with tarfile.open(root / "digits.tar") as archive:
        archive.extractall(root / "gzip", filter="data")
    unpacked = unpack(root / "gzip", root / "tree")
    costs: list[Bare] = []

    def cold_then_bare() -> Run:  # in turn, so that a busy machine is unfair to neither
        taken = cold_build(workshop)
        costs.append(bare(root / "tree", root / "bare.tar.zst"))
        return taken

    cold = median(COLD_RUNS, cold_then_bare)
    shutil.rmtree(root / "tree")
    code = median(CHANGE_RUNS, partial(changed_build, workshop))
    return Slim(
        unpacked=unpacked,
        pull_gzip=pull_bytes(root / "gzip"),
        pull_zstd=pull_bytes(root / "zstd"),
        changed=changed_bytes(workshop),
        cold=cold.seconds,
        code=code.seconds,
        peak_rss=max(cold.peak_rss, code.peak_rss),
        bare=sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2],
    )


def cold_build(workshop: Workshop) -> Run:
    """A build with a cache that holds the downloaded wheels and distribution packages, and nothing else."""
    shutil.rmtree(workshop.root / "cold", ignore_errors=True)
    shutil.rmtree(workshop.root / "cold-out", ignore_errors=True)
    for digest in pinned(workshop):
        target = workshop.root / "cold" / "slimtorch" / "blobs" / digest[:2] / digest[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(blob(workshop, digest))
    return workshop.build(f"oci:{workshop.root}/cold-out", cache="cold")


def changed_build(workshop: Workshop) -> Run:
    """A build after one more line in serve.py, into the layout that holds the build before."""
    with (workshop.project / "serve.py").open("a") as source:
        source.write("# one more line\n")
    return workshop.build(f"oci:{workshop.root}/zstd")


def changed_bytes(workshop: Workshop) -> int:
    """Bytes of the blobs that one changed line adds to a layout."""
    folder = workshop.root / "zstd" / "blobs" / "sha256"
    before = set(folder.iterdir())
    changed_build(workshop)
    return sum(path.stat().st_size for path in set(folder.iterdir()) - before)


def pinned(workshop: Workshop) -> set[str]:
    """The sha256 of every wheel and distribution package in the lock that is in the cache."""
    text = (workshop.project / "slimtorch.lock").read_text()
    return {digest for digest in re.findall(r"[0-9a-f]{64}", text) if blob(workshop, digest).is_file()}


def blob(workshop: Workshop, digest: str) -> Path:
    """Where slimtorch's cache keeps a download."""
    return workshop.root / "cache" / "slimtorch" / "blobs" / digest[:2] / digest[2:]


def wheels(workshop: Workshop) -> dict[str, Path]:
    """The locked wheels by file name, so that the reference installs the very same."""
    lock = tomllib.loads((workshop.project / "slimtorch.lock").read_text())
    tables = [table for table in walk(lock) if str(table.get("filename", "")).endswith(".whl")]
    return {table["filename"]: blob(workshop, table["sha256"].removeprefix("sha256:")) for table in tables}


def walk(value: object) -> Iterator[dict[str, Any]]:
    """Every table of a TOML document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def unpack(layout: Path, tree: Path) -> int:
    """The root file system of a gzip layout in `tree`; the sum of the sizes of all files over all layers."""
    blobs = layout / "blobs" / "sha256"
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    total = 0
    for layer in json.loads((blobs / entry["digest"][7:]).read_text())["layers"]:
        with tarfile.open(blobs / layer["digest"][7:], "r:gz") as archive:
            members = archive.getmembers()
            archive.extractall(tree, members, filter="tar")
        total += sum(member.size for member in members if member.isfile())
    return total


def main() -> None:
    """Measure, print, write."""
    base = chosen_base(sys.argv[1:])
    if lacking := missing():
        raise SystemExit(f"install these Debian packages first: {' '.join(lacking)}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder)
        workshop = prepare(root)
        ours = measure_slimtorch(workshop)
        theirs = build_reference(root / "w", base=base, wheels=wheels(workshop))
    table = promises.markdown(promises.rows(ours, theirs), {**machine(), "base of the reference": base})
    OUT.mkdir(exist_ok=True)
    record = {"machine": machine(), "slimtorch": asdict(ours), "reference": asdict(theirs)}
    stem = "digits" if base == "minbase" else f"digits-{base}"
    (OUT / f"{stem}.json").write_text(json.dumps(record, indent=2) + "\n")
    (OUT / f"{stem}.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
