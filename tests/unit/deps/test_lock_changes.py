"""What a refresh changes and why, from locks and metadata that the tests write down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.deps.changes.lock import Changes, compare
from slimtorch.deps.changes.markers import told
from slimtorch.findings import Location
from slimtorch.image.digest import of_bytes
from slimtorch.inventory.distributions import Distribution
from slimtorch.inventory.needs import Edge, environment
from slimtorch.project.declared import Declared
from slimtorch.project.lock import LockedDeb, LockedPlatform, LockedWheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ARM, X86 = environment("3.11", "aarch64"), environment("3.11", "x86_64")
MB = 1_000_000
FOR_X86 = 'nvidia-cublas==13.*; platform_system == "Linux" and platform_machine == "x86_64"'
FOR_LINUX = 'nvidia-cublas==13.*; platform_system == "Linux"'

Side = dict[str, tuple[str, int, list[str]]]
"""Name → version, megabytes, Requires-Dist."""


def compared(
    old: Side,
    new: Side,
    *,
    env: Mapping[str, str] = ARM,
    known: tuple[bool, bool] = (True, True),
    declared: Sequence[Declared] = (),
) -> Changes:
    sides = [distributions(side) if told else {} for side, told in zip((old, new), known, strict=True)]
    return compare(platform(old), platform(new), sides[0], sides[1], env, declared)


def platform(side: Side) -> LockedPlatform:
    return LockedPlatform(
        tuple(
            LockedWheel(name, version, f"{name}.whl", of_bytes(f"{name}{version}".encode()), size * MB)
            for name, (version, size, _) in side.items()
        )
    )


def distributions(side: Side) -> dict[str, Distribution]:
    return {
        name: Distribution(name, version, frozenset(), tuple(requires), extras=("fast",))
        for name, (version, _, requires) in side.items()
    }


def torch(version: str, size: int, *requires: str) -> tuple[str, int, list[str]]:
    return version, size, list(requires)


OLD: Side = {"torch": torch("2.10.0", 150, FOR_X86)}
NEW: Side = {"torch": torch("2.12.0", 430, FOR_LINUX), "nvidia-cublas": ("13.1", 2400, ["nvidia-nvrtc"])}
NEW_WITH_PARTS: Side = {**NEW, "nvidia-nvrtc": ("13.0", 20, [])}


def test_a_dropped_marker_is_the_cause_of_everything_below_it() -> None:
    found = compared(OLD, NEW_WITH_PARTS)
    assert found.summary == "+2.7 GB: torch 2.10.0 → 2.12.0 changed its arm64 marker"
    assert found.size == (2400 + 20 + 280) * MB
    assert [(row.name, row.old, row.new) for row in found.rows] == [
        ("nvidia-cublas", "", "13.1"),
        ("torch", "2.10.0", "2.12.0"),
        ("nvidia-nvrtc", "", "13.0"),
    ]
    (cause,) = found.causes
    assert (cause.names, cause.size) == (("nvidia-cublas", "nvidia-nvrtc"), 2420 * MB)
    assert cause.detail == (
        "torch 2.10.0 → 2.12.0: the marker of nvidia-cublas was "
        'platform_system == "Linux" and platform_machine == "x86_64", and is platform_system == "Linux" '
        '(platform_machine == "x86_64" was not so here)'
    )
    assert found.rows[0].why == cause.detail


def test_the_same_refresh_the_other_way_round() -> None:
    found = compared(NEW_WITH_PARTS, OLD)
    assert found.summary == "-2.7 GB: torch 2.12.0 → 2.10.0 changed its arm64 marker"
    assert found.causes[0].names == ("nvidia-cublas", "nvidia-nvrtc")
    assert 'platform_machine == "x86_64" is not so here' in found.causes[0].detail


def test_on_the_other_platform_nothing_came() -> None:
    both = {"nvidia-cublas": ("13.1", 2400, [])}
    found = compared({**OLD, **both}, {**NEW, **both}, env=X86)
    assert found.summary == "+280 MB: torch 2.10.0 → 2.12.0"
    assert found.causes == ()


def test_a_marker_about_something_else() -> None:
    old = {"torch": torch("1", 1, 'setuptools; python_version >= "3.12"')}
    new = {"torch": torch("2", 1, "setuptools"), "setuptools": ("81", 2, [])}
    assert compared(old, new).causes[0].text == "torch 1 → 2 changed its python_version marker"


def test_a_requirement_that_is_new() -> None:
    found = compared({"app": torch("1", 1)}, {"app": torch("2", 1, "lib>=2"), "lib": ("2.0", 5, [])})
    assert found.summary == "+5 MB: app 1 → 2 needs more packages"
    assert found.causes[0].detail == "app 1 → 2: needs lib>=2, and did not before"
    gone = compared({"app": torch("2", 1, "lib>=2"), "lib": ("2.0", 5, [])}, {"app": torch("3", 1)})
    assert gone.summary == "-5 MB: app 2 → 3 needs fewer packages"


def test_a_part_of_cuda_under_another_name() -> None:
    """As torch did: nvidia-cublas-cu12 for x86_64 only, then cuda-toolkit everywhere."""
    old = {"torch": torch("2.10.0", 150, FOR_X86.replace("cublas", "cublas-cu12"))}
    new = {
        "torch": torch("2.12.0", 430, 'cuda-toolkit[cublas]==13.0; platform_system == "Linux"'),
        "cuda-toolkit": ("13.0", 1, ['nvidia-cublas==13.*; extra == "cublas"']),
        "nvidia-cublas": ("13.1", 2400, []),
    }
    found = compared(old, new)
    assert [(cause.text, cause.names) for cause in found.causes] == [
        ("torch 2.10.0 → 2.12.0 changed its arm64 marker", ("cuda-toolkit", "nvidia-cublas"))
    ]


def test_the_users_own_requirement() -> None:
    both: Side = {"app": ("1", 1, [])}
    assert compared(both, {**both, "lib": ("2", 1, [])}).causes[0].text == "the project asks for lib"
    assert compared({**both, "lib": ("2", 1, [])}, both).causes[0].text == "the project asks no longer for lib"


def test_a_new_requirement_with_all_that_it_needs() -> None:
    both: Side = {"app": ("1", 1, [])}
    found = compared(both, {**both, "lib": ("2", 1, ["part"]), "part": ("3", 4, [])})
    assert {cause.text: cause.names for cause in found.causes} == {
        "lib 2 is new and brings what it needs": ("part",),
        "the project asks for lib": ("lib",),
    }


def test_an_extra_that_was_not_asked_for_before() -> None:
    both: Side = {"app": ("1", 1, ['part; extra == "fast"'])}
    found = compared(both, {**both, "part": ("3", 4, [])})
    assert found.causes[0].text == "app is asked for with other extras"


def declare(name: str, line: int, *extras: str, marker: str = "", via: tuple[str, ...] = ()) -> Declared:
    return Declared(name, name, Location("requirements.txt", line), extras=frozenset(extras), marker=marker, via=via)


FSSPEC = ['numpy; extra == "test"', 'pytest; extra == "test"', 'part; extra == "fast"']
BEFORE: Side = {"torch": ("2", 1, ["fsspec"]), "fsspec": ("1", 1, FSSPEC)}
WITH_NUMPY: Side = {**BEFORE, "numpy": ("2", 17, ["openblas"]), "openblas": ("1", 3, [])}


def test_a_line_of_the_project_is_the_cause_and_no_extra_of_somebody() -> None:
    found = compared(BEFORE, WITH_NUMPY, declared=[declare("torch", 1), declare("numpy", 2)])
    assert found.causes[0].text == "the project asks for numpy (requirements.txt:2)"
    assert found.causes[1].detail == "numpy 2 needs openblas"
    assert found.summary.startswith("+20 MB: the project asks for numpy (requirements.txt:2)")


def test_an_extra_counts_only_where_it_is_asked_for() -> None:
    new: Side = {**BEFORE, "part": ("1", 4, [])}
    declared = [declare("torch", 1), declare("fsspec", 2, "fast")]
    assert compared(BEFORE, new, declared=declared).causes[0].text == "fsspec is asked for with other extras"


def test_a_line_that_is_not_for_here_or_that_a_tool_wrote_is_no_cause() -> None:
    new: Side = {"torch": ("3", 1, ["lib"]), "lib": ("1", 5, [])}
    for line in (declare("lib", 2, via=("torch",)), declare("lib", 2, marker='sys_platform == "win32"')):
        found = compared({"torch": ("2", 1, [])}, new, declared=[declare("torch", 1), line])
        assert found.causes[0].text == "torch 2 → 3 needs more packages"


def test_a_line_that_went_is_not_an_extra_that_was_never_whole() -> None:
    found = compared(WITH_NUMPY, BEFORE, declared=[declare("torch", 1)])
    assert found.causes[0].text == "the project asks no longer for numpy"


def test_old_metadata_that_is_not_at_hand() -> None:
    found = compared(OLD, NEW, known=(False, True))
    assert found.causes[0].text == "torch 2.10.0 → 2.12.0 needs other packages"
    assert found.causes[0].detail.endswith("its old metadata is not at hand")
    assert compared(OLD, NEW, known=(False, False)).causes == ()
    assert compared(OLD, NEW, known=(False, False)).summary == "+2.7 GB"


def test_assumed_metadata_is_none() -> None:
    guessed = {"torch": Distribution("torch", "2.10.0", frozenset({"torch"}), assumed=True)}
    found = compare(platform(OLD), platform(NEW), guessed, distributions(NEW), ARM)
    assert "not at hand" in found.causes[0].detail


def test_a_rebuilt_wheel_and_debian_packages_are_changes() -> None:
    def deb(version: str, size: int) -> LockedDeb:
        return LockedDeb("libc6", version, "arm64", "c.deb", of_bytes(version.encode()), size)

    old = LockedPlatform(platform({"a": ("1", 1, [])}).wheels, (deb("2.36-9", 100),))
    new = LockedPlatform(
        (LockedWheel("a", "1", "a.whl", of_bytes(b"again"), MB),),
        (deb("2.36-10", 90),),
    )
    found = compare(old, new, {}, {}, ARM)
    assert [(row.name, row.wheel, row.size) for row in found.rows] == [("libc6", False, -10), ("a", True, 0)]
    assert found.counts == "2 changed, most of it libc6"


def test_nothing_changed() -> None:
    found = compared(NEW, NEW)
    assert (found, found.summary) == (Changes(), "")


def test_a_small_second_cause_is_not_in_the_summary() -> None:
    new = {**NEW, "torch": torch("2.12.0", 430, FOR_LINUX, "small"), "small": ("1", 1, [])}
    assert compared(OLD, new).summary == "+2.7 GB: torch 2.10.0 → 2.12.0 changed its arm64 marker"
    assert len(compared(OLD, new).causes) == 2


@pytest.mark.parametrize(
    "needs", [["a", "b"], ["b"], ["lib; python_version <"], ["not a requirement at all !!"], ['lib; extra == "x"']]
)
def test_circles_and_nonsense_come_to_an_end(needs: list[str]) -> None:
    new: Side = {"a": ("2", 1, needs), "b": ("1", 1, ["a"]), "lib": ("1", 1, ["b"])}
    assert compared({"a": ("1", 1, needs)}, new).size == 2 * MB


def test_an_or_in_a_marker() -> None:
    edge = Edge("torch", "lib", 'lib; sys_platform == "linux" or platform_machine == "arm and or"')
    text, detail = told(edge, ['lib; (sys_platform == "win32" or sys_platform == "darwin")'], ARM, came=True)
    assert text == "changed its sys_platform marker"
    assert 'sys_platform == "win32" and sys_platform == "darwin" was not so here' in detail
