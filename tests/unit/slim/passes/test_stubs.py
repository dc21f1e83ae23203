from __future__ import annotations

import io
from functools import partial

import pytest

from slimtorch.elf import stub
from slimtorch.elf.file import facts
from slimtorch.elf.reading import Bytes
from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files, Node
from slimtorch.project.model import Slim
from slimtorch.slim.model import Note, Policy, Stub, Subject
from slimtorch.slim.passes import stubs
from tests.support.shared_libraries import TLS, Named, make_library

NCCL = make_library((Named("ncclAllReduce"),), soname="libnccl.so.2")
CUFFT = make_library((Named("cufftCreate"),), soname="libcufft.so.12")


def subject(files: dict[str, bytes], links: dict[str, str] | None = None) -> Subject:
    found = {path: facts(io.BytesIO(data)) for path, data in files.items()}
    nodes = {path: Node(Kind.FILE, 0o644, len(data), open=partial(io.BytesIO, data)) for path, data in files.items()}
    return Subject(Files(nodes), (), {}, {path: one for path, one in found.items() if one}, links=links or {})


def proposed(files: dict[str, bytes], *names: str, links: dict[str, str] | None = None) -> list[Stub | Note]:
    return list(stubs.propose(subject(files, links), Policy(Slim(stubs=names))))


def test_the_library_is_found_by_its_soname_wherever_it_is() -> None:
    found = proposed({"opt/odd-name.so": NCCL, "lib/libcufft.so.12": CUFFT}, "nccl")
    assert [(edit.path, edit.setting) for edit in found if isinstance(edit, Stub)] == [("opt/odd-name.so", "nccl")]
    assert "several GPUs" in found[0].reason  # type: ignore[union-attr]


def test_nothing_is_named_nothing_is_proposed() -> None:
    assert proposed({"lib/libnccl.so.2": NCCL}) == []


def test_a_name_without_a_library_is_remarked() -> None:
    assert proposed({"lib/libnccl.so.2": NCCL}, "cufft") == [
        Note("", "no library is cuFFT: `cufft` in the list of stand-ins does nothing")
    ]


def test_a_stand_in_stays_and_nothing_is_said() -> None:
    assert proposed({"lib/libnccl.so.2": stub.make(Bytes(NCCL), "nccl")}, "nccl") == []


def test_other_names_of_the_same_file_are_passed_over() -> None:
    found = proposed({"a.so": NCCL, "b.so": NCCL}, "nccl", links={"b.so": "a.so"})
    assert [edit.path for edit in found] == ["a.so"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (make_library((Named("f"),), soname="libnccl.so.9"), "not for libnccl.so.9"),
        (make_library((Named("f", type=TLS),), soname="libnccl.so.2"), "f is thread-local"),
        (make_library((Named("f"),), soname="libnccl.so.2", machine="i686"), "there can be no stand-in"),
    ],
)
def test_what_cannot_be_replaced_is_left_alone_with_a_reason(data: bytes, says: str) -> None:
    (note,) = proposed({"lib/libnccl.so.2": data}, "nccl")
    assert isinstance(note, Note)
    assert says in note.text


def test_other_users_of_the_library_are_named_unless_they_go_too() -> None:
    sparse = make_library((Named("f"),), soname="libcusparse.so.12")
    solver = make_library((Named("f"),), soname="libcusolver.so.12", needed=("libcusparse.so.12",))
    torch = make_library((Named("f"),), soname="libtorch_cuda.so", needed=("libcusparse.so.12",))
    files = {"libcusparse.so.12": sparse, "libcusolver.so.12": solver, "libtorch_cuda.so": torch}
    notes = [one.text for one in proposed(files, "cusparse") if isinstance(one, Note)]
    assert notes == ["also used by libcusolver.so.12, which will get errors from the stand-in"]
    assert not [one for one in proposed(files, "cusparse", "cusolver") if isinstance(one, Note)]
