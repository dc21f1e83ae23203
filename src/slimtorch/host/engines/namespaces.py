"""Runs a program in new namespaces. Started as a process of its own by the engine ``unshare``; stdlib and libc only.

Reads one JSON object from its first argument: ``place`` (an empty directory to mount on), ``links``, ``binds``,
``writable``, ``sealed`` (whether the root is read-only), ``uid``, ``gid``, ``workdir``, ``env``, ``argv``, ``parent``
(the process with whose end everything ends). As root no user namespace is made, so that files keep their owners.
Whatever goes wrong before the program starts ends with exit status 125 and one line.

Modules that start slowly (typing, socket, signal) are avoided: each costs 4 to 10 ms of every run.
"""
# ruff: noqa: PTH102, PTH103, PTH123, PTH211, TID251, S108
# pathlib is one of the slow modules; changing the directory is what this process is for; the paths are the container's.

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

# linux/sched.h, linux/mount.h, linux/prctl.h, linux/if.h
NEW_USER, NEW_MOUNT, NEW_UTS, NEW_IPC, NEW_PID, NEW_NET = (
    0x10000000,
    0x00020000,
    0x04000000,
    0x08000000,
    0x20000000,
    0x40000000,
)
NOSUID, NODEV, READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 2, 4, 1, 32, 4096, 16384, 1 << 18
DETACH = 2
SET_PDEATHSIG, CAPBSET_DROP, SET_NO_NEW_PRIVS = 1, 24, 38
SIGKILL = 9
AF_INET, SOCK_DGRAM, SIOCSIFFLAGS, IFF_UP = 2, 2, 0x8914, 1
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
DEVICES = ("null", "zero", "full", "random", "urandom")
FAILED = 125

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    encoded = [text.encode() if text else None for text in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), data.encode() or None), f"cannot mount {target}")


def _unshare(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    flags = NEW_MOUNT | NEW_UTS | NEW_IPC | NEW_PID | NEW_NET
    if outer_uid == 0:
        _checked(_libc.unshare(flags), "cannot make namespaces")
        return
    _checked(_libc.unshare(flags | NEW_USER), "this kernel does not let this user make a user namespace")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{gid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as stream:
            stream.write(text)


def _loopback_up() -> None:
    descriptor = _libc.socket(AF_INET, SOCK_DGRAM, 0)
    fcntl.ioctl(descriptor, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    os.close(descriptor)


def _build(job: dict[str, Any], root: str) -> None:
    _mount("", "/", flags=RECURSIVE | PRIVATE)
    _mount("tmpfs", root, "tmpfs", NOSUID | NODEV, "mode=755")
    for path, target in job["links"]:
        os.symlink(target, root + path)
    for path, source, is_directory in job["binds"]:
        _make_place(root + path, directory=is_directory)
        # Recursive, because a user namespace may not look below what was mounted outside of it.
        _mount(source, root + path, flags=BIND | RECURSIVE)
        sealed = READ_ONLY if job["sealed"] else 0
        _mount("", root + path, flags=REMOUNT | BIND | sealed | NOSUID | NODEV)
    os.makedirs(root + "/proc", exist_ok=True)
    _mount("proc", root + "/proc", "proc", NOSUID | NODEV)
    _devices(root)


def _writable(paths: list[str]) -> None:
    """Fresh folders in the new root, where no link of the image leads out of it; the root is read-only after that."""
    for path in paths:
        os.makedirs(path, exist_ok=True)
        _mount("tmpfs", path, "tmpfs", NOSUID | NODEV, "mode=1777")
    _mount("", "/", flags=REMOUNT | BIND | READ_ONLY | NOSUID | NODEV)


def _make_place(path: str, *, directory: bool) -> None:
    if directory:
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _devices(root: str) -> None:
    os.mkdir(root + "/dev")
    for name in DEVICES:
        _make_place(f"{root}/dev/{name}", directory=False)
        _mount(f"/dev/{name}", f"{root}/dev/{name}", flags=BIND)
    os.mkdir(root + "/dev/shm")
    _mount("tmpfs", root + "/dev/shm", "tmpfs", NOSUID | NODEV, "mode=1777")
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target if name == "fd" else f"/proc/self/{target}", f"{root}/dev/{name}")


def _enter(root: str) -> None:
    """Makes `root` the only root there is: pivot_root(2) onto itself, then the old root is let go."""
    os.chdir(root)
    _checked(_libc.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "cannot change the root")
    _checked(_libc.umount2(b".", DETACH), "cannot leave the old root")
    os.chdir("/")


def _drop(uid: int, gid: int) -> None:
    capability = 0
    while _libc.prctl(CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if (os.getuid(), os.getgid()) != (uid, gid):
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _checked(_libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0), "cannot set no_new_privs")


def _follow() -> None:
    """Asks to be killed when the parent ends. Changing the user or its namespace clears the wish (prctl(2))."""
    _checked(_libc.prctl(SET_PDEATHSIG, SIGKILL, 0, 0, 0), "cannot follow the parent's end")


def _become(job: dict[str, Any], alive: int) -> NoReturn:
    try:
        _follow()
        _loopback_up()
        _build(job, job["place"])
        _enter(job["place"])
        _writable(job["writable"])
        _drop(job["uid"], job["gid"])
        _follow()
        # A parent that ended before that is not told about: its end of the pipe is closed then.
        if _closed(alive):
            os._exit(FAILED)
        os.chdir(job["workdir"])
        _start(job["argv"], job["env"])
    except OSError as error:
        _fail(error)


def _start(argv: list[str], env: dict[str, str]) -> NoReturn:
    """Becomes the program, found as execvp(3) does. os.execvpe would import a module, and this root has other ones."""
    folders = [""] if "/" in argv[0] else [f"{folder}/" for folder in env.get("PATH", "/usr/bin:/bin").split(":")]
    failure: OSError = FileNotFoundError(2, "No such file or directory", argv[0])
    for folder in folders:
        try:
            os.execve(folder + argv[0], argv, env)  # noqa: S606  (no shell is meant)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failure = error
    raise failure


def _closed(descriptor: int) -> bool:
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 1) == b""
    except BlockingIOError:
        return False


def _fail(error: OSError) -> NoReturn:
    place = f": {error.filename}" if error.filename else ""
    sys.stderr.write(f"{error.strerror}{place}\n")
    sys.stderr.flush()
    os._exit(FAILED)


def main() -> None:
    """Ends with the program's exit status, or 128 and the signal that ended it."""
    job = json.loads(sys.argv[1])
    try:
        _unshare(job["uid"], job["gid"])
        _follow()
    except OSError as error:
        _fail(error)
    if os.getppid() != job["parent"]:
        os._exit(FAILED)
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        _become(job, alive)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
