from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import MachineError, ResolveError, UsageError
from slimtorch.host.process import Completed
from slimtorch.project.model import Os
from slimtorch.sources import apt, apt_host, suites
from slimtorch.sources.apt_host import HostApt, Source

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
DUMP = """\
Dir "/";
Dir::Etc "etc/apt";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::sourceparts "sources.list.d";
APT::Update::Post-Invoke:: "rm -rf /";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::Proxy::inside.example "DIRECT";
Acquire::https::CAInfo "/etc/ssl/own.pem";
Acquire::https::SslKey "/root/key";
Acquire::Check-Valid-Until "false";
"""


def dumped(argv: list[str], **_: Any) -> Completed:
    return Completed(tuple(argv), 0, DUMP.encode(), "")


def test_one_line_and_deb822_sources_are_read_and_nothing_but_proxies_and_certificates_passed_on(
    tmp_path: Path,
) -> None:
    parts = tmp_path / "etc/apt/sources.list.d"
    parts.mkdir(parents=True)
    (parts / "debian.sources").write_text(DEB822)
    (parts / "debian.sources.save").write_text(DEB822.replace("mirror", "saved"))
    (tmp_path / "etc/apt/sources.list").write_text(
        "# deb http://old.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] https://one.example/debian trixie main # trailing\n"
        "deb-src https://one.example/debian trixie main\n"
    )

    host = apt_host.read(dumped, tmp_path)

    assert host.sources == (
        Source("https://one.example/debian", "trixie", ("main",), "/k.gpg"),
        Source("http://mirror.example/debian", "bookworm", ("main", "contrib"), KEYRING),
        Source("http://mirror.example/debian", "bookworm-updates", ("main", "contrib"), KEYRING),
        Source("http://mirror.example/debian-security", "bookworm-security", ("main",)),
    )
    assert host.settings == {
        "Acquire::http::Proxy": "http://proxy.example:3128",
        "Acquire::https::Proxy::inside.example": "DIRECT",
        "Acquire::https::CAInfo": "/etc/ssl/own.pem",
    }


def test_a_machine_without_apt_is_told_to_name_a_base() -> None:
    def missing(argv: list[str], **_: Any) -> Completed:
        raise MachineError(f"{argv[0]} is not installed on this machine")

    with pytest.raises(MachineError, match="apt is not installed") as caught:
        apt_host.read(missing)
    assert "[os] base" in caught.value.hint


HOST = HostApt(
    (
        Source("https://vendor.example/tools", "bookworm", ("stable",)),
        Source("http://a.example/debian", "bookworm", ("main",)),
        Source("http://b.example/security", "bookworm-security", ("main",)),
    )
)


def test_the_host_mirror_serves_the_suite_and_another_release_too() -> None:
    here = apt.choose_archive(Os(suite="bookworm"), HOST)
    other = apt.choose_archive(Os(suite="trixie"), HOST)

    assert (here.main, here.updates, here.security) == (
        "http://a.example/debian",
        "http://a.example/debian",
        "http://b.example/security",
    )
    assert (other.main, other.security) == (here.main, here.security)
    assert "Suites: trixie-security\n" in other.stanzas()


CLOUD = "mirror+file:/etc/apt/mirrors"
VENDORS = (
    Source("https://packages.example/repos/azure-cli", "bookworm", ("main",), "/etc/apt/keyrings/vendor.gpg"),
    Source("https://apt.example", "bookworm", ("main",), "/usr/share/keyrings/hashi-archive-keyring.gpg"),
    Source("https://packages.example/runner/debian", "bookworm", ("main",), "/usr/share/keyrings/runner.gpg"),
)


@pytest.mark.parametrize(
    "debian",
    [
        (Source("http://d.example/pool1", "bookworm", ("main",), KEYRING),),
        (
            Source("http://d.example/pool1", "bookworm", ("main",)),
            Source("http://d.example/pool1", "bookworm-updates", ("main",)),
        ),
        (Source("http://d.example/debian/", "bookworm", ("main",)),),
        (Source("http://d.example/pool1", "trixie", ("main",), KEYRING),),
        (Source(f"{CLOUD}/debian.list", "bookworm", ("main",)),),
    ],
)
def test_a_vendors_archive_is_not_taken_for_debians(debian: tuple[Source, ...]) -> None:
    found = apt.choose_archive(Os(), HostApt((*VENDORS, *debian)))

    assert {found.main, found.updates} == {debian[0].uri}
    assert "packages.example" not in found.security


