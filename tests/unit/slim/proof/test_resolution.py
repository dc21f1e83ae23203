from __future__ import annotations

import io
import posixpath
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.elf import stub
from slimtorch.elf.file import facts
from slimtorch.elf.reading import Bytes
from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files, Node
from slimtorch.slim.model import Subject
from slimtorch.slim.proof import resolution
from tests.support.shared_libraries import UNDEFINED, WEAK, Named, make_library

if TYPE_CHECKING:
    from slimtorch.slim.proof.resolution import Tree

FOLDER = "opt/site"


def asks(*names: str, version: str = "") -> tuple[Named, ...]:
    return tuple(Named(name, version, section=UNDEFINED, value=0) for name in names)


NCCL = make_library(
    (Named("ncclSend", "V1"), Named("ncclRecv", "V1"), Named("_ZNSt6vectorIhE4growEv", binding=WEAK)),
    soname="libnccl.so.2",
    versions=("V1",),
)
TORCH = make_library(
    (*asks("ncclSend", "ncclRecv", version="libnccl.so.2:V1"), *asks("PyObject_Call"), Named("run")),
    soname="libtorch_cuda.so",
    needed=("libnccl.so.2",),
)
PYTHON = make_library(
    asks("run", "under_linked"), soname="libtorch_python.so", needed=("libtorch_cuda.so", "libhelp.so")
)
HELP = make_library((Named("under_linked"),), soname="libhelp.so")
LIBRARIES = {"libnccl.so.2": NCCL, "libtorch_cuda.so": TORCH, "libtorch_python.so": PYTHON, "libhelp.so": HELP}


def tree(libraries: dict[str, bytes]) -> Tree:
    """As a folder is seen: nothing but the files, and none of the folders above them."""
    files = {f"{FOLDER}/{name}": data for name, data in libraries.items()}
    nodes = {path: Node(Kind.FILE, 0o755, len(data), open=partial(io.BytesIO, data)) for path, data in files.items()}
    found = {path: facts(io.BytesIO(data)) for path, data in files.items()}
    subject = Subject(Files(nodes), (FOLDER,), {}, {path: one for path, one in found.items() if one})
    return resolution.of_subject(subject, (f"/{FOLDER}",))


def complaints(**changes: bytes | None) -> list[str]:
    """What is wrong after the libraries, by the start of their names, are replaced or (None) gone."""
    after = dict(LIBRARIES)
    for start, data in changes.items():
        (name,) = [name for name in after if name.startswith(f"lib{start}.")]
        del after[name]
        if data is not None:
            after[name] = data
    changed = {f"{FOLDER}/{name}" for name in LIBRARIES if after.get(name) != LIBRARIES[name]}
    found = resolution.complaints(tree(LIBRARIES), tree(after), changed)
    return [f"{posixpath.basename(one.path)} {one.text} ({posixpath.basename(one.giver)})" for one in found]


def test_nothing_changed_nothing_lost() -> None:
    assert complaints() == []


def test_a_stand_in_serves_as_the_library_did() -> None:
    assert complaints(nccl=stub.make(Bytes(NCCL), "nccl")) == []


def test_a_missing_symbol_is_named_for_each_file_that_asks_for_it() -> None:
    poor = make_library((Named("ncclSend", "V1"),), soname="libnccl.so.2", versions=("V1",))
    assert complaints(nccl=poor) == ["libtorch_cuda.so nothing offers ncclRecv@V1 any more (libnccl.so.2)"]


def test_another_version_is_not_the_same_symbol() -> None:
    other = make_library((Named("ncclSend", "V2"), Named("ncclRecv", "V2")), soname="libnccl.so.2", versions=("V2",))
    lost = "ncclRecv@V1, ncclSend@V1"
    assert complaints(nccl=other) == [f"libtorch_cuda.so nothing offers {lost} any more (libnccl.so.2)"]


def test_a_library_that_goes_is_missed_by_whoever_needs_it() -> None:
    assert complaints(nccl=None) == [
        "libtorch_cuda.so no longer finds libnccl.so.2 (libnccl.so.2)",
        "libtorch_python.so no longer finds libnccl.so.2 (libnccl.so.2)",
    ]


def test_a_library_that_can_no_longer_be_read_offers_nothing() -> None:
    assert complaints(nccl=NCCL[:300].ljust(len(NCCL), b"\xff"))[0].startswith("libtorch_cuda.so")


def test_what_only_a_third_library_brings_is_looked_up_there() -> None:
    """`lent` is offered by libhelp, which the library that asks for it does not name."""
    helper = make_library((Named("under_linked"), Named("lent")), soname="libhelp.so")
    borrower = make_library((*asks("lent"), Named("run")), soname="libtorch_cuda.so")
    before = {**LIBRARIES, "libtorch_cuda.so": borrower, "libhelp.so": helper}
    after = {**before, "libhelp.so": HELP}
    found = resolution.complaints(tree(before), tree(after), {f"{FOLDER}/libhelp.so"})
    assert [(one.path, one.giver) for one in found] == [(f"{FOLDER}/libtorch_python.so", f"{FOLDER}/libhelp.so")]
