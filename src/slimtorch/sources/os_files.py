"""The operating system's files that no package brings: users, names of the system, links of merged /usr, mount points.

Everything here is owned by ``slimtorch``. /etc/hosts and /etc/resolv.conf are left out: engines mount their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from slimtorch.errors import ConfigError
from slimtorch.image.tree import Entry, FileTree, directory, small_file, symlink
from slimtorch.sources import suites
from slimtorch.sources.deb_tree import GENERATED, MERGED

NOBODY = 65534
MOUNT_POINTS = ("dev", "proc", "run", "sys")
"""Folders that an engine mounts something on; an image without them cannot run with a read-only root."""


HOME = PurePosixPath("/home/app")


@dataclass(frozen=True, slots=True)
class User:
    """The service's user; its group has the same name and number. uid 0 is root itself."""

    name: str = "app"
    uid: int = 1000
    home: PurePosixPath = HOME


def tree(shipped: FileTree, suite: str, python: str, user: User) -> FileTree:
    """What has to be added to `shipped` (all packages, with their scripts replayed); never a path that is in it.

    Raises:
        ConfigError: the user's name or number is one that the system uses itself.
    """
    entries = [
        *_users(user),
        *_system(suite),
        *_loader(shipped),
        *_folders(user),
        *_merged(shipped),
    ]
    if f"usr/bin/python{python}" in shipped:
        entries.append(symlink("usr/bin/python3", f"python{python}", GENERATED))
    return FileTree(entry for entry in entries if entry.path not in shipped)


def _users(user: User) -> list[Entry]:
    _check(user)
    passwd = [
        "root:x:0:0:root:/root:/usr/sbin/nologin",
        f"nobody:x:{NOBODY}:{NOBODY}:nobody:/nonexistent:/usr/sbin/nologin",
    ]
    group = ["root:x:0:", f"nogroup:x:{NOBODY}:"]
    if user.uid:
        passwd.insert(1, f"{user.name}:x:{user.uid}:{user.uid}:{user.name}:{user.home}:/usr/sbin/nologin")
        group.insert(1, f"{user.name}:x:{user.uid}:")
    return [
        small_file("etc/passwd", "".join(f"{line}\n" for line in passwd).encode(), GENERATED),
        small_file("etc/group", "".join(f"{line}\n" for line in group).encode(), GENERATED),
    ]


def _check(user: User) -> None:
    taken = {"root": 0, "nobody": NOBODY, "nogroup": NOBODY}
    problems = []
    if user.name in taken and taken[user.name] != user.uid:
        problems.append(f"service.user: {user.name} has the number {taken[user.name]}, not {user.uid}")
    if user.uid in taken.values() and user.name not in taken:
        problems.append(f"service.uid: {user.uid} belongs to another user than {user.name}")
    if any(character in f"{user.name}{user.home}" for character in ":\n"):
        problems.append("service.user: a name holds no ':' and no line break")
    if problems:
        raise ConfigError("slimtorch.toml", problems)


def _system(suite: str) -> list[Entry]:
    """os-release(5) as base-files has it for the suite; /etc/debian_version without the point release, which moves."""
    version = suites.known(suite)["version"]
    release = (
        f'PRETTY_NAME="Debian GNU/Linux {version} ({suite})"\n'
        'NAME="Debian GNU/Linux"\n'
        f'VERSION_ID="{version}"\n'
        f'VERSION="{version} ({suite})"\n'
        f"VERSION_CODENAME={suite}\n"
        "ID=debian\n"
    )
    switch = (
        "passwd:    files\ngroup:     files\nshadow:    files\nhosts:     files dns\nnetworks:  files\n"
        "protocols: files\nservices:  files\nethers:    files\nrpc:       files\n"
    )
    return [
        small_file("usr/lib/os-release", release.encode(), GENERATED),
        symlink("etc/os-release", "../usr/lib/os-release", GENERATED),
        small_file("etc/debian_version", f"{version}\n".encode(), GENERATED),
        small_file("etc/nsswitch.conf", switch.encode(), GENERATED),
    ]


def _loader(shipped: FileTree) -> list[Entry]:
    """ld.so.conf, for those who make a cache in a container; the loader needs neither for /usr/lib."""
    folder = [] if "etc/ld.so.conf.d" in shipped else [directory("etc/ld.so.conf.d", GENERATED)]
    return [small_file("etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n", GENERATED), *folder]


def _folders(user: User) -> list[Entry]:
    found = [directory(path, GENERATED) for path in (*MOUNT_POINTS, "etc", "usr", "var", "home")]
    found += [directory("root", GENERATED, mode=0o700)]
    found += [directory(path, GENERATED, mode=0o1777) for path in ("tmp", "var/tmp")]
    home = str(user.home).strip("/")
    if user.uid and home:
        found.append(directory(home, GENERATED, mode=0o755, uid=user.uid, gid=user.uid))
    return found


def _merged(shipped: FileTree) -> list[Entry]:
    """Links for the folders that exist below /usr; /bin and /sbin always, because programs are looked up there."""
    always = {"bin", "sbin", "lib"}
    present = [name for name in MERGED if name in always or any(path.startswith(f"usr/{name}/") for path in shipped)]
    folders = [directory(f"usr/{name}", GENERATED) for name in present]
    return [*folders, *(symlink(name, f"usr/{name}", GENERATED) for name in present)]
