from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ConfigError
from slimtorch.project.config import config_digest, inputs, load
from tests.support.projects import THREE_LINES, service, write

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.project.model import Project

PYPROJECT = """
[project]
name = "svc"
dependencies = ["torch>=2"]
[project.optional-dependencies]
gpu = ["triton", "svc[All_Extras]"]
all-extras = ["pillow", "svc[gpu]"]
[dependency-groups]
serve = ["uvicorn", {include-group = "Base_One"}]
base-one = ["fastapi"]
loop = [{include-group = "loop"}]
lost = [{include-group = "nowhere"}]
bad = ["not a requirement !"]
odd = [{include = "serve"}]
text = "uvicorn"
"""


def project(root: Path, top: str, files: dict[str, str]) -> Project:
    write(root, {"slimtorch.toml": top + THREE_LINES, **files})
    return load(root, platform="linux/amd64")


@pytest.mark.parametrize(
    ("present", "origin"),
    [
        (("pylock.toml", "uv.lock", "requirements.txt", "pyproject.toml"), "pylock.toml"),
        (("uv.lock", "requirements.txt", "pyproject.toml"), "uv.lock"),
        (("requirements-prod.txt", "requirements.txt", "pyproject.toml"), "requirements-prod.txt"),
        (("requirements.txt", "pyproject.toml"), "requirements.txt"),
        (("pyproject.toml",), "pyproject.toml"),
    ],
)
def test_the_first_origin_that_exists(tmp_path: Path, present: tuple[str, ...], origin: str) -> None:
    texts = {"pyproject.toml": PYPROJECT}
    found = project(tmp_path, "", {name: texts.get(name, "") for name in present}).requirements
    assert found.origin == origin
    assert (found.lock is not None) == (origin in {"pylock.toml", "uv.lock"})
    assert bool(found.files) == origin.startswith("requirements")


@pytest.mark.parametrize("name", ["reqs/prod.txt", "pylock.prod.toml", "pyproject.toml"])
def test_an_explicit_origin_wins(tmp_path: Path, name: str) -> None:
    files = {"reqs/prod.txt": "", "pylock.prod.toml": "", "pyproject.toml": PYPROJECT, "pylock.toml": ""}
    assert project(tmp_path, f'requirements = "{name}"\n', files).requirements.origin == name


def test_groups_and_extras_are_added(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "requirements.txt": "numpy"}
    found = project(tmp_path, 'groups = ["Serve"]\nextras = ["gpu"]\n', files).requirements
    assert found.inline == ("torch>=2", "triton", "pillow", "uvicorn", "fastapi")
    assert (found.groups, found.extras) == (("serve",), ("gpu",))


def test_groups_of_a_uv_lock_are_kept(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": "version = 1"}
    found = project(tmp_path, 'groups = ["serve"]\n', files).requirements
    assert (found.lock, found.groups, found.inline) == (tmp_path / "uv.lock", ("serve",), ())


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ('groups = ["sevre"]\n', "groups: pyproject.toml has no group 'sevre'; did you mean `serve`?"),
        ('extras = ["cpu"]\n', "extras: pyproject.toml has no extra 'cpu'; did you mean `gpu`?"),
        ('groups = ["loop"]\n', "dependency-groups.loop: includes itself (loop → loop)"),
        ('groups = ["lost"]\n', "dependency-groups.lost: includes 'nowhere', which does not exist"),
        ('groups = ["bad"]\n', "dependency-groups.bad: 'not a requirement !' is not a requirement"),
        ('groups = ["odd"]\n', "dependency-groups.odd: {'include': 'serve'} is not a requirement"),
        ('groups = ["text"]\n', "dependency-groups.text: must be a list, not text"),
    ],
)
def test_groups_that_are_wrong(tmp_path: Path, top: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, top, {"pyproject.toml": PYPROJECT})
    assert len(caught.value.problems) == 1
    assert message in caught.value.message


def test_groups_without_pyproject(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"groups: needs a pyproject\.toml"):
        project(tmp_path, 'groups = ["serve"]\n', {"uv.lock": ""})


def test_nothing_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing says which packages") as caught:
        project(tmp_path, "", {"pyproject.toml": "[project]\nname = 'x'\n"})
    assert "requirements.txt" in caught.value.hint


