"""The image that slimtorch is measured against: bench/reference/Dockerfile, built by BuildKit from the same wheels.

The base is made by mmdebstrap, since a bench must not depend on a registry.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import shutil
import sys
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import IO, TYPE_CHECKING

from bench.daemon import Docker, docker, missing
from bench.measure import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent / "reference"
DIGITS = Path(__file__).parents[1] / "examples" / "digits"
SUITE = "bookworm"
SERVICE = ("requirements.txt", "model.safetensors", "serve.py", "model.py", "observability.py")
CHANGED = "serve.py"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LEFT_OUT = ("man", "doc", "locale", "info", "lintian", "groff", "linda")
_DEBIAN = (
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "--include=usr-is-merged",
    '--aptopt=APT::Install-Recommends "false"',
    f"--customize-hook=copy-in {quote(str(HERE / 'docker-clean'))} /etc/apt/apt.conf.d",
    '--customize-hook=rm -f "$1"/var/cache/apt/*.bin',
)
_SLIM = (
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)
BASES: Mapping[str, tuple[str, ...]] = {"debian-slim": (*_DEBIAN, *_SLIM), "debian": _DEBIAN, "minbase": ()}
"""Options of mmdebstrap for each base: like Debian's own images bookworm-slim and bookworm, and its plain minbase."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Sizes in bytes, times in seconds of the wall clock. All of one run on one machine.

    `unpacked` is the sum of the sizes of all files over all layers. `pull_gzip` is what a registry holds after `docker
    push`, blob by blob in `blobs_gzip`; `pull_zstd` the same image as skopeo writes it with zstd at its
    default level. Both count configuration, layers and manifest.

    `cold` is `docker build --no-cache` with the wheels and the base on the disk; `steps` are its Dockerfile steps, of
    which those with apt-get use the network. `dependencies` is the same build with the apt-get steps cached: what a
    change of requirements.txt costs. `code` is a build after one changed line. Each ends with an image in the daemon;
    `*_push` adds the push to a registry on this machine, `*_layout` the OCI layout on the disk that `skopeo copy`
    writes, which is what `slimtorch build --output oci:` ends with.
    """

    base: str
    base_unpacked: int
    unpacked: int
    pull_gzip: int
    pull_zstd: int
    blobs_gzip: tuple[int, ...]
    cold: float
    steps: dict[str, float]
    dependencies: float
    code: float
    cold_push: float
    cold_layout: float
    code_push: float
    code_layout: float


def download_wheels(folder: Path) -> None:
    """Fill `folder` with the wheels that pip, as this machine configures it, picks for the service."""
    argv = [
        "pip",
        "download",
        "--quiet",
        "--only-binary=:all:",
        "-r",
        str(DIGITS / "requirements.txt"),
        "-d",
        str(folder),
    ]
    run([sys.executable, "-m", *argv])


def build_reference(workdir: Path, *, base: str = "minbase", wheels: Mapping[str, Path] | None = None) -> Reference:
    """Build the reference below `workdir` (absolute, short, removed at the end) and measure it.

    `base` is one of `BASES`. `wheels`, by file name, are used when given, else pip downloads them.
    """
    context = workdir / "context"
    (context / "wheels").mkdir(parents=True)
    for name in SERVICE:
        shutil.copy(DIGITS / name, context)
    shutil.copy(HERE / "Dockerfile", context)
    for name, path in (wheels or {}).items():
        shutil.copy(path, context / "wheels" / name)
    if not wheels:
        download_wheels(context / "wheels")
    make_base(workdir / "base.tar", BASES[base])
    try:
        with docker(workdir / "d") as daemon:
            return _measure(daemon, workdir, base)
    finally:
        shutil.rmtree(workdir)


def make_base(archive: Path, options: Sequence[str]) -> None:
    """Write a root file system with apt, from the host's mirrors."""
    run(["mmdebstrap", "--quiet", "--variant=minbase", *options, SUITE, str(archive), *mirrors()])


