"""Does the service compile while it runs? Decided from references and imports, with the place as evidence."""

from __future__ import annotations

import pytest

from slimtorch.findings import Location
from slimtorch.inventory.code.model import Code, Form, Import, Reference, Role
from slimtorch.inventory.compilers import compilations, packages, tools
from slimtorch.tables import compilers

HERE = Location("app.py", 3)


def code(*found: Reference | Import) -> Code:
    imports = tuple(one for one in found if isinstance(one, Import))
    references = tuple(one for one in found if isinstance(one, Reference))
    return Code(1, imports, references, (), frozenset({"app"}))


def call(name: str, *arguments: str, role: Role = Role.SERVICE) -> Reference:
    return Reference(name, HERE, role, arguments)


def test_torch_compile_needs_a_cpp_compiler_and_pythons_headers() -> None:
    (found,) = compilations(code(call("torch.compile", "mode='max-autotune'")), {"torch"}, "cpu")
    assert (found.name, found.location, found.tools) == ("torch.compile", HERE, ("c++", "python", "openssl"))
    assert packages(tools([found]), "3.11") == ("g++", "libpython3.11-dev", "openssl")


def test_a_decorator_that_is_not_called_counts() -> None:
    found = compilations(code(Reference("torch.compile", HERE, Role.SERVICE)), {"torch"}, "cuda")
    assert [one.tools for one in found] == [("c++", "python")]


@pytest.mark.parametrize("argument", ["backend='eager'", "backend='aot_eager'", "disable=True"])
def test_a_back_end_that_compiles_nothing_needs_nothing(argument: str) -> None:
    assert compilations(code(call("torch.compile", argument)), {"torch"}, "cpu") == ()


@pytest.mark.parametrize("role", [Role.TESTS, Role.DEVELOPMENT])
def test_only_the_services_own_code_counts(role: Role) -> None:
    assert compilations(code(call("torch.compile", role=role)), {"torch"}, "cpu") == ()


def test_triton_needs_a_c_compiler_only_where_there_is_a_gpu() -> None:
    kernel = code(call("triton.jit"))
    assert [one.tools for one in compilations(kernel, {"triton"}, "cpu")] == [()]
    assert [one.tools for one in compilations(kernel, {"triton"}, "cuda")] == [("c", "python")]


def test_a_compiler_that_is_carried_along_is_said_and_needs_nothing() -> None:
    found = compilations(code(call("numba.njit", "cache=True")), {"numba"}, "cpu")
    assert [(one.name, one.tools) for one in found] == [("numba.njit", ())]
    assert packages(tools(found), "3.11") == ()


def test_what_brings_the_kernels_ready_made_makes_the_compiler_unnecessary() -> None:
    used = code(Import("flashinfer", (), HERE, Form.PLAIN, Role.SERVICE))
    assert [one.tools for one in compilations(used, {"flashinfer-python"}, "cuda")] == [
        ("c++", "python", "ninja", "nvcc")
    ]
    assert compilations(used, {"flashinfer-python", "flashinfer-jit-cache"}, "cuda") == ()


def test_an_import_for_types_only_compiles_nothing() -> None:
    used = code(Import("deepspeed", (), HERE, Form.TYPING, Role.SERVICE))
    assert compilations(used, {"deepspeed"}, "cuda") == ()


def test_each_name_is_told_once_at_its_first_place() -> None:
    later = Reference("torch.compile", Location("b.py", 9), Role.SERVICE, ())
    found = compilations(code(later, call("torch.compile")), {"torch"}, "cpu")
    assert len(found) == 1


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([{"name": "a", "cpu": ["cobol"], "cuda": [], "why": "x"}], "'cobol'"),
        (
            [{"name": "b", "cpu": [], "cuda": [], "why": "x"}, {"name": "a", "cpu": [], "cuda": [], "why": "x"}],
            "not sorted",
        ),
    ],
)
def test_a_damaged_table_is_a_bug_that_names_the_row(rows: list[dict[str, object]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        compilers.check_rows(rows)


def test_the_table_holds() -> None:
    assert compilers.references()
    assert compilers.modules()
