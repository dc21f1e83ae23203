"""The passes over libraries: whose, which, and with what remarks."""

from __future__ import annotations

import io
from functools import partial

from slimtorch.elf.file import facts
from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files, Node
from slimtorch.project.model import Slim
from slimtorch.slim.model import Note, Policy, Subject, Trim
from slimtorch.slim.passes import device_code, symbols
from slimtorch.tables.gpus import find
from tests.support.installations import CODE, PLAIN, SMALL

H100 = find("h100")
assert H100
SITE = "venv/lib/python3.11/site-packages"
OURS, THEIRS = f"{SITE}/torch/lib/libx.so", f"{SITE}/nvidia/lib/libcublas.so.13"


def subject(files: dict[str, bytes], links: dict[str, str] | None = None) -> Subject:
    nodes = {path: Node(Kind.FILE, 0o644, len(data), open=partial(io.BytesIO, data)) for path, data in files.items()}
    found = {path: facts(io.BytesIO(data)) for path, data in files.items()}
    owners = {path: "wheel:torch==2" if "/torch/" in path else "wheel:nvidia-cublas==13" for path in files}
    binaries = {path: one for path, one in found.items() if one}
    return Subject(Files(nodes), (SITE,), owners, binaries, links=links or {})


def policy(*, vendor: bool = False, gpus: bool = True) -> Policy:
    assert H100
    return Policy(Slim(vendor=vendor, keep_ptx="newest"), (H100,) if gpus else ())


def test_what_nothing_loads_goes_from_open_libraries() -> None:
    found = subject({OURS: PLAIN, THEIRS: PLAIN, f"{SITE}/torch/lib/small.so": SMALL, "usr/lib/libc.so.6": PLAIN})
    assert list(symbols.propose(found, policy())) == [Trim(OURS, bare=True)]
    assert list(symbols.propose(found, policy(vendor=True))) == [Trim(THEIRS, bare=True), Trim(OURS, bare=True)]


def test_damaged_libraries_are_remarked() -> None:
    wrong = PLAIN[:40] + b"\xff" * 8 + PLAIN[48:]
    found = subject({OURS: PLAIN})
    nodes = {OURS: Node(Kind.FILE, 0o644, len(wrong), open=partial(io.BytesIO, wrong))}
    notes = list(symbols.propose(Subject(Files(nodes), (SITE,), found.owners, found.binaries), policy()))
    assert len(notes) == 1
    assert isinstance(notes[0], Note)
    assert notes[0].path == OURS
    assert notes[0].text.startswith("left as it is: ")


def test_device_code_only_where_gpus_are_named() -> None:
    found = subject({OURS: CODE, f"{SITE}/torch/lib/plain.so": PLAIN})
    assert H100
    assert list(device_code.propose(found, policy())) == [Trim(OURS, gpus=(H100,), keep_ptx="newest")]
    assert list(device_code.propose(found, policy(gpus=False))) == []


def test_gpus_named_for_nothing_are_remarked() -> None:
    notes = list(device_code.propose(subject({OURS: PLAIN}), policy()))
    assert notes == [Note("", "no library has GPU code: there is nothing to keep or take out for h100")]


def test_the_vendors_device_code_only_where_the_user_says_so() -> None:
    assert H100
    found = subject({THEIRS: CODE})
    note = list(device_code.propose(found, policy()))
    assert [type(one) for one in note] == [Note]
    assert "vendor = true" in note[0].text  # type: ignore[union-attr]
    assert list(device_code.propose(found, policy(vendor=True))) == [Trim(THEIRS, gpus=(H100,), keep_ptx="newest")]


def test_other_names_of_a_file_are_passed_over() -> None:
    other = f"{SITE}/torch/lib/other.so"
    found = subject({OURS: CODE, other: CODE}, {other: OURS})
    assert [edit.path for edit in symbols.propose(found, policy())] == [OURS]
    assert [edit.path for edit in device_code.propose(found, policy())] == [OURS]
