"""Which build of torch is taken, with the real uv, offline, on folders that the tests make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ResolveError
from slimtorch.sources import indexes
from slimtorch.sources.cuda_error import CudaError, amount
from slimtorch.sources.indexes import by_page, configured
from slimtorch.sources.torch_build import fits, offenders, torch_cuda
from tests.support.index import make_index
from tests.support.place import ARM, X86, Place, names
from tests.support.wheels import locked, make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.project.facts import Named


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An index as the public one: torch 2.14 for CUDA 13.0, and 2.9 for CUDA 12.8, each with its runtime."""
    found = Place(tmp_path)
    for version in ("12.8.90", "13.0.96"):
        make_wheel(found.made, "nvidia-cuda-runtime", version, tag=X86)
    make_wheel(found.made, "torch", "2.14.0", tag=X86, requires=["nvidia-cuda-runtime==13.0.96"])
    make_wheel(found.made, "torch", "2.9.0", tag=X86, requires=["nvidia-cuda-runtime==12.8.90"])
    found.on_index()
    return found


def serve(place: Place, *versions: str, tag: str = X86) -> None:
    for version in versions:
        runtime = {"+cu128": "12.8.90", "+cu130": "13.0.96"}.get(version[version.index("+") :])
        requires = [f"nvidia-cuda-runtime=={runtime}"] if runtime else []
        make_wheel(place.links, "torch", version, tag=tag, requires=requires)
    place.environ["PIP_FIND_LINKS"] = str(place.links)


class Says:
    """Decides the same each time, and keeps what it was asked with."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.packages: list[str] = []
        self.needers: list[str] = []

    def __call__(self, packages: Sequence[Named], needers: Sequence[str]) -> str:
        self.packages += [package.name for package in packages]
        self.needers += needers
        return self.device


# -- a CUDA version ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuda", ["13.0", "13", ""])
def test_what_resolves_is_taken_where_it_is_the_right_one(place: Place, cuda: str) -> None:
    found = place.resolve(place.request("torch", device="cuda", cuda=cuda))
    assert names(found) == ["nvidia-cuda-runtime==13.0.96", "torch==2.14.0"]
    assert found.notes == ()


def test_a_served_build_for_the_cuda_version_is_taken_the_newest_first(place: Place) -> None:
    serve(place, "2.9.1+cu128", "2.8.0+cu128", "2.14.0+cu130", "2.9.9+cpu")
    found = place.resolve(place.request("torch", device="cuda", cuda="12.8"))
    assert names(found) == ["nvidia-cuda-runtime==12.8.90", "torch==2.9.1+cu128"]
    assert "torch 2.9.1+cu128 is the newest build for CUDA 12.8 that the configured sources serve" in found.notes


def test_a_served_build_has_to_fit_the_requirements(place: Place) -> None:
    serve(place, "2.9.1+cu128", "2.8.0+cu128")
    found = place.resolve(place.request("torch<2.9", device="cuda", cuda="12.8"))
    assert names(found)[-1] == "torch==2.8.0+cu128"


def test_a_cuda_version_that_nobody_serves_is_refused_with_what_there_is(place: Place) -> None:
    with pytest.raises(
        CudaError, match=r"asks for CUDA 12\.6, and torch 2\.14\.0, .* is built for CUDA 13\.0"
    ) as caught:
        place.resolve(place.request("torch", device="cuda", cuda="12.6"))
    assert "serve a build of torch for CUDA 12.6" in caught.value.hint


def test_tried_builds_are_named(place: Place) -> None:
    serve(place, "2.9.1+cu128")
    with pytest.raises(CudaError, match=r"torch 2\.9\.1\+cu128, which is served: nothing there satisfies"):
        place.resolve(place.request("torch>=2.10", device="cuda", cuda="12.8"))


def test_cuda_that_resolves_to_a_cpu_build_is_refused(place: Place) -> None:
    serve(place, "2.14.0+cpu")
    with pytest.raises(CudaError, match=r"asks for CUDA, and torch 2\.14\.0\+cpu, .* has no CUDA"):
        place.resolve(place.request("torch==2.14.0", device="cuda"))


def test_any_served_cuda_will_do_where_no_version_is_named(place: Place) -> None:
    serve(place, "2.9.9+cpu", "2.9.1+cu128")
    found = place.resolve(place.request("torch<2.10", device="cuda"))
    assert names(found)[-1] == "torch==2.9.1+cu128"


def test_a_service_without_torch_needs_no_cuda(place: Place) -> None:
    make_wheel(place.made, "demo")
    place.on_index()
    assert names(place.resolve(place.request("demo", device="cuda", cuda="12.8"))) == ["demo==1.0"]


def test_the_last_lock_does_not_hold_a_service_to_its_old_device(place: Place) -> None:
    serve(place, "2.9.9+cpu")
    old = locked(place.links / f"torch-2.9.9+cpu-{X86}.whl")
    request = replace(place.request("torch", device="cuda"), keep=(old,))
    assert names(place.resolve(request))[-1] == "torch==2.14.0"
    assert names(place.resolve(replace(request, device="")))[-1] == "torch==2.9.9+cpu"


# -- what is compiled for torch ------------------------------------------------------------------------------------


def serve_partner(place: Place, version: str, torch: str) -> None:
    make_wheel(place.links, "torchvision", version, tag=X86, requires=[f"torch=={torch}"])


@pytest.fixture
def vision(place: Place) -> Place:
    """The index's newest torchvision goes with the torch for CUDA; one for 2.9 is there as well."""
    for version, torch in (("0.29.0", "2.14.0"), ("0.24.1", "2.9.1")):
        make_wheel(place.made, "torchvision", version, tag=X86, requires=[f"torch=={torch}"])
    place.on_index()
    serve(place, "2.9.1+cpu")
    return place


