"""How an image says that it wants to be run: the part of its configuration that a container runtime obeys."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WRITABLE_LABEL = "io.slimtorch.writable"
PYTHON_LABEL = "io.slimtorch.python"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TEMPORARY = "/tmp"  # noqa: S108  (a path in the image)
CACHE_VARIABLES = (
    "XDG_CACHE_HOME",
    "HF_HOME",
    "TORCH_HOME",
    "TRITON_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "CUDA_CACHE_PATH",
    "MPLCONFIGDIR",
    "NUMBA_CACHE_DIR",
    "TMPDIR",
)
"""Variables that name a folder which some library writes to."""


@dataclass(frozen=True, slots=True)
class Service:
    """The run configuration of an image. `health` is exec form; times in seconds; `port` 0 means none is exposed."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str = "/"
    user: str = ""
    port: int = 0
    health: tuple[str, ...] = ()
    health_timeout: float = 3
    stop_signal: int = signal.SIGTERM
    writable: tuple[str, ...] = (TEMPORARY,)
    architecture: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where programs are looked up."""
        return self.env.get("PATH", DEFAULT_PATH)

    @property
    def caches(self) -> tuple[str, ...]:
        """The folders that must be writable: those of the label, and those that variables of libraries name."""
        named = [self.env[name] for name in CACHE_VARIABLES if self.env.get(name, "").startswith("/")]
        return tuple(dict.fromkeys([*self.writable, *named]))


def of_settings(settings: Mapping[str, Any]) -> Service:
    """The run configuration in an OCI image configuration (image-spec, config.md); malformed is absent."""
    config = settings.get("config")
    config = config if isinstance(config, dict) else {}
    labels = {str(key): str(value) for key, value in _mapping(config.get("Labels")).items()}
    check = _mapping(config.get("Healthcheck"))
    return Service(
        argv=(*_strings(config.get("Entrypoint")), *_strings(config.get("Cmd"))),
        env=_environment(config.get("Env")),
        workdir=str(config.get("WorkingDir") or "/"),
        user=str(config.get("User") or ""),
        port=_port(config.get("ExposedPorts")),
        health=_health(_strings(check.get("Test"))),
        health_timeout=_seconds(check.get("Timeout")) or 30,
        stop_signal=_signal(config.get("StopSignal")),
        writable=_writable(labels.get(WRITABLE_LABEL, "")),
        architecture=str(settings.get("architecture") or ""),
        labels=labels,
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _environment(value: object) -> dict[str, str]:
    pairs = (item.partition("=") for item in _strings(value))
    return {"PATH": DEFAULT_PATH, **{name: text for name, _, text in pairs if name}}


def _port(value: object) -> int:
    numbers = [name.partition("/")[0] for name in _mapping(value) if not name.endswith("/udp")]
    found = sorted(int(number) for number in numbers if number.isascii() and number.isdigit())
    return found[0] if found and found[0] < 1 << 16 else 0


def _health(test: tuple[str, ...]) -> tuple[str, ...]:
    if not test or test[0] == "NONE":
        return ()
    return ("/bin/sh", "-c", *test[1:]) if test[0] == "CMD-SHELL" else test[1:]


def _seconds(value: object) -> float:
    return value / 1e9 if isinstance(value, int) else 0


def _signal(value: object) -> int:
    text = str(value or "SIGTERM")
    if text.isascii() and text.isdigit():
        return int(text)
    found = signal.Signals.__members__.get(text if text.startswith("SIG") else f"SIG{text}")
    return int(found or signal.SIGTERM)


def _writable(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([TEMPORARY, *(path for path in text.split(",") if path.startswith("/"))]))
