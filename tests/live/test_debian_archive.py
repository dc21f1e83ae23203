"""The whole way from a signed archive to files, with Debian's own apt on a small archive of our own; no network."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import FetchError, ResolveError, VerificationError
from slimtorch.host.cache import Cache
from slimtorch.host.machine import Machine
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.project.model import Os
from slimtorch.sources import apt, apt_fetch, apt_resolve
from tests.support.apt_repo import HAS_GPG, Repository, make_repository, stop
from tests.support.debs import make_deb

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not HAS_GPG, reason="needs apt-get and gpg, which are not on this machine"),
]

BASE = {
    "python3.11-minimal": "libpython3.11-minimal, zlib1g",
    "libpython3.11-minimal": "libc6",
    "libpython3.11-stdlib": "libpython3.11-minimal, libsqlite3-0, libffi8",
    "libstdc++6": "libc6",
    "zlib1g": "libc6",
    "libc6": "",
    "libffi8": "libc6",
    "libsqlite3-0": "libc6",
    "curl": "libc6, debconf | debconf-2.0",
    "debconf": "",
    "left": "libc6",
    "right": "nowhere (>= 5)",
}


def packages(**versions: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    found = {}
    for name, depends in BASE.items():
        fields = {"Version": versions.get(name, "1.0-1"), **({"Depends": depends} if depends else {})}
        found[name] = (make_deb(name, {f"usr/share/{name}": fields["Version"].encode()}, fields=fields), fields)
    return found


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    # An agent's socket has a path of at most 107 bytes.
    repository = make_repository(tmp_path_factory.mktemp("r"))
    repository.publish(packages())
    yield repository
    stop(repository)


def machine(root: Path, *, offline: bool = False) -> Machine:
    return Machine(run, Cache(root / "a cache"), Silent(), dict(os.environ), Path.home(), offline)


def settings(archive: Repository) -> Os:
    return Os(suite="bookworm", mirror=archive.mirror, keyring=archive.keyring)


def test_lock_and_fetch_through_apt_without_touching_the_host(archive: Repository, tmp_path: Path) -> None:
    here = machine(tmp_path)
    tool = apt.prepare(settings(archive), "amd64", here)

    debs = apt_resolve.resolve(tool, "3.11", ["curl"])
    blobs = apt_fetch.fetch(debs, lambda: tool, here)

    assert [deb.name for deb in debs] == [
        "curl",
        "libc6",
        "libffi8",
        "libpython3.11-minimal",
        "libpython3.11-stdlib",
        "libstdc++6",
        "python3.11-minimal",
        "zlib1g",
    ]
    assert {deb.index for deb in debs} == {"bookworm"}
    assert all(blobs[deb.name] == here.cache.blob(deb.sha256) for deb in debs)
    # Once fetched, nothing is asked of apt again, offline or not.
    assert apt_fetch.fetch(debs, pytest.fail, machine(tmp_path, offline=True)) == blobs


def test_a_list_of_mirrors_is_read_as_debians_cloud_images_have_it(archive: Repository, tmp_path: Path) -> None:
    here = machine(tmp_path)
    places = tmp_path / "mirrors"
    places.mkdir()
    for name in ("debian.list", "debian-security.list"):
        (places / name).write_text(f"{archive.mirror}\n")
    by_list = replace(settings(archive), mirror=f"mirror+file:{places}/debian.list")

    tool = apt.prepare(by_list, "amd64", here)
    debs = apt_resolve.resolve(tool, "3.11", ["curl"])

    assert "debian-security.list" in (tool.folder / "etc/sources.list.d/debian.sources").read_text()
    assert len(apt_fetch.fetch(debs, lambda: tool, here)) == len(debs)
    direct = apt_resolve.resolve(apt.prepare(settings(archive), "amd64", machine(tmp_path)), "3.11", ["curl"])
    assert debs == direct


def test_downloads_wait_for_an_update_of_another_build(archive: Repository, tmp_path: Path) -> None:
    here = machine(tmp_path)
    tool = apt.prepare(settings(archive), "amd64", here)
    debs = apt_resolve.resolve(tool, "3.11", [])
    with ThreadPoolExecutor(1) as pool:
        with tool.alone():
            download = pool.submit(apt_fetch.fetch, debs, lambda: tool, here)
            with pytest.raises(TimeoutError):
                download.result(timeout=0.5)
        assert len(download.result(timeout=60)) == len(debs)


def test_nothing_of_the_host_but_proxies_and_certificates_reaches_apt(archive: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "hook ran"
    conf = tmp_path / "host.conf"
    conf.write_text(
        f'APT::Update::Pre-Invoke {{ "touch \'{marker}\'"; }};\nAcquire::http::Proxy "http://127.0.0.1:9";\n'
    )
    here = Machine(run, Cache(tmp_path / "cache"), Silent(), {**os.environ, "APT_CONFIG": str(conf)}, Path.home())

    tool = apt.prepare(settings(archive), "amd64", here)

    dump = run(["apt-config", "dump"], env={**os.environ, "APT_CONFIG": str(tool.folder / "apt.conf")}).text
    assert not marker.exists()
    assert 'Invoke:: "' not in dump
    assert "/etc/apt" not in dump
    assert oct(tool.folder.stat().st_mode)[-3:] == "700"


def test_a_mistyped_package_and_an_impossible_one_are_told_apart(archive: Repository, tmp_path: Path) -> None:
    tool = apt.prepare(settings(archive), "amd64", machine(tmp_path))

    with pytest.raises(ResolveError, match="no package crul in Debian bookworm for amd64") as caught:
        apt_resolve.resolve(tool, "3.11", ["crul"])
    assert "did you mean curl" in caught.value.hint
    with pytest.raises(ResolveError, match=r"cannot be installed together:\n.*right : Depends: nowhere"):
        apt_resolve.resolve(tool, "3.11", ["right"])
    with pytest.raises(ResolveError, match=r"curl in version 9\.9"):
        apt_resolve.resolve(tool, "3.11", ["curl=9.9"])
    with pytest.raises(ResolveError, match="not the name of a Debian package"):
        apt_resolve.resolve(tool, "3.11", ["-o=Dir::Etc=/"])


def test_a_version_that_vanished_is_named_with_the_way_out(archive: Repository, tmp_path: Path) -> None:
    here = machine(tmp_path)
    tool = apt.prepare(settings(archive), "amd64", here)
    debs = apt_resolve.resolve(tool, "3.11", ["curl"])
    archive.publish(packages(curl="1.0-10"))
    os.utime(tool.folder / "updated", (0, 0))

    with pytest.raises(FetchError, match=r"no longer has curl 1\.0-1") as caught:
        apt_fetch.fetch(debs, lambda: tool, here)
    assert "slimtorch lock --upgrade-os" in caught.value.hint


def test_other_bytes_under_the_same_version_are_refused(archive: Repository, tmp_path: Path) -> None:
    here = machine(tmp_path)
    tool = apt.prepare(settings(archive), "amd64", here)
    debs = apt_resolve.resolve(tool, "3.11", [])
    (pool,) = [path for path in (archive.root / "pool").iterdir() if path.name.startswith("zlib1g")]
    pool.write_bytes(pool.read_bytes()[:-1] + b"!")

    with pytest.raises(VerificationError):
        apt_fetch.fetch(debs, lambda: tool, here)


def test_a_vendored_folder_serves_what_the_archive_lost(archive: Repository, tmp_path: Path) -> None:
    here = machine(tmp_path)
    debs = apt_resolve.resolve(apt.prepare(settings(archive), "amd64", here), "3.11", [])
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    for number, (data, _) in enumerate(packages().values()):
        (vendor / f"{number}.deb").write_bytes(data)

    assert len(apt_fetch.fetch(debs, pytest.fail, here, vendor=vendor)) == len(debs)


def test_a_list_signed_by_another_key_is_refused(archive: Repository, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "o")
    stop(other)
    wrong = Os(suite="bookworm", mirror=archive.mirror, keyring=other.keyring)

    with pytest.raises(FetchError, match="package lists of bookworm could not be fetched"):
        apt.prepare(wrong, "amd64", machine(tmp_path))


def test_offline_without_lists_is_said(archive: Repository, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="offline"):
        apt.prepare(settings(archive), "amd64", machine(tmp_path, offline=True))
