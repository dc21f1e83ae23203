"""runc: the OCI runtime that docker and containerd use, started directly on a bundle (OCI runtime-spec, config.md)."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimtorch.errors import SlimtorchError
from slimtorch.host.engines.layout import of_root
from slimtorch.host.engines.model import Command, Container, Property
from slimtorch.host.engines.trial import trial

if TYPE_CHECKING:
    from slimtorch.host.engines.layout import Layout
    from slimtorch.host.process import Completed, Run

NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
MASKED = ("/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi")


class Runc:
    """Runs ``runc``; only for root, because its rootless mode cannot run as another user id than 0."""

    name = "runc"
    keeps_images = False

    @property
    def proves(self) -> frozenset[Property]:
        """Everything but the image's form."""
        return frozenset(Property) - {Property.IMAGE}

    def obstacle(self, run: Run) -> str:
        """Why ``runc`` cannot be used, found by running ``true`` in it."""
        if os.geteuid() != 0:
            return "it needs root here: rootless, it cannot run the service as its own user id"
        return trial(self, Path("/"), run)

    def adapt(self, command: Command, container: Container) -> Command:
        """The command itself."""
        del container
        return command

    def execute(self, container: Container, run: Run, *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """How the command ended."""
        with tempfile.TemporaryDirectory(prefix="slimtorch-runc-") as scratch:
            bundle, name = Path(scratch, "bundle"), f"slimtorch-{uuid.uuid4().hex}"
            layout = of_root(container.root, container.writable)
            _skeleton(bundle / "rootfs", layout)
            (bundle / "config.json").write_text(json.dumps(configuration(container, layout)), encoding="utf-8")
            runc = ["runc", "--root", str(Path(scratch, "state"))]
            try:
                return run([*runc, "run", "--bundle", str(bundle), name], stdin=stdin, timeout=timeout)
            except BaseException:
                # Also for an interrupt: the container is not a child of ours that would end with us.
                with suppress(SlimtorchError):
                    run([*runc, "delete", "--force", name], timeout=10)
                raise


def _skeleton(rootfs: Path, layout: Layout) -> None:
    rootfs.mkdir(parents=True)
    for path, target in layout.links:
        (rootfs / path[1:]).symlink_to(target)


def configuration(container: Container, layout: Layout) -> dict[str, Any]:
    """The runtime configuration: no capabilities, read-only root, own namespaces, of which the network has only lo."""
    command = container.command
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": container.uid, "gid": container.gid},
            "args": list(command.argv),
            "env": [f"{key}={value}" for key, value in command.env.items()],
            "cwd": command.workdir,
            "capabilities": {kind: [] for kind in ("bounding", "effective", "permitted", "inheritable")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "slimtorch",
        "mounts": [*_system_mounts(), *_binds(layout, container), *map(_tmpfs, container.writable)],
        "linux": {"namespaces": [{"type": kind} for kind in NAMESPACES], "maskedPaths": list(MASKED)},
    }


def _system_mounts() -> list[dict[str, Any]]:
    device = ["nosuid", "strictatime", "mode=755", "size=65536k"]
    shared = ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": device},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": shared},  # noqa: S108  (the container's)
    ]


def _binds(layout: Layout, container: Container) -> list[dict[str, Any]]:
    options = ["rbind", "ro" if container.sealed else "rw", "nosuid", "nodev"]
    return [
        {"destination": path, "type": "bind", "source": source, "options": options} for path, source, _ in layout.binds
    ]


def _tmpfs(path: str) -> dict[str, Any]:
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]}
