"""Tags that say what an image really holds: ``v1.2-pytorch2.13-cpu`` (tag grammar: OCI distribution-spec)."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from slimtorch.errors import UsageError
from slimtorch.tables.torch import check_pair, cuda_of, parse

FIELDS = ("version", "torch", "device", "python")
LONGEST = 128
_FIELD = re.compile(r"\{([^{}]*)\}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_TORCH_CLAIM = re.compile(r"(?:pytorch|torch|pt)(\d+(?:\.\d+)*)")
_PYTHON_CLAIM = re.compile(r"(?:python|py)(\d+\.\d+(?:\.\d+)?)")
_CUDA_CLAIM = re.compile(r"(?:cuda|cu)\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Content:
    """What an image holds, for its name: versions, and the device that torch was built for ('' when unknown)."""

    version: str
    torch: str = ""
    device: str = ""
    python: str = ""
    onnxruntime: str = ""


def tag(pattern: str, content: Content, *, allow_latest: bool = False) -> str:
    """The tag that `pattern` gives for `content`; a pattern without fields is a tag that the user chose.

    A part (between hyphens) whose field has no value is left out; without torch, ``pytorch{torch}`` names onnxruntime
    when that is there. Characters that a tag cannot hold become ``_`` in values.

    Raises:
        UsageError: the pattern is wrong, the tag is ``latest`` unasked, or it claims what the image does not hold.
    """
    if problem := check_pattern(pattern):
        raise UsageError(problem, hint="a tag may hold letters, digits, '_', '.' and '-'")
    filled = _fill(pattern, content)
    if not filled:
        raise UsageError(f"the tag pattern {pattern!r} is empty for this image", hint="add {version} to it")
    return check(filled, content, allow_latest=allow_latest)


def check(text: str, content: Content, *, allow_latest: bool = False) -> str:
    """`text`, once it is known to be a tag that is true of `content`.

    Raises:
        UsageError: it is no tag, it is ``latest`` without leave, or it claims another torch, device or Python.
    """
    right = _fill("v{version}-pytorch{torch}-{device}", content)
    if not _TAG.fullmatch(text):
        raise UsageError(
            f"{text[: LONGEST + 20]!r} is not a tag",
            hint=f"letters, digits, '_', '.' and '-', at most {LONGEST}, and not '.' or '-' first",
        )
    if text.lower() == "latest" and not allow_latest:
        raise UsageError(
            "the tag 'latest' says nothing about the image and moves under its users",
            hint=f"use {right!r}, or set [image] allow-latest = true",
        )
    if problem := _false_claim(text, content):
        raise UsageError(f"the tag {text!r} {problem}", hint=f"use {right!r}")
    return text


def check_pattern(pattern: str) -> str:
    """What is wrong with a tag pattern, as a sentence; '' when nothing is."""
    for name in _FIELD.findall(pattern):
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1)
            guess = f"did you mean {{{near[0]}}}?" if near else "it may use " + ", ".join(f"{{{f}}}" for f in FIELDS)
            return f"the tag pattern {pattern!r} uses {{{name}}}, which is not known; {guess}"
    plain = _FIELD.sub("x", pattern)
    return "" if _TAG.fullmatch(plain) else f"the tag pattern {pattern!r} cannot give a tag"


def _fill(pattern: str, content: Content) -> str:
    values = {
        "version": re.sub(r"^v(?=\d)", "", content.version),
        "torch": ".".join(str(number) for number in parse(content.torch)[:2]),
        "device": content.device,
        "python": content.python,
    }
    if content.onnxruntime and not values["torch"]:
        short = ".".join(str(number) for number in parse(content.onnxruntime)[:2])
        pattern = pattern.replace("pytorch{torch}", f"onnxruntime{short}")
    parts = [part for part in pattern.split("-") if all(values[name] for name in _FIELD.findall(part))]
    return _FIELD.sub(lambda field: re.sub(r"[^A-Za-z0-9_.-]", "_", values[field[1]]), "-".join(parts))


def _false_claim(text: str, content: Content) -> str:
    """What the tag's words say that is not so; '' when all is true. A pair that is really there is never impossible."""
    words = [word.lower() for word in re.split(r"[-_]", text)]
    claimed = next((match[1] for word in words if (match := _TORCH_CLAIM.fullmatch(word))), "")
    device = next((word for word in words if word == "cpu" or _CUDA_CLAIM.fullmatch(word)), "")
    python = next((match[1] for word in words if (match := _PYTHON_CLAIM.fullmatch(word))), "")
    false = _mismatch(claimed, device, python, content)
    if false and (problem := check_pair(claimed or content.torch, device)):
        return f"names a pair that does not exist: {problem}"
    return false


def _mismatch(claimed: str, device: str, python: str, content: Content) -> str:
    if claimed and not content.torch:
        return f"says torch {claimed}, but the image holds no torch"
    if claimed and not _prefix(claimed, content.torch):
        return f"says torch {claimed}, but the image holds torch {content.torch}"
    if device and content.device and not _same_device(device, content.device):
        return f"says {device}, but the image's packages are for {content.device}"
    if python and content.python and not _prefix(content.python, python):
        return f"says Python {python}, but the image holds Python {content.python}"
    return ""


def _same_device(claimed: str, real: str) -> bool:
    if claimed == "cpu" or real == "cpu":
        return claimed == real
    return not cuda_of(real) or _prefix(cuda_of(claimed), cuda_of(real))


def _prefix(short: str, full: str) -> bool:
    numbers = parse(short)
    return parse(full)[: len(numbers)] == numbers