def test_dynamic_dependencies(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only a build could tell"):
        project(tmp_path, "", {"pyproject.toml": '[project]\nname = "x"\ndynamic = ["dependencies"]\n'})


@pytest.mark.parametrize("name", ["with include", "with --option"])
def test_requirement_lines(tmp_path: Path, name: str) -> None:
    text = {
        "with include": "-r more/base.txt\n-c https://example.org/constraints.txt\n",
        "with --option": "--index-url https://example.org/simple\n-e .\n./dist/x.whl\nhttps://example.org/x.whl\n"
        "torch==2.9.1 \\\n  --hash=sha256:00 \\\n  --hash=sha256:11  # why\nnumpy ; python_version > '3' # c\n"
        "pkg @ https://example.org/a.whl#sha256=0\nx==${X_VERSION}\n",
    }[name]
    service(tmp_path, requirements__txt=text, **{"more/base__txt": "-r ../requirements.txt\nnumpy\n"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torch\nnumpy=>2\n", "requirements.txt:2: 'numpy=>2' is not a requirement"),
        ("# c\n-r gone.txt\n", "requirements.txt:2: gone.txt does not exist"),
        ("-rgone.txt\n", "requirements.txt:1: gone.txt does not exist"),
        ("--constraint=gone.txt\n", "requirements.txt:1: gone.txt does not exist"),
        ("torch torch\n", "requirements.txt:1: 'torch torch' is not a requirement"),
    ],
)
def test_requirement_lines_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        service(tmp_path, requirements__txt=text)
    assert message in caught.value.message


def test_requirements_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"torch # \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.txt is not UTF-8 text"):
        service(tmp_path, 'requirements = "latin.txt"\n')


# -- the digest ---------------------------------------------------------------------------------------------------


def test_the_digest_is_equal_in_another_folder(tmp_path: Path) -> None:
    digests = set()
    for name, newline in (("one", "\n"), ("two", "\r\n")):
        root = tmp_path / name / "deep"
        root.mkdir(parents=True)
        text = f"-r base.txt{newline}# {name}{newline}torch{newline}"
        digests.add(config_digest(service(root, requirements__txt=text, base__txt="-r requirements.txt\nnumpy\n")))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("top", "below"),
    [
        ('name = "other"\nversion = "2"\n', ""),
        ('platforms = ["linux/amd64", "linux/arm64"]\n', ""),
        ("", 'user = "x"\nenv = {A = "1"}\n'),
        ("", "[health]\nretries = 9\n"),
        ("", '[os]\nmirror = "https://deb.example.org/debian"\n'),
        ("", '[app]\ninclude = ["serve.py"]\n'),
        ("", "[layers]\nbudget = 3\n"),
        ('python = "3.11"\n', ""),
    ],
)
def test_what_does_not_decide_the_lock(tmp_path: Path, top: str, below: str) -> None:
    before = config_digest(service(tmp_path))
    assert config_digest(service(tmp_path, top, below)) == before


@pytest.mark.parametrize(
    ("below", "part"),
    [
        ('[os]\npackages = ["curl"]\n', "os"),
        ('[os]\nsnapshot = "20260101T000000Z"\n', "os"),
        ('[torch]\ndevice = "cpu"\n', "torch"),
        ('[[sources.index]]\nname = "a"\nurl = "https://a.example.org"\n', "indexes"),
    ],
)
def test_what_decides_the_lock(tmp_path: Path, below: str, part: str) -> None:
    before, after = (inputs(service(tmp_path, "", text)) for text in ("", below))
    assert [name for name in before if before[name] != after[name]] == [part]


def test_an_index_decides_by_its_name(tmp_path: Path) -> None:
    rows = (f'[[sources.index]]\nname = "a"\nurl = "https://{host}.example.org"\n' for host in "ab")
    assert len({config_digest(service(tmp_path, "", row)) for row in rows}) == 1


def test_requirements_decide_by_content(tmp_path: Path) -> None:
    before = inputs(service(tmp_path, base__txt="numpy\n", requirements__txt="-c base.txt\ntorch\n"))
    after = inputs(service(tmp_path, base__txt="numpy<3\n", requirements__txt="-c base.txt\ntorch\n"))
    assert [name for name in before if before[name] != after[name]] == ["base.txt"]


def test_other_locks_decide_by_content_and_groups(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": "version = 1"}
    plain = inputs(project(tmp_path, "", files))
    grouped = inputs(project(tmp_path, 'groups = ["serve"]\n', files))
    newer = inputs(project(tmp_path, "", files | {"uv.lock": "version = 2"}))
    assert [name for name in plain if plain[name] != grouped[name]] == ["groups"]
    assert [name for name in plain if plain[name] != newer[name]] == ["uv.lock"]