def test_torchvision_is_taken_for_the_same_device_where_it_is_served(vision: Place) -> None:
    # The newer one without `+cpu` would be chosen by its version alone, and does not load beside this torch.
    serve_partner(vision, "0.24.0+cpu", "2.9.1")
    serve_partner(vision, "0.25.0+cpu", "2.10.0")
    found = vision.resolve(vision.request("torch", "torchvision", device="cpu"))
    assert names(found) == ["torch==2.9.1+cpu", "torchvision==0.24.0+cpu"]


@pytest.mark.parametrize("requirement", ["torchvision==0.24.1", "torchvision"])
def test_another_torchvision_is_taken_where_the_served_one_will_not_do(vision: Place, requirement: str) -> None:
    if requirement != "torchvision":
        serve_partner(vision, "0.24.0+cpu", "2.9.1")
    found = vision.resolve(vision.request("torch", requirement, device="cpu"))
    assert names(found) == ["torch==2.9.1+cpu", "torchvision==0.24.1"]


def test_torchvision_for_another_device_is_no_partner(vision: Place) -> None:
    serve_partner(vision, "0.24.2+cu128", "2.9.1")
    serve_partner(vision, "0.24.0+cpu", "2.9.1")
    found = vision.resolve(vision.request("torch", "torchvision", device="cpu"))
    assert names(found)[-1] == "torchvision==0.24.0+cpu"


# -- no device named ---------------------------------------------------------------------------------------------


def test_nobody_is_asked_where_there_is_no_torch(place: Place) -> None:
    make_wheel(place.made, "demo")
    place.on_index()
    says = Says("cpu")
    place.resolve(place.request("demo"), says)
    assert says.packages == []


def test_nobody_is_asked_where_the_device_is_named(place: Place) -> None:
    says = Says("cpu")
    place.resolve(place.request("torch", device="cuda"), says)
    assert says.packages == []


def test_who_needs_torch_is_told_to_whoever_decides(place: Place) -> None:
    make_wheel(place.made, "plugin", requires=["torch"])
    place.on_index()
    says = Says("cuda")
    found = place.resolve(place.request("plugin"), says)
    assert says.needers == ["plugin"]
    assert says.packages == ["nvidia-cuda-runtime", "plugin", "torch"]
    assert names(found)[-1] == "torch==2.14.0"
    assert (found.unmet, found.saved) == ("", 0)


