"""``situations.txt`` holds one situation a block: what is imported, what is required, and the verdict on one name.

``?`` behind a requirement says that its wheel could not be read. What a distribution brings is in `WORLD`, where it is
more than a module of its own name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slimtorch.deps.check.facts import lay
from slimtorch.deps.check.usage import judge
from slimtorch.deps.model import Verdict
from slimtorch.findings import Location
from slimtorch.inventory.needs import Graph, environment
from tests.support.evidence import declarations, distribution, evidence, reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.deps.model import Dependency
    from slimtorch.inventory.code.model import Reference
    from slimtorch.inventory.distributions import Distribution

D = distribution
CLOUD = frozenset(["google", "google.cloud"])
WORLD = {
    one.name: one
    for one in (
        D("arrow", "", "six"),
        D("bx", "b", points="console_scripts:serve-it"),
        D("checker", "", points="flake8.extension:X"),
        D("fastai", "", "ipython"),
        D("fastapi", "", "pydantic", 'jinja2; extra == "all"', 'httpx; extra == "all"', 'ujson; extra == "all"'),
        D("flower-x", "flow"),
        D("framey", "", 'pytest-cov; extra == "excel"'),
        D("google-cloud-bigquery", "google google.cloud google.cloud.bigquery", namespaces=CLOUD),
        D("google-cloud-storage", "google google.cloud google.cloud.storage", namespaces=CLOUD),
        D("gunicorn-x", "gx"),
        D("ipykernel", "", "tornado"),
        D("ipython", "IPython"),
        D("jupyter", "-", "ipykernel"),
        D("nvidia-cudnn-cu12", "nvidia nvidia.cudnn"),
        D("odd-dialect", "", points="sqlalchemy.dialects:odd"),
        D("odd-tests", "", points="pytest11:odd"),
        D("opencv-python", "cv2 cv2.data", "numpy"),
        D("opencv-python-headless", "cv2"),
        D("pandas", "", "numpy", 'openpyxl; extra == "excel"', 'pytest; extra == "test"', 'tqdm; extra == "excel"'),
        D("psycopg2-binary", "psycopg2"),
        D("requests", "", "certifi"),
        D("some-data", "-"),
        D("sqlmodel", "", "sqlalchemy"),
        D("strange", "", points="house.rooms:attic"),
        D("tensorboard-x", "", points="tensorboard_x.plugins:a"),
        D("tested", "", 'helper; extra == "test"'),
        D("thing", "", 'helper; extra == "fast"'),
        D("transformers", "", 'torch; extra == "torch"', 'tensorflow; extra == "tf"'),
        D("types-requests", "-"),
        D("uvi", "", 'uvloop; extra == "standard"'),
        D("wrapped-cv2", "wrapped", "opencv-python"),
        D("ytdl", "yy", points="console_scripts:yt-dlp"),
    )
}


@dataclass
class Situation:
    """One block of ``situations.txt``."""

    imports: list[str] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    mentions: dict[str, Location] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    expected: tuple[str, str, str] = ("", "", "")

    def require(self, group: str, text: str) -> None:
        for item in text.split(" & "):
            line = item.removesuffix(" ?")
            self.groups.setdefault(group, []).append(line)
            if line != item:
                self.unread.add(_name(line))

    @property
    def distributions(self) -> list[Distribution]:
        """All that the requirements bring, where their wheels could be read."""
        lines = [line for lines in self.groups.values() for line in lines]
        roots = {_name(line): Requirement(line.partition("  #")[0]).extras for line in lines}
        names = {*roots, *(_name(line) for one in WORLD.values() for line in one.requires)}
        world = {name: WORLD.get(name) or D(name) for name in {*names, *WORLD} - self.unread}
        return [world[name] for name in sorted(Graph(world, environment()).closure(roots))]


def _name(line: str) -> str:
    return canonicalize_name(Requirement(line.partition("  #")[0]).name)


def read(lines: Iterable[str]) -> Situation:
    found = Situation()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "imports":
            found.imports = rest.split("; ")
        elif word == "requires":
            found.require("", rest)
        elif word == "group":
            group, _, text = rest.partition(": ")
            found.require(group, text)
        elif word == "mentions":
            name, place = rest.split()
            path, _, number = place.partition(":")
            found.mentions[name] = Location(path, int(number))
        elif word == "calls":
            found.references.append(reference(*rest.split()))
        elif word == "own":
            found.own = rest.split()
        else:
            verdict, _, why = rest.removeprefix("is ").partition(": ")
            found.expected = (word, verdict, why)
    return found


def judged(one: Situation) -> dict[str, Dependency]:
    groups = {group: lines for group, lines in one.groups.items() if group}
    seen = evidence(
        one.imports,
        declarations(one.groups.get("", ()), groups),
        one.distributions,
        references=one.references,
        mentions=one.mentions,
        own=one.own,
    )
    found = judge(lay(seen))
    assert len({item.name for item in found}) == len(found)
    return {item.name: item for item in found}


def said(*lines: str) -> dict[str, Dependency]:
    return judged(read(lines))


_BLOCKS = (Path(__file__).parent / "situations.txt").read_text().strip().split("\n\n")
SITUATIONS = {lines[0].removeprefix("# "): read(lines[1:]) for lines in map(str.splitlines, _BLOCKS)}


@pytest.mark.parametrize("title", SITUATIONS)
def test_verdict(title: str) -> None:
    name, verdict, why = SITUATIONS[title].expected
    one = judged(SITUATIONS[title])[name]
    assert (one.verdict.value, why in one.evidence) == (verdict, True), one.evidence


def test_every_verdict_has_a_situation() -> None:
    assert len(SITUATIONS) == len(_BLOCKS)
    assert {one.expected[1] for one in SITUATIONS.values()} == {verdict.value for verdict in Verdict}


@pytest.mark.parametrize("how", ["a.py:3 optional", "a.py:3 typing", "a.py:3 string", "tests/a.py:3 plain"])
def test_what_may_be_absent_is_neither_missing_nor_undeclared(how: str) -> None:
    assert said(f"imports {how} yaml; {how} pydantic; a.py:1 plain fastapi", "requires fastapi").keys() == {"fastapi"}


def test_one_of_two_that_bring_a_module_is_enough() -> None:
    found = said("imports a.py:3 plain cv2; a.py:4 plain wrapped", "requires opencv-python-headless & wrapped-cv2")
    assert found["opencv-python-headless"].verdict is Verdict.USED
    assert "opencv-python" not in found


def test_the_project_itself_is_no_dependency() -> None:
    seen = evidence([], declarations(["acme[fast]", "numpy"], own="acme"), [D("numpy"), D("acme")])
    assert [one.name for one in judge(lay(seen))] == ["numpy"]


def test_an_import_under_a_marker_that_does_not_hold_is_not_missing() -> None:
    found = said("imports a.py:3 plain tomli", "requires tomli; python_version < '3.11' ?")
    assert found["tomli"].verdict is Verdict.USED


def test_two_that_need_each_other_do_not_both_go() -> None:
    ring = [D("gunicorn", "", "hypercorn"), D("hypercorn", "", "gunicorn")]
    found = judge(lay(evidence([], declarations(["gunicorn", "hypercorn"]), ring)))
    assert sorted(one.verdict for one in found) == [Verdict.OPTIONAL, Verdict.OPTIONAL]


def test_evidence_names_who_brings_it_and_what_decided() -> None:
    found = said("imports a.py:3 plain pydantic", "requires fastapi")["pydantic"]
    assert found.needed_by == ("fastapi",)
    assert [use.location for use in found.uses] == [Location("a.py", 3)]


def test_without_source_files_all_but_tools_is_kept() -> None:
    seen = evidence([], declarations(["arrow", "six", "black"]), [D("arrow", "", "six"), D("six"), D("black")])
    found = {one.name: one for one in judge(lay(replace(seen, code=replace(seen.code, files=0))))}
    assert [found[name].verdict.value for name in ("arrow", "six", "black")] == ["optional", "optional", "development"]
    assert "no source file was found" in found["six"].evidence


def test_a_library_with_a_plugin_for_tests_is_a_library() -> None:
    library = D("anyio-x", "ax ax.abc ax.plugin", points="pytest11:ax")
    library = replace(library, entry_points=(replace(library.entry_points[0], value="ax.plugin"),))
    found = judge(lay(evidence([], declarations(["anyio-x"]), [library])))
    assert [one.verdict for one in found] == [Verdict.UNUSED]


def test_a_back_end_is_optional_though_another_optional_one_needs_it() -> None:
    world = [D("transformers"), D("accelerate"), D("strange", "", "accelerate", points="house.rooms:attic")]
    seen = evidence(["a.py:1 plain transformers"], declarations(["transformers", "accelerate", "strange"]), world)
    found = {one.name: one.verdict for one in judge(lay(seen))}
    assert found["accelerate"] is Verdict.OPTIONAL
