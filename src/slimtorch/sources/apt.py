"""Debian's apt with a configuration of our own: no root, no hook, and nothing of the host read or changed.

apt-get reads ``APT_CONFIG`` before anything else (apt.conf(5)), so a private ``Dir`` and an empty ``Dir::Etc::parts``
keep the host's configuration out. Signatures are checked by apt against one keyring.
"""

from __future__ import annotations

import re
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import FetchError, MachineError, UsageError
from slimtorch.image import digest as digests
from slimtorch.project.config.system import is_apt_address
from slimtorch.sources import apt_host, suites

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slimtorch.host.machine import Machine
    from slimtorch.host.process import Completed
    from slimtorch.project.model import Os

HOUR = 3600.0
KEYRINGS = ("usr/share/keyrings/debian-archive-keyring.gpg", "usr/share/keyrings/debian-archive-keyring.pgp")
_BESIDE = re.compile(r"/debian(?:-security)?(\.list)?/?$")
"""How addresses of the archive end; a list of mirrors is ``debian.list`` on Debian's own cloud images."""
_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_BROKEN_FETCH = re.compile(r"^[EW]: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Archive:
    """What to read: three addresses, one suite, whether a dated snapshot (whose Valid-Until has passed) is meant."""

    suite: str
    main: str
    updates: str
    security: str
    snapshot: bool = False

    def stanzas(self) -> str:
        """The archive as a deb822 ``.sources`` file."""
        rows = (
            (self.main, self.suite),
            (self.updates, f"{self.suite}-updates"),
            (self.security, f"{self.suite}-security"),
        )
        dated = "Check-Valid-Until: no\n" if self.snapshot else ""
        return "\n".join(f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{dated}" for uri, suite in rows)


@dataclass(frozen=True, slots=True)
class Apt:
    """apt for one archive and one Debian architecture, with its package lists below `folder`."""

    archive: Archive
    architecture: str
    folder: Path
    machine: Machine = field(repr=False, compare=False)

    def get(self, *arguments: str, cwd: Path | None = None) -> Completed:
        """How ``apt-get`` with these arguments ended."""
        return self._tool("apt-get", arguments, cwd)

    def cache(self, *arguments: str) -> Completed:
        """How ``apt-cache`` with these arguments ended."""
        return self._tool("apt-cache", arguments, None)

    def _tool(self, name: str, arguments: Sequence[str], cwd: Path | None) -> Completed:
        env = {
            **self.machine.environ,
            "APT_CONFIG": str(self.folder / "apt.conf"),
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return self.machine.run([name, *arguments], env=env, cwd=cwd)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lets one process at a time use these lists: apt refuses to run beside an update. Not to be nested."""
        with self.machine.cache.lock(f"apt-{self.folder.name}"):
            yield

    @property
    def age(self) -> float:
        """Seconds since the package lists were fetched; infinite when they never were."""
        try:
            return time.time() - (self.folder / "updated").stat().st_mtime
        except FileNotFoundError:
            return float("inf")

    def update(self) -> None:
        """Fetches the package lists; their signatures are checked. The caller is `alone`.

        Raises:
            FetchError: a list could not be had, or its signature is not from the keyring.
        """
        if self.machine.offline:
            raise FetchError(
                f"the package lists of {self.archive.suite} are not in the cache, and this run is offline",
                hint="run once without --offline",
            )
        done = self.get("update", "-q")
        if done.status != 0:
            problems = [redact(match[1]) for match in _BROKEN_FETCH.finditer(done.stderr)] or [redact(done.last_lines)]
            raise FetchError(
                f"the package lists of {self.archive.suite} could not be fetched:\n" + "\n".join(problems[:4]),
                hint="check the mirror (--apt-mirror, [os] mirror), the proxy and the keyring ([os] keyring)",
                temporary=True,
            )
        (self.folder / "updated").touch()


def redact(text: str) -> str:
    """The text without user names and passwords in addresses."""
    return _CREDENTIALS.sub("//", text)


def prepare(os: Os, architecture: str, machine: Machine, *, max_age: float = HOUR) -> Apt:
    """An apt for the project's suite, with package lists not older than `max_age` seconds.

    Mirrors come from the project (or the run's ``--apt-mirror``, put into `os`), else from the host's own sources.
    An offline machine takes the lists it has, however old.

    Raises:
        MachineError: no apt, no keyring or no mirror on this machine.
        FetchError: the package lists could not be fetched.
    """
    host = apt_host.read(machine.run)
    archive = choose_archive(os, host)
    keyring = find_keyring(os)
    configuration = "".join(f'{name} "{value}";\n' for name, value in sorted(host.settings.items()))
    key = digests.of_json([archive.stanzas(), architecture, configuration, keyring.read_bytes().hex()])
    apt = Apt(archive, architecture, machine.cache.root / "apt" / key.hex, machine)
    with apt.alone():
        has_lists = apt.age < float("inf")
        if apt.age > max_age and not (machine.offline and has_lists):
            _write_configuration(apt, configuration, keyring)
            apt.update()
    return apt


def choose_archive(os: Os, host: apt_host.HostApt) -> Archive:
    """Where the suite is read from: the project's mirror, else the host's own mirrors.

    ``mirror`` is one address, or two (the second for the security suite); ``{archive}`` in it stands for ``debian`` and
    ``debian-security``, ``{snapshot}`` for the project's snapshot. An address that ends in ``/debian`` has its
    ``/debian-security`` beside it.

    Raises:
        UsageError: the mirror is no address that apt can read.
        MachineError: neither the project nor the host names a mirror.
    """
    suites.known(os.suite)
    if os.snapshot and "{snapshot}" not in os.mirror:
        raise UsageError(
            "a snapshot needs a mirror address that says where the date goes",
            hint='write [os] mirror = "https://…/{archive}/{snapshot}"',
        )
    if os.mirror:
        first, *rest = os.mirror.replace("{snapshot}", os.snapshot).split()
        main = first.replace("{archive}", "debian")
        security = rest[0] if rest else _security_beside(first)
        return _checked(Archive(os.suite, main, main, security, snapshot=bool(os.snapshot)))
    main = _mirror(host, os.suite, "")
    if not main:
        raise MachineError(
            f"apt on this machine names no Debian mirror, so {os.suite} cannot be read",
            hint="give one with --apt-mirror URL or [os] mirror, or name a base image with [os] base",
        )
    updates = _mirror(host, os.suite, "-updates") or main
    return _checked(Archive(os.suite, main, updates, _mirror(host, os.suite, "-security") or _security_beside(main)))


def find_keyring(os: Os, root: Path = Path("/")) -> Path:
    """The keyring that signatures are checked with.

    Raises:
        MachineError: there is none at the usual places and the project names none.
    """
    if os.keyring:
        if not os.keyring.is_file():
            raise MachineError(f"the keyring {os.keyring} does not exist", hint="correct [os] keyring")
        return os.keyring
    for place in KEYRINGS:
        if (root / place).is_file():
            return root / place
    raise MachineError(
        "Debian's archive keyring is not on this machine, so its packages cannot be trusted",
        hint="install debian-archive-keyring, give [os] keyring, or name a base image with [os] base",
    )


def _mirror(host: apt_host.HostApt, suite: str, kind: str) -> str:
    """The host's address for `suite` + `kind`: what looks most like Debian's archive, then the suite's own line.

    What the host uses for another release of Debian serves this one too.
    """
    names = {name + kind for name in suites.names()} | {suite + kind}
    candidates = [source for source in host.sources if "main" in source.components and source.suite in names]
    ranked = sorted(
        candidates, key=lambda source: (_likeness(source, host), source.suite == suite + kind), reverse=True
    )
    return ranked[0].uri if ranked else ""


def _likeness(source: apt_host.Source, host: apt_host.HostApt) -> int:
    """How much speaks for Debian's own archive; vendors, too, call a suite bookworm and a component main."""
    if "debian-archive-" in source.keyring:
        return 3
    if any(other.uri == source.uri and other.suite.endswith("-updates") for other in host.sources):
        return 2
    return int(not source.keyring and _BESIDE.search(source.uri) is not None)


def _security_beside(main: str) -> str:
    if "{archive}" in main:
        return main.replace("{archive}", "debian-security")
    return _BESIDE.sub(r"/debian-security\1", main)


def _checked(archive: Archive) -> Archive:
    for uri in (archive.main, archive.updates, archive.security):
        if not is_apt_address(uri):
            raise UsageError(
                f"{redact(uri)!r} is not an address that apt can read packages from",
                hint="write http://…, https://…, file:/… or mirror+file:/…",
            )
    return archive


def _write_configuration(apt: Apt, passed_on: str, keyring: Path) -> None:
    folder = apt.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # addresses may hold passwords
    for part in (
        "etc/parts",
        "etc/sources.list.d",
        "etc/preferences.d",
        "etc/trusted.gpg.d",
        "state/lists/partial",
        "cache/archives/partial",
        "log",
    ):
        (folder / part).mkdir(parents=True, exist_ok=True)
    armoured = keyring.read_bytes().startswith(b"-----BEGIN")
    shutil.copyfile(keyring, folder / "etc/trusted.gpg.d" / ("debian.asc" if armoured else "debian.gpg"))
    (folder / "etc/sources.list.d/debian.sources").write_text(apt.archive.stanzas())
    (folder / "status").touch()
    (folder / "apt.conf").write_text(_CONFIGURATION.format(dir=folder, architecture=apt.architecture) + passed_on)


# Sandbox::User root: apt drops root's rights to that user, so it keeps them and needs no chown of our folder; for any
# other user it changes nothing. Error-Mode any: a list that cannot be had must not be passed over.
_CONFIGURATION = """\
Dir "{dir}";
Dir::Etc "{dir}/etc";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "{dir}/etc/parts";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{dir}/etc/sources.list.d";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "{dir}/etc/trusted.gpg.d";
Dir::State "{dir}/state";
Dir::State::status "{dir}/status";
Dir::Cache "{dir}/cache";
Dir::Log "{dir}/log";
Dir::Bin::methods "/usr/lib/apt/methods";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::ForceHash "sha256";
Acquire::Retries "3";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::PDiffs "false";
"""
