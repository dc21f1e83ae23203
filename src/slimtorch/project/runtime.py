"""What a container runtime is told, derived from the project and from what the lock really holds. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slimtorch import __version__
from slimtorch.image.config import HealthCheck, Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.project.facts import TorchFacts
    from slimtorch.project.lock import Lock, LockedPlatform
    from slimtorch.project.model import Health, Project, Service

VENV = PurePosixPath("/opt/venv")
CACHE = PurePosixPath("/cache")
HEALTH_PROBE = PurePosixPath("/usr/lib/slimtorch/health.py")
DEFAULT_START_PERIOD = 60.0
MEASURED_FACTOR = 3
"""A measured start period leaves this much room above the measured load time."""

# Every library that writes next to its code or into HOME by default, and the variable that moves it.
CACHE_FOLDERS = {
    "XDG_CACHE_HOME": "",
    "HF_HOME": "huggingface",
    "TORCH_HOME": "torch",
    "TRITON_CACHE_DIR": "triton",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "CUDA_CACHE_PATH": "nv",
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
}


def interpreter(python: str, pinned: LockedPlatform) -> PurePosixPath:
    """Where the interpreter stands in the image: the distribution's, or the one that the base image has."""
    return PurePosixPath(pinned.base.interpreter if pinned.base else f"/usr/bin/python{python}")


def writable(service: Service) -> tuple[PurePosixPath, ...]:
    """The folders that the service may write to; on a read-only root they are to be mounted as tmpfs."""
    return (PurePosixPath("/tmp"), CACHE, *service.writable)  # noqa: S108  (a path in the image)


def runtime(project: Project, lock: Lock, platform: str, facts: TorchFacts, *, created: int = 0) -> Runtime:
    """How a container of the project's image runs. `created` is in seconds since 1970."""
    service = project.service
    architecture, _, variant = platform.removeprefix("linux/").partition("/")
    return Runtime(
        architecture=architecture,
        variant=variant,
        user=f"{service.uid}:{service.uid}",
        working_dir=str(service.workdir),
        env=_environment(project, facts),
        cmd=service.command,
        ports=(service.port,),
        labels=_labels(project, lock, facts),
        health=_health(service, lock, interpreter(lock.python, lock.platforms[platform])),
        stop_signal=service.stop_signal,
        created=created,
    )


def start_period(health: Health, lock: Lock) -> float:
    """Seconds that a container gets before a failed check counts."""
    if health.start_period is not None:
        return health.start_period
    if lock.load_seconds is None:
        return DEFAULT_START_PERIOD
    return float(max(10, 5 * -(-MEASURED_FACTOR * lock.load_seconds // 5)))


def _health(service: Service, lock: Lock, python: PurePosixPath) -> HealthCheck | None:
    health = service.health
    if health is None:
        return None
    # -I -S: neither the environment nor site-packages can slow the probe down or change what it does.
    probe = (str(python), "-I", "-S", str(HEALTH_PROBE))
    arguments = ("--port", str(service.port), "--path", health.path, "--timeout", f"{health.timeout:g}")
    return HealthCheck(
        (*probe, *arguments), health.interval, health.timeout, start_period(health, lock), health.retries
    )


def _environment(project: Project, facts: TorchFacts) -> dict[str, str]:
    service = project.service
    env = {
        "PATH": f"{VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "VIRTUAL_ENV": str(VENV),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # An arbitrary uid has no passwd entry; getpass and pathlib then ask these.
        "HOME": f"/home/{service.user}",
        "USER": service.user,
        "LOGNAME": service.user,
    }
    if project.app.python_path:
        env["PYTHONPATH"] = ":".join(str(path) for path in project.app.python_path)
    env |= {name: str(CACHE / folder) for name, folder in CACHE_FOLDERS.items()}
    if facts.device.startswith("cuda"):
        # Without both, NVIDIA's runtime does nothing, even as the default runtime.
        env |= {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    return env | dict(service.env)


def _labels(project: Project, lock: Lock, facts: TorchFacts) -> dict[str, str]:
    labels: Mapping[str, str] = {
        "org.opencontainers.image.title": project.image.name,
        "org.opencontainers.image.version": project.image.version,
        "io.slimtorch.version": __version__,
        "io.slimtorch.python": lock.python,
        "io.slimtorch.torch": facts.torch,
        "io.slimtorch.device": facts.device,
        "io.slimtorch.suite": lock.suite,
        "io.slimtorch.writable": ",".join(str(path) for path in writable(project.service)),
    }
    return {name: value for name, value in labels.items() if value} | dict(project.image.labels)
