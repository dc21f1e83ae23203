from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ConfigError
from slimtorch.project.declared import setuptools
from tests.support.declarations import declared, rows

if TYPE_CHECKING:
    from pathlib import Path

SETUP_CFG = """\
[metadata]
name = My_Service
[options]
install_requires =
    torch>=2
    # a remark
    numpy ; python_version < "3.13"
tests_require = pytest
[options.extras_require]
Gpu = triton
docs =
    sphinx
    torch>=2
"""

SETUP_PY = """\
import sys, os
from setuptools import setup
BASE = ["torch>=2"]
MORE: list = BASE + ("numpy",)
EXTRAS = {"gpu": ["triton"], ":python_version<'3'": ["six"], "all": sorted(BASE)}
os.mkdir("ran")
setup(
    name="My_Service",
    install_requires=[*MORE, "pillow"],
    tests_require='''
        pytest
        mock
    ''',
    extras_require=EXTRAS,
)
"""


def test_setup_cfg(tmp_path: Path) -> None:
    found = declared(tmp_path, setup__cfg=SETUP_CFG)
    assert found.own == "my-service"
    assert rows(found) == [
        ("", 'numpy; python_version < "3.13"', "setup.cfg:7"),
        ("", "torch>=2", "setup.cfg:5"),
        ("extra:docs", "sphinx", "setup.cfg:12"),
        ("extra:docs", "torch>=2", "setup.cfg:13"),
        ("extra:gpu", "triton", "setup.cfg:10"),
        ("tests", "pytest", "setup.cfg:8"),
    ]


def test_setup_cfg_names_a_file(tmp_path: Path) -> None:
    text = "[options]\ninstall_requires = file: deps.txt\n"
    assert rows(declared(tmp_path, setup__cfg=text, deps__txt="\ntorch\n")) == [("", "torch", "deps.txt:2")]


def test_setup_py_is_read_and_not_run(tmp_path: Path) -> None:
    found = declared(tmp_path, setup__py=SETUP_PY)
    assert found.own == "my-service"
    assert rows(found) == [
        ("", "numpy", "setup.py:4"),
        ("", "pillow", "setup.py:9"),
        ("", "six", "setup.py:5"),
        ("", "torch>=2", "setup.py:3"),
        ("extra:gpu", "triton", "setup.py:5"),
        ("tests", "mock", "setup.py:12"),
        ("tests", "pytest", "setup.py:11"),
    ]
    assert found.problems == ("setup.py:5: extras_require['all'] is made by code, which is not run",)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("print 'x'\n", "setup.py:1: is not Python 3"),
        ("setup(install_requires=open('x').readlines())\n", "setup.py:1: install_requires is made by code"),
        ("A = A + B\nB = A\nsetup(install_requires=A)", "setup.py:3: install_requires is made by code"),
        ("\0", "setup.py: is not Python 3"),
        ("(" * 500, "is not Python 3"),
        ("setup(install_requires=" + "[" * 150 + "]" * 150 + ")", "is made by code"),
    ],
)
def test_setup_py_that_says_nothing(tmp_path: Path, text: str, problem: str) -> None:
    found = declared(tmp_path, setup__py=text)
    assert found.items == ()
    assert problem in found.problems[0]


def test_a_setup_cfg_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"setup\.cfg: cannot be read"):
        declared(tmp_path, setup__cfg="install_requires\n")


def test_pipfile(tmp_path: Path) -> None:
    numpy = '"numpy" = {version = ">=1", markers = "os_name == \'nt\'"}'
    text = f'[packages]\ntorch = "*"\n{numpy}\n[dev-packages]\nruff = "*"\n'
    assert rows(declared(tmp_path, Pipfile=text)) == [
        ("", 'numpy>=1; os_name == "nt"', "Pipfile:3"), ("", "torch", "Pipfile:2"), ("dev", "ruff", "Pipfile:5"),
    ]  # fmt: skip


def test_conda_environments(tmp_path: Path) -> None:
    text = """\
name: x  # dependencies:
channels:
  - conda-forge
dependencies:
  - python=3.11
  - conda-forge::pytorch=2.9=py311_cuda
  - "numpy >=1.26"
  - _openmp_mutex=4.5
  - pip
  - pip:
    - fastapi==0.115  # why
    - -r more.txt
    - "uvicorn[standard]"
  - pillow
variables:
  - six
"""
    assert rows(declared(tmp_path, environment__yml=text)) == [
        ("", "fastapi==0.115", "environment.yml:11"),
        ("", "numpy", "environment.yml:7"),
        ("", "pillow", "environment.yml:14"),
        ("", "torch", "environment.yml:6"),
        ("", "uvicorn[standard]", "environment.yml:13"),
    ]


def test_the_metadata_of_a_source_distribution(tmp_path: Path) -> None:
    text = """\
Metadata-Version: 2.4
Name: My_Service
Requires-Dist: torch>=2
Requires-Dist: triton; extra == "gpu"

Requires-Dist: six
"""
    found = declared(tmp_path, **{"PKG-INFO": text, "setup__py": "setup(install_requires=read())"})
    assert found.own == "my-service"
    assert rows(found) == [("", "torch>=2", "PKG-INFO:3"), ("extra:gpu", 'triton; extra == "gpu"', "PKG-INFO:4")]


def test_an_earlier_origin_goes_before_a_later_one(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        pyproject__toml='[project]\nname = "svc"\ndependencies = ["torch", "svc[x]"]\n',
        requirements__txt="torch==2.9\nnumpy\n",
        setup__cfg="[options]\ninstall_requires =\n    numpy\n    six\n",
        Pipfile='[packages]\nruff = "*"\n',
        **{"PKG-INFO": "Name: other\nRequires-Dist: black\n"},
    )
    assert found.own == "svc"
    assert rows(found) == [
        ("", "numpy", "requirements.txt:2"), ("", "six", "setup.cfg:4"), ("", "torch", "pyproject.toml:3"),
    ]  # fmt: skip


def test_a_folder_that_declares_nothing(tmp_path: Path) -> None:
    found = declared(tmp_path)
    assert (found.items, found.own, found.problems) == ((), "", ())


def test_the_places_of_many_requirements() -> None:
    start = time.process_time()
    names = [f"p{number}" for number in range(20_000)]
    places = setuptools._Places("[options]\ninstall_requires =\n  " + "\n  ".join(names))
    assert [places.of("install_requires", name).line for name in names] == list(range(3, 20_003))
    assert time.process_time() - start < 60


def test_the_place_of_a_value_on_the_line_of_its_key(tmp_path: Path) -> None:
    text = "[metadata]\ndescription =\n  torch\n[options]\ninstall_requires = torch\ntests_require =\n  torch\n"
    assert rows(declared(tmp_path, setup__cfg=text)) == [
        ("", "torch", "setup.cfg:5"),
        ("tests", "torch", "setup.cfg:7"),
    ]
