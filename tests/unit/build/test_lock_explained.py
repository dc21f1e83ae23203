"""Refusals and refreshes explained from the metadata of wheels that lie on a local index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.build import lock_changes, torch_device
from slimtorch.build.cuda_explained import explained
from slimtorch.build.torch_device import Undeclared
from slimtorch.errors import LockError
from slimtorch.host.machine import Machine
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.image.digest import of_bytes
from slimtorch.project import lock_file
from slimtorch.project.config import load
from slimtorch.project.declared import PRODUCTION, read
from slimtorch.project.lock import Lock, LockedPlatform
from slimtorch.sources import downloads
from slimtorch.sources.cuda_error import CudaError
from tests.support.place import ARM, X86, Place
from tests.support.projects import write
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.project.declared import Declared
    from slimtorch.project.model import Project
    from slimtorch.sources.request import Request

CONFIG = '{top}[service]\ncommand = ["python", "serve.py"]\n'
ON_X86 = 'nvidia-cublas>=13; platform_system == "Linux" and platform_machine == "x86_64"'
ON_LINUX = 'nvidia-cublas>=13; platform_system == "Linux"'


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An index where torch 2.12 dropped a marker that 2.10 had."""
    found = Place(tmp_path)
    for tag in (X86, ARM):
        make_wheel(found.made, "nvidia-cublas", "13.1", {"lib.so": "x" * 3_000}, tag=tag)
        make_wheel(found.made, "torch", "2.10.0", tag=tag, requires=[ON_X86])
        make_wheel(found.made, "torch", "2.12.0", tag=tag, requires=[ON_LINUX])
    found.on_index()
    return found


def project(place: Place, top: str = "", **files: str) -> Project:
    given = {"serve.py": "import torch\n", "requirements.txt": "torch\n", "slimtorch.toml": CONFIG.format(top=top)}
    write(place.root, given | {name.replace("__", "."): text for name, text in files.items()})
    return load(place.root)


def machine(place: Place) -> Machine:
    return Machine(run, place.cache, Silent(), place.environ, place.root.parent)


def lock(place: Place, line: str, device: str = "") -> Lock:
    """A lock for 64-bit ARM."""
    asked = place.request(line, platform="linux/arm64")
    found = place.resolve(asked)
    downloads.remember(found, place.cache)
    return Lock(of_bytes(b""), "3.11", "bookworm", {"linux/arm64": LockedPlatform(found.wheels)}, device=device)


def declared(one: Project) -> tuple[Declared, ...]:
    return read(one.root, one.requirements).of(PRODUCTION)


# -- a refresh ---------------------------------------------------------------------------------------------------


def test_a_refresh_that_brings_cuda_is_explained_by_the_dropped_marker(place: Place) -> None:
    old, new = lock(place, "torch==2.10"), lock(place, "torch==2.12")
    indexes = place.request("torch").indexes
    found = lock_changes.explained(project(place), old, new, indexes, machine(place))["linux/arm64"]
    assert "torch 2.10.0 → 2.12.0 changed its arm64 marker" in found.summary
    assert [row.name for row in found.rows if not row.old] == ["nvidia-cublas"]
    assert 'platform_machine == "x86_64" was not so here' in found.causes[0].detail


def test_without_the_old_wheel_its_metadata_is_not_at_hand(place: Place) -> None:
    old, new = lock(place, "torch==2.10"), lock(place, "torch==2.12")
    for path in (place.index / "files").glob("torch-2.10*"):
        path.unlink()
    indexes = place.request("torch").indexes
    found = lock_changes.explained(project(place), old, new, indexes, machine(place))["linux/arm64"]
    assert found.causes[0].detail.endswith("its old metadata is not at hand")


def test_sizes_are_compared_without_reading_a_wheel(place: Place) -> None:
    old, new = lock(place, "torch==2.10"), lock(place, "torch==2.12")
    for path in (place.index / "files").iterdir():
        path.unlink()
    (found,) = lock_changes.changes(old, new).values()
    assert (len(found.rows), found.causes) == (2, ())
    assert lock_changes.changes(new, new) == {}


# -- a refusal ---------------------------------------------------------------------------------------------------


def refusal(place: Place, one: Project, request: Request) -> str:
    with pytest.raises(CudaError) as caught:
        place.resolve(request)
    return explained(caught.value, request, declared(one), place.tools, machine(place)).message


def test_the_refusal_names_the_line_the_requirement_and_the_marker(place: Place) -> None:
    one = project(place, requirements__txt="# the model\nfastapi\ntorch>=2\n")
    make_wheel(place.made, "fastapi")
    place.on_index()
    request = place.request(requirements=one.requirements, device="cpu", platform="linux/arm64")
    assert refusal(place, one, request).splitlines()[1:] == [
        "  requirements.txt:3 asks for torch>=2",
        f"  torch==2.12.0 needs {ON_LINUX}",
    ]


def test_wheels_that_cannot_be_read_leave_the_refusal_as_it_is(place: Place) -> None:
    one = project(place)
    request = place.request(requirements=one.requirements, device="cpu")
    with pytest.raises(CudaError) as caught:
        place.resolve(request)
    for path in (place.index / "files").iterdir():
        path.write_bytes(b"no wheel")
    message = explained(caught.value, request, declared(one), place.tools, machine(place)).message
    assert message.startswith("requirements.txt brings CUDA")