def test_an_archive_without_any_mark_is_better_than_none() -> None:
    own = HostApt((Source("http://in.example/bookworm", "bookworm", ("main",)),))
    assert apt.choose_archive(Os(), own).main == "http://in.example/bookworm"


def test_debians_cloud_images_name_lists_of_mirrors() -> None:
    sources = (
        Source(f"{CLOUD}/debian.list", "bookworm", ("main",)),
        Source(f"{CLOUD}/debian.list", "bookworm-updates", ("main",)),
        Source(f"{CLOUD}/debian-security.list", "bookworm-security", ("main",)),
    )
    found = apt.choose_archive(Os(), HostApt(sources))
    assert (found.main, found.updates) == (f"{CLOUD}/debian.list", f"{CLOUD}/debian.list")
    assert found.security == f"{CLOUD}/debian-security.list"
    assert apt.choose_archive(Os(), HostApt(sources[:1])).security == f"{CLOUD}/debian-security.list"


@pytest.mark.parametrize(
    ("mirror", "snapshot", "main", "security"),
    [
        (
            "mirror+https://m.example/debian.list",
            "",
            "mirror+https://m.example/debian.list",
            "mirror+https://m.example/debian-security.list",
        ),
        ("copy:/srv/all", "", "copy:/srv/all", "copy:/srv/all"),
        ("http://m.example/debian", "", "http://m.example/debian", "http://m.example/debian-security"),
        ("file:/srv/all", "", "file:/srv/all", "file:/srv/all"),
        ("http://m.example/d http://m.example/s", "", "http://m.example/d", "http://m.example/s"),
        (
            "https://s.example/{archive}/{snapshot}/",
            "20250520T000000Z",
            "https://s.example/debian/20250520T000000Z/",
            "https://s.example/debian-security/20250520T000000Z/",
        ),
    ],
)
def test_a_mirror_of_the_project_wins(mirror: str, snapshot: str, main: str, security: str) -> None:
    archive = apt.choose_archive(Os(mirror=mirror, snapshot=snapshot), HOST)

    assert (archive.main, archive.security) == (main, security)
    assert ("Check-Valid-Until: no" in archive.stanzas()) == bool(snapshot)


def test_a_mirror_that_is_no_address_or_a_snapshot_without_a_place_is_refused() -> None:
    with pytest.raises(UsageError, match="not an address"):
        apt.choose_archive(Os(mirror="ftp://m.example/debian"), HOST)
    with pytest.raises(UsageError, match="not an address") as caught:
        apt.choose_archive(Os(mirror="nonsense://user:secret@m.example/debian"), HOST)
    assert "secret" not in caught.value.message
    with pytest.raises(UsageError, match="snapshot"):
        apt.choose_archive(Os(snapshot="20250520T000000Z"), HOST)


def test_a_host_without_a_debian_mirror_or_keyring_is_told_the_way_out(tmp_path: Path) -> None:
    ubuntu = HostApt((Source("http://archive.example/ubuntu", "jammy", ("main",)),))
    with pytest.raises(MachineError, match="no Debian mirror") as caught:
        apt.choose_archive(Os(), ubuntu)
    assert "--apt-mirror" in caught.value.hint
    with pytest.raises(MachineError, match="keyring is not on this machine") as caught:
        apt.find_keyring(Os(), tmp_path)
    assert "[os] base" in caught.value.hint


def test_suites_and_pythons_have_to_agree() -> None:
    suites.check_python("bookworm", "3.11.9")
    with pytest.raises(ResolveError, match=r"bookworm packages Python 3\.11.*3\.13") as caught:
        suites.check_python("bookworm", "3.13")
    assert 'suite = "trixie"' in caught.value.hint
    with pytest.raises(ResolveError, match="does not know") as caught:
        suites.known("bookwrom")
    assert "bookworm" in caught.value.hint
