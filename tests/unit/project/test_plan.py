"""Plans are stable: what is equal stays equal, what changes is seen."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath

import pytest

from slimtorch.errors import LockError
from slimtorch.image.digest import of_bytes
from slimtorch.project.lock import Lock, LockedDeb, LockedPlatform, LockedWheel
from slimtorch.project.model import (
    App,
    Check,
    Health,
    Layering,
    Naming,
    Os,
    Project,
    Requirements,
    Service,
    Sources,
    Torch,
)
from slimtorch.project.plan import group, plan

PLATFORM = "linux/amd64"


def wheel(name: str, size: int, version: str = "1") -> LockedWheel:
    filename = f"{name}-{version}-py3-none-any.whl"
    return LockedWheel(name, version, filename, of_bytes(filename.encode()), size)


def deb(name: str) -> LockedDeb:
    return LockedDeb(name, "1", "amd64", f"{name}_1_amd64.deb", of_bytes(name.encode()), 10, "bookworm")


PINNED = LockedPlatform(
    (wheel("torch", 190_000_000, "2.13.0+cpu"), wheel("click", 100_000), wheel("numpy", 17_000_000)),
    (deb("libc6"), deb("python3.11-minimal"), deb("libpython3.11-stdlib")),
)


def make_project(**changes: object) -> Project:
    project = Project(
        root=Path("service"),
        config_path=Path("service/slimtorch.toml"),
        python="3.11",
        platforms=(PLATFORM,),
        requirements=Requirements(inline=("torch",)),
        sources=Sources(),
        app=App(python_path=(PurePosixPath("/app"),)),
        os=Os(),
        torch=Torch(),
        service=Service(("python", "serve.py")),
        check=Check(),
        image=Naming("digits", "1.0"),
        layers=Layering(),
    )
    return dataclasses.replace(project, **changes)  # type: ignore[arg-type]


def make_lock(pinned: LockedPlatform = PINNED, load_seconds: float | None = None) -> Lock:
    return Lock(of_bytes(b"intent"), "3.11", "bookworm", {PLATFORM: pinned}, load_seconds)


def names(pinned: LockedPlatform, budget: int = 12) -> dict[str, tuple[str, ...]]:
    return {layer.name: layer.owners for layer in group(pinned, budget)}


def test_large_wheels_have_layers_of_their_own() -> None:
    assert names(PINNED) == {
        "os": ("deb:libc6=1",),
        "python": ("deb:python3.11-minimal=1", "deb:libpython3.11-stdlib=1"),
        "torch": ("wheel:torch==2.13.0+cpu",),
        "numpy": ("wheel:numpy==1",),
        "packages": ("wheel:click==1",),
        "system": ("slimtorch",),
    }


def test_the_budget_bounds_the_layers() -> None:
    many = LockedPlatform(tuple(wheel(f"large{n:02}", 20_000_000 + n) for n in range(30)), PINNED.debs)
    layers = group(many, 10)
    assert len(layers) + 2 == 10  # weights and app come on top
    assert [layer.name for layer in layers[2:6]] == ["large29", "large28", "large27", "large26"]


def test_another_package_leaves_the_large_layers_alone() -> None:
    more = LockedPlatform((*PINNED.wheels, wheel("pillow", 9_000_000), wheel("tiny", 10)), PINNED.debs)
    before, after = names(PINNED), names(more)
    assert before["torch"] == after["torch"]
    assert before["numpy"] == after["numpy"]


def test_ports_do_not_change_the_stack_and_wheels_do() -> None:
    first = plan(make_project(), make_lock(), PLATFORM)
    other_port = plan(make_project(service=Service(("python", "serve.py"), port=9000)), make_lock(), PLATFORM)
    assert first.stack_digest == other_port.stack_digest
    assert first.digest != other_port.digest
    fewer = LockedPlatform(PINNED.wheels[:2], PINNED.debs)
    assert plan(make_project(), make_lock(fewer), PLATFORM).stack_digest != first.stack_digest


def test_an_unlocked_platform_is_said() -> None:
    with pytest.raises(LockError, match="nothing for linux/arm64"):
        plan(make_project(), make_lock(), "linux/arm64")


def test_the_runtime_is_told_what_the_project_says() -> None:
    runtime = plan(make_project(), make_lock(), PLATFORM).runtime
    config = runtime.to_json()["config"]
    assert runtime.user == "1000:1000"
    assert config["ExposedPorts"] == {"8000/tcp": {}}
    assert config["Healthcheck"]["Test"][:4] == ["CMD", "/usr/bin/python3.11", "-I", "-S"]
    assert config["Healthcheck"]["StartPeriod"] == 60_000_000_000
    assert "HF_HOME=/cache/huggingface" in config["Env"]
    assert "NVIDIA_VISIBLE_DEVICES=all" not in config["Env"]
    assert runtime.labels["io.slimtorch.torch"] == "2.13.0"


def test_a_cuda_image_asks_for_the_gpu() -> None:
    cuda = LockedPlatform((wheel("torch", 500_000_000, "2.9.0+cu128"),), PINNED.debs)
    env = plan(make_project(), make_lock(cuda), PLATFORM).runtime.env
    assert env["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert env["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"


@pytest.mark.parametrize(("load", "expected"), [(None, 60), (1.2, 10), (7.0, 25), (45, 135)])
def test_a_measured_start_period_leaves_room(load: float | None, expected: int) -> None:
    service = Service(("python", "serve.py"), health=Health(start_period=None))
    health = plan(make_project(service=service), make_lock(load_seconds=load), PLATFORM).runtime.health
    assert health is not None
    assert health.start_period == expected


def test_a_service_without_a_health_check_has_none() -> None:
    service = Service(("python", "serve.py"), health=None)
    assert "Healthcheck" not in plan(make_project(service=service), make_lock(), PLATFORM).runtime.to_json()["config"]