def mirrors() -> list[str]:
    """The host's own apt lines for the suite, so that a mirror set up here is used; none means Debian's default."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    known = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"]).stdout
    return sorted({line for line in known.splitlines() if line.split()[2].startswith(SUITE)})


def _measure(docker: Docker, workdir: Path, base: str) -> Reference:
    context, name = workdir / "context", f"{docker.registry}/digits:reference"
    docker("import", workdir / "base.tar", "debian:bookworm-slim")
    base_unpacked = file_bytes(workdir / "base.tar")
    build = ("build", "--network", "host", "--progress", "plain", "--tag", name)
    layout, zstd = workdir / "gzip", workdir / "zstd"

    cold = docker(*build, "--no-cache", context)
    push = docker("push", name)
    copy = to_layout(docker, name, layout, "gzip")
    to_layout(docker, name, zstd, "zstd")
    docker("save", name, "--output", workdir / "saved.tar")
    unpacked = saved_bytes(workdir / "saved.tar")
    (workdir / "saved.tar").unlink()
    blobs = pushed_blobs(docker.registry, "digits", "reference")
    pull_zstd = pull_bytes(zstd)

    with (context / CHANGED).open("a") as source:
        source.write("# one more line\n")
    before = image_id(docker, name)
    code = docker(*build, context)
    if image_id(docker, name) == before:
        raise RuntimeError("the changed line did not change the reference image")
    code_push = docker("push", name)
    code_copy = to_layout(docker, name, layout, "gzip")

    with (context / "requirements.txt").open("a") as requirements:
        requirements.write("# one more line\n")
    dependencies = docker(*build, context)
    return Reference(
        base=base,
        base_unpacked=base_unpacked,
        unpacked=unpacked,
        pull_gzip=sum(blobs),
        pull_zstd=pull_zstd,
        blobs_gzip=blobs,
        cold=cold.seconds,
        steps=steps(cold.stderr),
        dependencies=dependencies.seconds,
        code=code.seconds,
        cold_push=cold.seconds + push.seconds,
        cold_layout=cold.seconds + copy,
        code_push=code.seconds + code_push.seconds,
        code_layout=code.seconds + code_copy,
    )


def steps(progress: str) -> dict[str, float]:
    """Seconds of each Dockerfile step, from BuildKit's plain progress. Steps of two stages may run side by side."""
    names = dict(re.findall(r"^#(\d+) (\[.+?\] \S.*|exporting to image)$", progress, re.MULTILINE))
    seconds = re.findall(r"^#(\d+) DONE ([\d.]+)s$", progress, re.MULTILINE)
    return {" ".join(names[number].split())[:100]: float(taken) for number, taken in seconds if number in names}


def image_id(docker: Docker, name: str) -> str:
    """The digest of an image's configuration, as the daemon names it."""
    return docker("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()


def to_layout(docker: Docker, name: str, folder: Path, compression: str) -> float:
    """Seconds until the daemon's image is an OCI layout in `folder`."""
    options = ["--quiet", "--src-daemon-host", docker.host, "--dest-compress-format", compression]
    return run(["skopeo", "copy", *options, f"docker-daemon:{name}", f"oci:{folder}:reference"]).seconds


def pull_bytes(layout: Path) -> int:
    """Bytes to pull of the one image in an OCI layout: manifest, configuration, layers."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads((layout / "blobs" / "sha256" / entry["digest"][7:]).read_text())
    return int(entry["size"]) + sum(int(blob["size"]) for blob in [manifest["config"], *manifest["layers"]])


def pushed_blobs(registry: str, name: str, tag: str) -> tuple[int, ...]:
    """Sizes in a registry of an image's manifest, configuration and layers, in this order."""
    connection = http.client.HTTPConnection(registry, timeout=30)
    try:
        connection.request("GET", f"/v2/{name}/manifests/{tag}", headers={"Accept": MANIFEST})
        body = connection.getresponse().read()
    finally:
        connection.close()
    manifest = json.loads(body)
    return (len(body), *(int(blob["size"]) for blob in [manifest["config"], *manifest["layers"]]))


def saved_bytes(archive: Path) -> int:
    """Sum of the sizes of all files over all layers of a `docker save` archive."""
    with tarfile.open(archive) as saved:
        (image,) = json.loads(_read(saved, "manifest.json"))
        return sum(_tar_bytes(saved.extractfile(layer)) for layer in image["Layers"])


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise RuntimeError(f"{name} in the archive is no file")
    return stream.read()


def file_bytes(archive: Path) -> int:
    """Sum of the sizes of all files of a tar archive."""
    with archive.open("rb") as stream:
        return _tar_bytes(stream)


def _tar_bytes(stream: IO[bytes] | None) -> int:
    with tarfile.open(fileobj=stream) as layer:
        return sum(member.size for member in layer if member.isfile())


def chosen_base(argv: Sequence[str]) -> str:
    """The base named on a bench's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", choices=sorted(BASES), default="minbase", help="what the reference stands on")
    return str(parser.parse_args(argv).base)


def main() -> None:
    """Measure the reference alone and print what was found."""
    base = chosen_base(sys.argv[1:])
    if lacking := missing():
        raise SystemExit(f"install these Debian packages first: {' '.join(lacking)}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        print(json.dumps(asdict(build_reference(Path(folder) / "w", base=base)), indent=2))


if __name__ == "__main__":
    main()
