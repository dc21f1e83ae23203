"""What a container runtime is told: the OCI image configuration (image-spec, config.md) as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Docker's HEALTHCHECK, which OCI passes on; times in seconds. `test` is exec form, without the leading ``CMD``."""

    test: tuple[str, ...]
    interval: float = 30
    timeout: float = 3
    start_period: float = 60
    retries: int = 3

    def to_json(self) -> dict[str, Any]:
        """The check as the image configuration writes it (nanoseconds)."""
        return {
            "Test": ["CMD", *self.test],
            "Interval": round(self.interval * NANOSECONDS),
            "Timeout": round(self.timeout * NANOSECONDS),
            "StartPeriod": round(self.start_period * NANOSECONDS),
            "Retries": self.retries,
        }


@dataclass(frozen=True, slots=True)
class Runtime:
    """How a container of the image runs. `created` is seconds since 1970, so that equal input gives equal bytes."""

    architecture: str
    user: str
    working_dir: str
    env: Mapping[str, str]
    cmd: tuple[str, ...]
    entrypoint: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    health: HealthCheck | None = None
    stop_signal: str = "SIGTERM"
    created: int = 0
    variant: str = ""

    @property
    def created_text(self) -> str:
        """`created` as RFC 3339."""
        return datetime.fromtimestamp(self.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def to_json(self) -> dict[str, Any]:
        """The image configuration without ``rootfs`` and ``history``, which the layers decide."""
        config: dict[str, Any] = {
            "User": self.user,
            "WorkingDir": self.working_dir,
            "Env": [f"{key}={value}" for key, value in self.env.items()],
            "Cmd": list(self.cmd),
            "StopSignal": self.stop_signal,
            "Labels": dict(sorted(self.labels.items())),
        }
        if self.entrypoint:
            config["Entrypoint"] = list(self.entrypoint)
        if self.ports:
            config["ExposedPorts"] = {f"{port}/tcp": {} for port in self.ports}
        if self.health:
            config["Healthcheck"] = self.health.to_json()
        platform = {"architecture": self.architecture, "os": "linux"}
        if self.variant:
            platform["variant"] = self.variant
        return {**platform, "created": self.created_text, "config": config}
