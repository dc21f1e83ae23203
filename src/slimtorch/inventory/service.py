"""How an image says that it wants to be run: the part of its configuration that a container runtime obeys."""

from __future__ import annotations

import posixpath
import re
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
MADE = ("/proc/", "/dev/", "/sys/")
"""Folders that are the runtime's own."""
LONGEST = 600.0
"""Seconds; a longer time-out of a health check counts as this one."""
_REAL_TIME = re.compile(r"(?:SIG)?RT(?:MIN(?:\+(\d{1,2}))?|MAX(?:-(\d{1,2}))?)")


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
    labels = {key: text for key, value in _mapping(config.get("Labels")).items() if (text := _text(value))}
    check = _mapping(config.get("Healthcheck"))
    return Service(
        argv=(*_strings(config.get("Entrypoint")), *_strings(config.get("Cmd"))),
        env=_environment(config.get("Env")),
        workdir=_absolute(_text(config.get("WorkingDir"))),
        user=_text(config.get("User")),
        port=_port(config.get("ExposedPorts")),
        health=_health(_strings(check.get("Test"))),
        health_timeout=_seconds(check.get("Timeout")) or 30,
        stop_signal=_signal(config.get("StopSignal")),
        writable=_writable(labels.get(WRITABLE_LABEL, "")),
        architecture=_text(settings.get("architecture")),
        labels=labels,
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """The text that a process can be given: no NUL, and nothing that UTF-8 cannot write."""
    if not isinstance(value, str) or "\0" in value:
        return ""
    return value.encode(errors="replace").decode()


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(item == "" or _text(item) for item in value):
        return ()
    return tuple(_text(item) for item in value)


def _environment(value: object) -> dict[str, str]:
    rows = value if isinstance(value, list) else []
    pairs = (_text(item).partition("=") for item in rows)
    found = {name: text for name, _, text in pairs if name}
    return found if "PATH" in found else {**found, "PATH": DEFAULT_PATH}


def _absolute(path: str) -> str:
    """The path as seen from the root, without steps upwards; ``//`` at the front is one slash."""
    return "/" + posixpath.normpath(f"/{path}").lstrip("/")


def _port(value: object) -> int:
    numbers = [name.partition("/")[0] for name in _mapping(value) if not name.endswith("/udp")]
    found = sorted(port for number in numbers if 0 < (port := natural(number)) < 1 << 16)
    return found[0] if found else 0


def natural(text: str) -> int:
    """The number that `text` writes in at most 10 decimal digits, or -1."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1


def _health(test: tuple[str, ...]) -> tuple[str, ...]:
    if not test or test[0] == "NONE":
        return ()
    return ("/bin/sh", "-c", *test[1:]) if test[0] == "CMD-SHELL" else test[1:]


def _seconds(value: object) -> float:
    if not isinstance(value, int) or value <= 0:
        return 0
    return min(value, int(LONGEST * 1e9)) / 1e9


def _signal(value: object) -> int:
    """The signal of that number or name; real-time ones as ``SIGRTMIN+n`` and ``SIGRTMAX-n``."""
    text = _text(value)
    if 0 < natural(text) < signal.NSIG:
        return int(text)
    if match := _REAL_TIME.fullmatch(text):
        number = signal.SIGRTMAX - int(match[2] or 0) if "MAX" in text else signal.SIGRTMIN + int(match[1] or 0)
        return int(number) if signal.SIGRTMIN <= number <= signal.SIGRTMAX else signal.SIGTERM
    found = signal.Signals.__members__.get(text if text.startswith("SIG") else f"SIG{text}")
    return int(found or signal.SIGTERM)


def signal_name(number: int) -> str:
    """The signal as people write it: ``SIGTERM``, ``SIGRTMIN+3``."""
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    known = {int(member): member.name for member in signal.Signals}
    return known.get(number, f"signal {number}")


def _writable(text: str) -> tuple[str, ...]:
    """What the label names and may be mounted over: not the root, nothing of the runtime's, no way upwards."""
    named = [_absolute(path) for path in text.split(",") if path.startswith("/") and ".." not in path.split("/")]
    own = [path for path in named if path != "/" and not f"{path}/".startswith(MADE)]
    return tuple(dict.fromkeys([TEMPORARY, *own]))
