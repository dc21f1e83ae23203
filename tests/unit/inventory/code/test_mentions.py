"""What text files beside the code name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.inventory.code.mentions import mentions
from tests.unit.inventory.code.test_own import tree

if TYPE_CHECKING:
    from pathlib import Path

SAID = {
    ("Dockerfile", 'FROM x\nCMD ["gunicorn", "a:b"]'): 2,
    ("docker/api.Dockerfile", "CMD python -m gunicorn a:b"): 1,
    ("Containerfile.prod", "RUN pip install x && gunicorn --check"): 1,
    ("Procfile", "web: gunicorn a:b"): 1,
    ("run.sh", "#!/bin/sh\n\nexec gunicorn a:b"): 3,
    ("compose.yml", "services:\n  web:\n    command: gunicorn a:b"): 3,
    ("k8s/web.yaml", "spec:\n  args:\n    - gunicorn\n    - a:b"): 3,
    ("supervisord.conf", "[program:web]\ncommand=/bin/gunicorn a:b"): 2,
    (".env", "SERVER=gunicorn"): 1,
    ("settings.json", '{"worker": "gunicorn.workers.sync"}'): 1,
    ("alembic.ini", "[x]\nurl = postgresql+gunicorn://h"): 2,
    ("slimtorch.toml", '[service]\ncommand = ["gunicorn", "a:b"]'): 2,
    ("pyproject.toml", '[tool.poe.tasks]\nserve = "gunicorn a:b"'): 2,
    ("pyproject.toml", '[tool.slimtorch.service]\ncommand = [\n  "gunicorn",\n]'): 3,
    ("Makefile", "run:\n\tgunicorn a:b"): 2,
    ("Dockerfile", 'CMD ["GUNICORN"]'): 1,
}

SILENT = [
    ("requirements.txt", "gunicorn"),
    ("requirements/base.txt", "gunicorn"),
    ("README.md", "gunicorn"),
    ("uv.lock", 'name = "gunicorn"'),
    ("environment.yml", "dependencies:\n  - gunicorn"),
    ("main.py", "'gunicorn'"),
    ("Dockerfile", "RUN pip install gunicorn"),
    ("Dockerfile", "RUN uv pip install --no-cache \\\n    fastapi \\\n    gunicorn"),
    ("Dockerfile", "RUN apt-get update && apt-get install -y gunicorn"),
    ("Dockerfile", "# gunicorn"),
    ("Dockerfile", "RUN mygunicorn gunicorn2 a-gunicorn"),
    (".gitlab-ci.yml", "script: gunicorn"),
    (".github/workflows/x.yml", "run: gunicorn"),
    ("tests/compose.yml", "command: gunicorn"),
    ("docs/run.sh", "gunicorn"),
    ("compose.yml", "services:\n  gunicorn:\n    image: gunicorn:7\n    depends_on:\n      - gunicorn\n"),
    ("compose.yml", "services:\n  a:\n    depends_on: [gunicorn]"),
    ("pyproject.toml", '[project]\ndependencies = ["gunicorn"]'),
    ("pyproject.toml", '[tool.gunicorn]\nx = "gunicorn"'),
    ("pyproject.toml", '[dependency-groups]\ndev = ["gunicorn"]'),
    ("pyproject.toml", '[tool.poe.tasks]\ntest = "gunicorn a:b"'),
    ("setup.cfg", "[options]\ninstall_requires =\n    gunicorn\n"),
    ("slimtorch.toml", '[requirements]\nextra = ["gunicorn"]'),
    ("tox.ini", "[testenv]\ncommands = gunicorn"),
    ("Makefile", "test:\n\tgunicorn a:b"),
    ("Makefile", "a/b.py: x\n\tgunicorn a:b"),
    ("data.json", '"' + "x" * 1_000_001 + '", "gunicorn"'),
    ("notes.txt", "gunicorn"),
]


@pytest.mark.parametrize(("path", "text"), SAID)
def test_said(tmp_path: Path, path: str, text: str) -> None:
    found = mentions(tree(tmp_path, {path: text}), {"gunicorn", "other"})
    assert {name: (one.path, one.line) for name, one in found.items()} == {"gunicorn": (path, SAID[path, text])}


@pytest.mark.parametrize(("path", "text"), SILENT)
def test_silent(tmp_path: Path, path: str, text: str) -> None:
    assert mentions(tree(tmp_path, {path: text}), {"gunicorn"}) == {}


def test_spellings(tmp_path: Path) -> None:
    tree(tmp_path, {"run.sh": "a\nopentelemetry-instrument\nfunctions_framework uvicorn.workers.X"})
    found = mentions(
        tmp_path, ["opentelemetry_instrument", "functions-framework", "Functions_Framework", "uvicorn.workers"]
    )
    assert {name: one.line for name, one in found.items()} == {
        "opentelemetry_instrument": 2, "functions-framework": 3, "Functions_Framework": 3, "uvicorn.workers": 3,
    }  # fmt: skip


def test_the_first_place_is_near_the_root(tmp_path: Path) -> None:
    tree(tmp_path, {"a/run.sh": "gunicorn", "z.sh": "\ngunicorn"})
    assert mentions(tmp_path, {"gunicorn"})["gunicorn"].path == "z.sh"
    assert mentions(tmp_path / "nothing", {"gunicorn"}) == {}