def test_a_cpu_build_is_taken_and_what_it_saves_is_known(place: Place) -> None:
    make_wheel(place.made, "nvidia-cuda-runtime", "13.0.96", {"lib.so": bytes(200_000).hex()[::-1] + "x"}, tag=X86)
    place.on_index()
    serve(place, "2.13.0+cpu")
    plain = place.resolve(place.request("torch"), Says("cuda"))
    found = place.resolve(place.request("torch"), Says("cpu"))
    assert names(found) == ["torch==2.13.0+cpu"]
    assert found.saved == plain.size - found.size > 0


def test_cuda_stays_where_no_cpu_build_can_be_had(place: Place) -> None:
    found = place.resolve(place.request("torch"), Says("cpu"))
    assert names(found) == ["nvidia-cuda-runtime==13.0.96", "torch==2.14.0"]
    assert found.unmet == "no source serves one"


def test_a_service_that_uses_a_gpu_now_leaves_its_old_cpu_build(place: Place) -> None:
    serve(place, "2.9.9+cpu")
    old = locked(place.links / f"torch-2.9.9+cpu-{X86}.whl")
    request = replace(place.request("torch"), keep=(old,))
    assert names(place.resolve(request, Says("cuda")))[-1] == "torch==2.14.0"
    assert names(place.resolve(request, Says("cpu")))[-1] == "torch==2.9.9+cpu"


# -- refusals ----------------------------------------------------------------------------------------------------


def test_the_refusal_tells_the_bytes_of_cuda(place: Place) -> None:
    with pytest.raises(CudaError, match=r"[\d.]+ (?:B|kB) in 1 package: torch==2\.14\.0") as caught:
        place.resolve(place.request("torch", device="cpu"))
    wheels = caught.value.resolution.wheels
    assert [wheel.name for wheel in wheels] == ["nvidia-cuda-runtime", "torch"]
    assert all(str(wheel.sha256) in caught.value.resolution.located for wheel in wheels)


def test_torch_is_not_counted_as_a_part_of_cuda(place: Place) -> None:
    found = place.resolve(place.request("torch"))
    cuda = offenders(found.wheels, place.request("torch").target)
    assert [wheel.name for wheel in cuda] == ["torch", "nvidia-cuda-runtime"]
    assert amount(cuda).endswith("in 1 package")
    assert amount(cuda[:1]).endswith("in 1 package")


def test_an_unsatisfiable_project_is_no_matter_of_cuda(place: Place) -> None:
    with pytest.raises(ResolveError) as caught:
        place.resolve(place.request("torch>99", device="cpu"))
    assert not isinstance(caught.value, CudaError)


def test_facts_about_sets(place: Place) -> None:
    wheels = place.resolve(place.request("torch")).wheels
    assert torch_cuda(wheels) == "13.0"
    for device, cuda, right in (("cuda", "13.0", True), ("cuda", "13.1", False), ("cpu", "", False), ("", "", True)):
        assert fits(wheels, place.request("torch", device=device, cuda=cuda)) is right


# -- indexes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "cu128", "cu130"])
def test_pytorchs_own_indexes_have_names(tmp_path: Path, backend: str) -> None:
    found = configured({}, tmp_path)
    assert by_page(found, f"https://torch.example/whl/{backend}/") == f"{indexes.TORCH}{backend}"
    assert by_page(found, f"https://torch.example/other/{backend}") == indexes.DEFAULT


def test_a_kept_version_whose_first_index_has_no_wheel_for_the_target(place: Place) -> None:
    old = locked(make_wheel(place.links, "native", "1.0", tag=ARM))
    place.on_index(place.links / old.filename)
    extra = make_index(place.root / "extra", [make_wheel(place.links, "native", "1.0", tag=X86)])
    place.environ["PIP_EXTRA_INDEX_URL"] = extra.as_uri()
    for platform in ("linux/amd64", "linux/arm64"):
        fresh = place.request("native", platform=platform)
        assert names(place.resolve(replace(fresh, keep=(old,)))) == names(place.resolve(fresh)) == ["native==1.0"]