def test_another_tools_lock_is_explained_without_its_lines(place: Place) -> None:
    one = project(place)
    wheels = [place.made / f"{name}-{X86}.whl" for name in ("torch-2.12.0", "nvidia_cublas-13.1")]
    rows = []
    for path in wheels:
        name, version = path.name.split("-")[:2]
        digest = of_bytes(path.read_bytes()).hex
        rows.append(f'[[packages]]\nname = "{name.replace("_", "-")}"\nversion = "{version}"\n[[packages.wheels]]\n')
        rows.append(f'path = "../made/{path.name}"\nhashes = {{sha256 = "{digest}"}}\n')
    write(place.root, {"pylock.toml": 'lock-version = "1.0"\ncreated-by = "a test"\n' + "".join(rows)})
    (place.root / "requirements.txt").unlink()
    one = load(place.root)
    said = refusal(place, one, place.request(requirements=one.requirements, device="cpu"))
    assert said.splitlines()[1:] == [f"  torch==2.12.0 needs {ON_LINUX}"]


# -- a device that nobody named ----------------------------------------------------------------------------------


def decided(place: Place, one: Project, **serve: str) -> tuple[str, str]:
    """The device, and what is said about it."""
    undeclared = Undeclared(one, declared(one))
    request = place.request(requirements=one.requirements, **serve)
    found = place.resolve(request, undeclared.decide)
    assert undeclared.decision
    return undeclared.decision.device, torch_device.said(undeclared.decision, found, request)


def test_cpu_is_said_with_what_it_saves(place: Place) -> None:
    make_wheel(place.links, "torch", "2.11.0+cpu", tag=X86)
    place.environ["PIP_FIND_LINKS"] = str(place.links)
    device, said = decided(place, project(place, requirements__txt="torch>=2.11\n"))
    assert device == "cpu"
    assert said.startswith("nothing in the source file of the service uses a GPU: torch is taken for the CPU, which")
    assert "for linux/amd64" in said


def test_cuda_that_cannot_be_avoided_is_loud(place: Place) -> None:
    device, said = decided(place, project(place))
    assert device == "cpu"
    assert "CUDA comes in for linux/amd64: " in said
    assert f"the largest file nvidia_cublas-13.1-{X86}.whl" in said or "the largest file torch-2.12.0" in said
    assert '[torch] device = "cuda"' in said


def test_a_service_that_may_use_a_gpu_keeps_it(place: Place) -> None:
    code = "import torch\nD = 'cuda' if torch.cuda.is_available() else 'cpu'\n"
    device, said = decided(place, project(place, serve__py=code))
    assert device == "cuda"
    assert said.startswith("the service may use a GPU (serve.py:2 asks torch.cuda.is_available): CUDA stays; ")
    assert '[torch] device = "cpu" would save ' in said


def test_a_service_that_needs_a_gpu_and_gets_none_is_told(place: Place) -> None:
    one = project(place, serve__py="import torch\ntorch.zeros(1).cuda()\n", requirements__txt="torch==2.10\n")
    device, said = decided(place, one, platform="linux/arm64")
    assert device == "cuda"
    assert said.startswith("the service needs a GPU (serve.py:2 calls .cuda()), and what resolves has no CUDA")


def test_only_what_goes_into_the_image_counts(place: Place) -> None:
    files = {"train__py": "import torch\ntorch.zeros(1).cuda()\n"}
    assert decided(place, project(place, **files))[0] == "cuda"
    limited = CONFIG.format(top="") + '[app]\ninclude = ["serve.py"]\n'
    assert decided(place, project(place, **files, slimtorch__toml=limited))[0] == "cpu"


def test_the_service_section_counts(place: Place) -> None:
    settings = CONFIG.format(top="") + '[service.env]\nDEVICE = "cuda"\n'
    assert "slimtorch.toml sets DEVICE=cuda" in decided(place, project(place, slimtorch__toml=settings))[1]


@pytest.mark.parametrize(
    ("device", "top", "code", "noted"),
    [
        ("cpu", "", "torch.zeros(1).cuda()", True),
        ("cpu", "", "torch.zeros(1)", False),
        ("cuda", "", "torch.zeros(1).cuda()", False),
        ("", "", "torch.zeros(1).cuda()", False),
    ],
)
def test_code_that_outgrew_its_lock(place: Place, device: str, top: str, code: str, *, noted: bool) -> None:
    one = project(place, top, serve__py=f"import torch\n{code}\n")
    said = torch_device.changed(one, lock(place, "torch==2.10", device))
    assert bool(said) is noted
    assert not noted or said.startswith("serve.py:2 calls .cuda(), and the lock was made for the CPU")
    assert not noted or "run `slimtorch lock`" in said


# -- the lock file -----------------------------------------------------------------------------------------------


def test_what_was_decided_is_in_the_lock_file(place: Place) -> None:
    for device in ("cpu", "cuda", ""):
        made = lock(place, "torch==2.10", device)
        text = lock_file.emit(made)
        assert lock_file.parse(text) == made
        assert ("[decided]" in text) is bool(device)
    with pytest.raises(LockError, match="device is neither cpu nor cuda"):
        lock_file.parse(lock_file.emit(lock(place, "torch==2.10", "cpu")).replace('device = "cpu"', 'device = "tpu"'))
