from __future__ import annotations

import time

import pytest

from slimtorch.inventory.distributions import Distribution
from slimtorch.inventory.needs import Graph, environment


def dist(name: str, *requires: str, extras: tuple[str, ...] = ()) -> Distribution:
    return Distribution(name, "1", frozenset(), requires=requires, extras=extras)


def graph(*items: Distribution, python: str = "3.11", machine: str = "x86_64") -> Graph:
    return Graph({item.name: item for item in items}, environment(python, machine))


APP = (
    dist("fastapi", "starlette>=0.4", 'uvicorn[standard]; extra == "all"', 'typing-extensions; python_version < "3.9"'),
    dist("starlette", "anyio (<5,>=3.4.0)"),
    dist("anyio", "idna", 'exceptiongroup>=1.0; python_version < "3.11"'),
    dist("uvicorn", "click", 'uvloop!=0.15.0; (sys_platform != "win32") and extra == "standard"'),
    dist("typing-extensions"),
    dist("idna"),
    dist("click"),
    dist("uvloop"),
    dist("exceptiongroup"),
)
TORCH = (
    dist("torch", 'nvidia-cublas==13.1; platform_system == "Linux" and platform_machine == "x86_64"', "Sympy"),
    dist("nvidia-cublas", "nvidia_cuda_runtime"),
    dist("nvidia-cuda-runtime"),
    dist("sympy"),
    dist("service-kit", "torch>=2"),
)


def test_a_closure_follows_what_holds_here() -> None:
    assert graph(*APP).closure({"fastapi": ()}) == {"fastapi", "starlette", "anyio", "idna"}
    assert "exceptiongroup" in graph(*APP, python="3.10").closure({"fastapi": ()})


def test_extras_bring_more_and_their_own_extras() -> None:
    assert graph(*APP).closure({"fastapi": ("All",)}) >= {"uvicorn", "click", "uvloop"}
    assert "uvloop" not in graph(*APP).closure({"uvicorn": ()})


def test_what_is_not_there_is_not_spoken_of() -> None:
    assert graph(dist("a", "missing", "b"), dist("b")).closure({"a": (), "absent": ("x",)}) == {"a", "b"}


def test_names_are_compared_as_canonical_ones() -> None:
    assert graph(dist("a", "Ruamel.Yaml"), dist("ruamel-yaml")).closure({"a": ()}) == {"a", "ruamel-yaml"}


def test_circles_end() -> None:
    found = graph(dist("a", "b"), dist("b", "c"), dist("c", "a", "c[x]"))
    assert found.closure({"b": ()}) == {"a", "b", "c"}
    assert [edge.needed for edge in found.why("a", {"b": ()})] == ["c", "a"]
    assert found.alone("b", {"b": (), "a": ()}) == set()


def test_an_extra_of_itself_gathers_others() -> None:
    found = graph(dist("a", 'a[x,y]; extra == "all"', 'b; extra == "x"', 'c; extra == "y"'), dist("b"), dist("c"))
    assert found.closure({"a": ("all",)}) == {"a", "b", "c"}
    assert [(edge.needer, edge.needed, edge.extra) for edge in found.why("b", {"a": ("all",)})] == [("a", "b", "x")]


def test_extras_are_compared_as_canonical_ones() -> None:
    found = graph(dist("a", 'b; extra == "Some_Thing"'), dist("b"))
    assert found.closure({"a": ("some-thing",)}) == {"a", "b"}
    assert found.closure({"a": ()}) == {"a"}


def test_why_says_the_way_and_the_marker_that_decided() -> None:
    roots = {"service-kit": (), "sympy": ()}
    chain = graph(*TORCH).why("nvidia-cuda-runtime", roots)
    assert [(edge.needer, edge.needed) for edge in chain] == [
        ("service-kit", "torch"),
        ("torch", "nvidia-cublas"),
        ("nvidia-cublas", "nvidia-cuda-runtime"),
    ]
    assert chain[1].marker == 'platform_system == "Linux" and platform_machine == "x86_64"'
    assert chain[1].line.startswith("nvidia-cublas==13.1;")
    assert graph(*TORCH, machine="aarch64").why("nvidia-cuda-runtime", roots) == ()
    assert graph(*TORCH).why("sympy", roots) == ()


def test_alone_is_what_would_go() -> None:
    found = graph(*TORCH)
    assert found.alone("torch", {"torch": (), "sympy": ()}) == {"torch", "nvidia-cublas", "nvidia-cuda-runtime"}
    assert found.alone("torch", {"torch": (), "service-kit": ()}) == set()
    assert found.alone("absent", {"torch": ()}) == set()


def test_needers_are_those_of_the_closure() -> None:
    found = graph(dist("a", "c>=1"), dist("b", "c<2", 'c[x]; extra == "e"'), dist("c"), dist("d", "c"))
    assert [(edge.needer, edge.line) for edge in found.needers("c", {"a": (), "b": ()})] == [
        ("a", "c>=1"),
        ("b", "c<2"),
    ]
    with_extra = found.needers("c", {"b": ("e",)})
    assert [(edge.line, edge.extra) for edge in with_extra] == [("c<2", ""), ('c[x]; extra == "e"', "e")]


@pytest.mark.parametrize("line", ["b (>=1.*)", "b >=1.0.foo", "b; wrong_marker == 'x'", "b [x"])
def test_a_line_that_old_tools_wrote_wrongly_still_counts(line: str) -> None:
    assert graph(dist("a", line), dist("b")).closure({"a": ()}) == {"a", "b"}


def test_a_line_without_a_name_is_none() -> None:
    assert graph(dist("a", "???", ""), dist("b")).closure({"a": ()}) == {"a"}


def test_closures_of_a_large_lock_are_cheap() -> None:
    items = [
        dist(f"p{n}", *[f'p{(n * 7 + k) % 300}>={k}; python_version >= "3.{k}" or extra == "e{k}"' for k in range(20)])
        for n in range(300)
    ]
    found, roots = graph(*items), {f"p{n}": () for n in range(60)}
    start = time.process_time()
    for name in roots:
        found.alone(name, roots)
    assert time.process_time() - start < 60


def test_a_line_that_is_nested_too_deeply_is_kept_by_its_name() -> None:
    deep = f"b ; {'(' * 5000}python_version > '3'{')' * 5000}"
    assert graph(dist("a", deep), dist("b")).closure({"a": ()}) == {"a", "b"}
