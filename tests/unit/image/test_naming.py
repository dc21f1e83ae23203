from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.errors import UsageError
from slimtorch.image.naming import Content, check, check_pattern, tag
from slimtorch.image.reference import parse

STANDARD = "v{version}-pytorch{torch}-{device}"
CPU = Content("1.2", "2.13.0", "cpu", "3.11")
CUDA = Content("1.2", "2.9.1", "cuda12.8", "3.13")


@pytest.mark.parametrize(
    ("pattern", "content", "expected"),
    [
        (STANDARD, CPU, "v1.2-pytorch2.13-cpu"),
        (STANDARD, CUDA, "v1.2-pytorch2.9-cuda12.8"),
        (STANDARD, replace(CPU, version="v3"), "v3-pytorch2.13-cpu"),
        (STANDARD, replace(CPU, version="1.2+abc"), "v1.2_abc-pytorch2.13-cpu"),
        (STANDARD, Content("1", "", "cpu", "3.11", "1.31.0"), "v1-onnxruntime1.31-cpu"),
        (STANDARD, Content("1"), "v1"),
        ("{version}-py{python}", CPU, "1.2-py3.11"),
        ("prod", CPU, "prod"),
        ("v1-pytorch2.13.0-cpu", CPU, "v1-pytorch2.13.0-cpu"),
        ("torch2-cu128_py3.13", CUDA, "torch2-cu128_py3.13"),
        ("cuda12", CUDA, "cuda12"),
        ("v9-cuda12.8", replace(CUDA, device="cuda"), "v9-cuda12.8"),
    ],
)
def test_tags_are_true(pattern: str, content: Content, expected: str) -> None:
    assert tag(pattern, content) == expected


@pytest.mark.parametrize(
    ("pattern", "content", "message"),
    [
        ("v1-pytorch2.12-cpu", CPU, "says torch 2.12, but the image holds torch 2.13.0"),
        ("v1-pytorch2.13.1", CPU, "says torch 2.13.1, but the image holds torch 2.13.0"),
        ("v1-pytorch2.13-cuda13.0", CPU, "says cuda13.0, but the image's packages are for cpu"),
        ("v1-cpu", CUDA, "says cpu, but the image's packages are for cuda12.8"),
        ("v1-cu126", CUDA, "says cu126, but the image's packages are for cuda12.8"),
        ("v1-pytorch2.9-cuda11.8", CUDA, "names a pair that does not exist: torch 2.9 was never built for CUDA 11.8"),
        ("v1-cuda11.8", CUDA, "names a pair that does not exist: torch 2.9 was never built for CUDA 11.8"),
        ("v1-py3.12", CPU, "says Python 3.12, but the image holds Python 3.11"),
        ("pytorch2.9", Content("1", device="cpu"), "says torch 2.9, but the image holds no torch"),
    ],
)
def test_false_claims_are_refused(pattern: str, content: Content, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        tag(pattern, content)
    assert message in caught.value.message
    assert tag(STANDARD, content) in caught.value.hint


def test_what_is_really_there_is_never_impossible() -> None:
    assert tag(STANDARD, replace(CUDA, device="cuda11.8")) == "v1.2-pytorch2.9-cuda11.8"


@pytest.mark.parametrize("text", ["latest", "LATEST"])
def test_latest_has_to_be_asked_for(text: str) -> None:
    with pytest.raises(UsageError, match="moves under its users") as caught:
        tag(text, CPU)
    assert "v1.2-pytorch2.13-cpu" in caught.value.hint
    assert tag(text, CPU, allow_latest=True) == text
    with pytest.raises(UsageError, match="latest"):
        tag("{version}", replace(CPU, version=text))


@pytest.mark.parametrize("text", ["", ".x", "-x", "a b", "a/b", "a:b", "x" * 129, "é"])
def test_what_is_no_tag(text: str) -> None:
    with pytest.raises(UsageError, match="is not a tag"):
        check(text, CPU)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("v{versoin}", "uses {versoin}, which is not known; did you mean {version}?"),
        ("v{x}", "it may use {version}, {torch}, {device}, {python}"),
        ("v{version", "cannot give a tag"),
        ("{}", "uses {}, which is not known"),
        ("a b", "cannot give a tag"),
    ],
)
def test_patterns_that_are_wrong(pattern: str, message: str) -> None:
    assert message in check_pattern(pattern)
    with pytest.raises(UsageError):
        tag(pattern, CPU)


def test_a_pattern_that_becomes_empty() -> None:
    with pytest.raises(UsageError, match="is empty for this image"):
        tag("{torch}-{device}", Content("1"))


@given(
    st.text(min_size=1, max_size=60),
    st.sampled_from(["", "2.13.0", "2.14.1"]),
    st.sampled_from(["", "cpu", "cuda12.8"]),
)
def test_every_version_gives_a_tag_that_a_reference_takes(version: str, torch: str, device: str) -> None:
    found = tag(STANDARD, Content(version, torch, device))
    assert parse(f"oci:x:{found}").tag == found
