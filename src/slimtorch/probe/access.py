"""Who the service is, and what it may write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind
from slimtorch.inventory.service import natural
from slimtorch.probe import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.findings import Finding
    from slimtorch.inventory.files import Files
    from slimtorch.inventory.service import Service


LARGEST_ID = (1 << 31) - 1
"""User and group ids above are refused by container runtimes (runc, docker)."""


def user(files: Files, service: Service) -> tuple[int, int] | None:
    """User and group id of the image's ``User`` (image-spec, config.md); None where a name is not in /etc/passwd."""
    name, _, group = service.user.partition(":")
    accounts = _table(files, "etc/passwd")
    if not name:
        uid, gid = 0, 0
    elif name.isascii() and name.isdigit():
        if not _is_id(name):
            return None
        uid = int(name)
        gid = next((int(row[3]) for row in accounts if int(row[2]) == uid), 0)
    else:
        row = next((row for row in accounts if row[0] == name), None)
        if row is None:
            return None
        uid, gid = int(row[2]), int(row[3])
    if _is_id(group):
        return uid, int(group)
    if group:
        rows = _table(files, "etc/group")
        return next(((uid, int(row[2])) for row in rows if row[0] == group), None)
    return uid, gid


def _table(files: Files, path: str) -> list[list[str]]:
    rows = [line.split(":") for line in files.text(path).splitlines()]
    return [row for row in rows if len(row) > 3 and _is_id(row[2]) and (path.endswith("group") or _is_id(row[3]))]


def _is_id(text: str) -> bool:
    return 0 <= natural(text) <= LARGEST_ID


def check(files: Files, service: Service) -> Iterator[Finding]:
    """A root user, folders that cannot be written, links that lead nowhere."""
    ids = user(files, service)
    if ids is None:
        yield rules.ROOT_USER.finding(f"the user {service.user!r} is not in the image's /etc/passwd")
    elif ids[0] == 0:
        named = f"as {service.user!r}" if service.user else "as root, because it names no user"
        yield rules.ROOT_USER.finding(f"the image runs {named}")
    for path in service.writable:
        yield from _folder(files, path, ids[0] if ids else None)
    yield from _dangling(files)


def _folder(files: Files, path: str, uid: int | None) -> Iterator[Finding]:
    real = files.real(path)
    if real is None:
        yield rules.WRITABLE.finding("is declared writable and is not in the image", path, rules.WARNING)
        return
    node = files[real] if real else None
    if node is None or node.kind is not Kind.DIRECTORY:
        yield rules.WRITABLE.finding("is declared writable and is no folder of its own", path)
    elif not node.mode & 0o002 and node.uid is not None:
        if node.uid == uid and node.mode & 0o200:
            yield rules.WRITABLE.finding(f"only user {uid} may write here", path, rules.WARNING)
        else:
            yield rules.WRITABLE.finding(f"has mode {node.mode:04o} and belongs to user {node.uid}", path)


def _dangling(files: Files) -> Iterator[Finding]:
    for path, node in files.items():
        if node.kind is Kind.SYMLINK and files.real(path) is None and not _comes_later(node.link):
            yield rules.DANGLING.finding(f"leads to {node.link}, which is not in the image", path)


def _comes_later(link: str) -> bool:
    """Links into what exists only in a running container."""
    return link.startswith(("/proc/", "/dev/", "/sys/", "/run/", "/var/run/"))
