"""Which imports are the project's own, in every layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.inventory.code import Code, Form, Role, Scope, read

if TYPE_CHECKING:
    from pathlib import Path


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def foreign(code: Code) -> dict[str, Form]:
    """Modules (with names) of others."""
    return {one.module + "".join(f":{name}" for name in one.names): one.form for one in code.imports}


LAYOUTS = {
    "flat": (
        {"app/__init__.py": "", "app/a.py": "import app.b, numpy", "app/b.py": "", "main.py": "import app"},
        ["numpy"],
    ),
    "module": ({"main.py": "import settings, numpy", "settings.py": ""}, ["numpy"]),
    "src": ({"src/acme/__init__.py": "from acme.x import y\nimport numpy", "src/acme/x.py": "y = 1"}, ["numpy"]),
    "lib of pyproject": (
        {
            "pyproject.toml": '[tool.setuptools.packages.find]\nwhere = ["source"]',
            "source/acme/__init__.py": "",
            "main.py": "import acme, numpy",
        },
        ["numpy"],
    ),
    "package_dir of setup.cfg": (
        {"setup.cfg": "[options]\npackage_dir =\n    = code\n", "code/acme/__init__.py": "", "main.py": "import acme"},
        [],
    ),
    "package_dir of setup.py": (
        {"setup.py": "setup(package_dir={'': 'code'})", "code/acme.py": "", "main.py": "import acme"},
        [],
    ),
    "poetry": (
        {
            "pyproject.toml": '[[tool.poetry.packages]]\ninclude = "acme"\nfrom = "code"',
            "code/acme.py": "",
            "main.py": "import acme",
        },
        [],
    ),
    "namespace": (
        {
            "google/mine/__init__.py": "",
            "google/mine/x.py": "import google.mine.x\nfrom google import mine, auth\nimport google.protobuf\n",
        },
        ["google:auth", "google.protobuf"],
    ),
    "old namespace": (
        {
            "google/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)",
            "google/mine.py": "from google import mine\nimport google.protobuf",
        },
        ["google.protobuf"],
    ),
    "migrations": (
        {"alembic/env.py": "from alembic import context", "alembic/versions/1.py": "from alembic import op"},
        ["alembic:context", "alembic:op"],
    ),
    "vendored within": (
        {
            "app/__init__.py": "",
            "app/_vendor/__init__.py": "",
            "app/_vendor/requests/__init__.py": "import requests.api",
            "app/_vendor/requests/api.py": "import urllib3",
            "app/x.py": "from app._vendor import requests",
        },
        ["urllib3"],
    ),
    "vendored beside": ({"requests/__init__.py": "", "main.py": "import requests"}, []),
    "a module that means another of its name": ({"redis.py": "import redis"}, ["redis"]),
    "a folder without code": ({"docker/compose.txt": "", "main.py": "import docker"}, ["docker"]),
    "sub-projects": (
        {
            "api/pyproject.toml": "",
            "api/src/shop_api/__init__.py": "import shop_core.models, fastapi",
            "core/setup.py": "",
            "core/shop_core/__init__.py": "",
            "core/shop_core/models.py": "import numpy",
        },
        ["fastapi", "numpy"],
    ),
    "a sub-project with a container file": (
        {"jobs/Dockerfile": "", "jobs/run.py": "import steps", "jobs/steps.py": "import numpy"},
        ["numpy"],
    ),
    "deep in a folder that is no project": (
        {"services/api/app/main.py": "from app.db import x\nimport app.db", "services/api/app/db.py": ""},
        [],
    ),
    "made by a build": ({"app/__init__.py": "", "main.py": "from app import _native\nimport app._fast"}, ["app._fast"]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, layout: str) -> None:
    files, expected = LAYOUTS[layout]
    found = foreign(read(tree(tmp_path, files)))
    sure = {name for name, form in found.items() if form is not Form.OPTIONAL}
    assert sure | {name for name in found if name in expected} == set(expected), found


def test_a_neighbour_explains_but_does_not_decide(tmp_path: Path) -> None:
    code = read(tree(tmp_path, {"app/main.py": "import redis, torch", "app/redis.py": "import redis"}))
    forms = [(one.module, one.location.path, one.form) for one in code.imports]
    assert forms == [
        ("redis", "app/main.py", Form.OPTIONAL),
        ("torch", "app/main.py", Form.PLAIN),
        ("redis", "app/redis.py", Form.PLAIN),
    ]


def test_an_import_that_is_only_typing_stays_so(tmp_path: Path) -> None:
    files = {"a/b.py": "if TYPE_CHECKING:\n    import helper", "a/helper.py": ""}
    assert foreign(read(tree(tmp_path, files))) == {"helper": Form.TYPING}


def test_roots_of_the_scope(tmp_path: Path) -> None:
    tree(tmp_path, {"main.py": "import tools", "vendor_code/tools.py": ""})
    assert foreign(read(tmp_path)) == {"tools": Form.PLAIN}
    assert foreign(read(tmp_path, Scope(roots=("", "vendor_code/")))) == {}
    assert foreign(read(tmp_path, Scope(roots=("../..", "/", "nowhere")))) == {"tools": Form.PLAIN}


def test_what_a_file_adds_to_the_path_may_be_found_there(tmp_path: Path) -> None:
    start = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent / 'lib'))\nimport tools\n"
    )
    assert foreign(read(tree(tmp_path, {"app/main.py": start, "app/lib/tools.py": ""}))) == {"tools": Form.OPTIONAL}


def test_own_names(tmp_path: Path) -> None:
    files = {"app/__init__.py": "", "src/acme/__init__.py": "", "main.py": "", "google/mine.py": "", "src/x.py": ""}
    assert read(tree(tmp_path, files)).own == {"app", "acme", "main", "x"}


ROLES = {
    "main.py": Role.SERVICE, "app/tasks.py": Role.SERVICE, "scripts/x.py": Role.SERVICE, "tools/x.py": Role.SERVICE,
    "train.py": Role.SERVICE, "tasks.py": Role.SERVICE, "app/testing/x.py": Role.SERVICE, "app/docs/x.py": Role.SERVICE,
    "load/locustfile.py": Role.DEVELOPMENT, "app/settings/test.py": Role.TESTS,
    "app/latest.py": Role.SERVICE, "contest.py": Role.SERVICE, "app/examples/x.py": Role.SERVICE,
    "tests/x.py": Role.TESTS, "app/tests/x.py": Role.TESTS, "test/x.py": Role.TESTS, "testing/x.py": Role.TESTS,
    "app/test_x.py": Role.TESTS, "app/x_test.py": Role.TESTS, "conftest.py": Role.TESTS, "app/tests.py": Role.TESTS,
    "docs/conf.py": Role.DEVELOPMENT, "setup.py": Role.DEVELOPMENT, "noxfile.py": Role.DEVELOPMENT,
    "benchmarks/x.py": Role.DEVELOPMENT, "examples/a/x.py": Role.DEVELOPMENT, "fabfile.py": Role.DEVELOPMENT,
    "lib/pyproject.toml": Role.SERVICE, "lib/docs/conf.py": Role.DEVELOPMENT, "lib/setup.py": Role.DEVELOPMENT,
}  # fmt: skip


def test_roles(tmp_path: Path) -> None:
    code = read(tree(tmp_path, dict.fromkeys(ROLES, "import numpy")))
    found = {one.location.path: one.role for one in code.imports}
    assert found == {path: role for path, role in ROLES.items() if path.endswith(".py")}


def test_tasks_of_invoke_are_development(tmp_path: Path) -> None:
    (one, *_) = read(tree(tmp_path, {"tasks.py": "from invoke import task"})).imports
    assert one.role is Role.DEVELOPMENT


def test_what_does_not_ship_is_no_service(tmp_path: Path) -> None:
    tree(tmp_path, {"main.py": "import numpy", "train.py": "import pandas", "tests/x.py": "import pytest"})
    code = read(tmp_path, Scope(ships=lambda path: path == "main.py"))
    roles = {one.module: one.role for one in code.imports}
    assert roles == {"numpy": Role.SERVICE, "pandas": Role.DEVELOPMENT, "pytest": Role.TESTS}


def test_what_the_service_imports_is_part_of_it(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": "",
        "app/main.py": "from app import test_time",
        "app/test_time.py": "from .tests import factories",
        "app/tests/__init__.py": "",
        "app/tests/factories.py": "import faker",
        "app/tests/other.py": "import pytest\nfrom app.main import x",
    }
    roles = {one.module: one.role for one in read(tree(tmp_path, files)).imports}
    assert roles == {"faker": Role.SERVICE, "pytest": Role.TESTS}
