"""Every form of import, as a table: a snippet and what it names."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from slimtorch.inventory.code import Form, Scope, read

if TYPE_CHECKING:
    from pathlib import Path

P, L, C, T, X, S = Form.PLAIN, Form.LAZY, Form.OPTIONAL, Form.TYPING, Form.LITERAL, Form.STRING

STATEMENTS = {
    "import numpy": [("numpy", (), P)],
    "import numpy as np, yaml": [("numpy", (), P), ("yaml", (), P)],
    "import a.b.c": [("a.b.c", (), P)],
    "from google.cloud import storage, bigquery as bq": [("google.cloud", ("storage", "bigquery"), P)],
    "from numpy import *": [("numpy", ("*",), P)],
    "import os, sys\nfrom __future__ import annotations\nimport xml.dom": [],
    "x = 1; import numpy": [("numpy", (), P)],
    "from numpy import (\n    array,\n    zeros,\n)": [("numpy", ("array", "zeros"), P)],
    "from numpy \\\n    import array": [("numpy", ("array",), P)],
    "class A:\n    import numpy": [("numpy", (), P)],
    "def f():\n    import numpy": [("numpy", (), L)],
    "async def f():\n    async with x:\n        import numpy": [("numpy", (), L)],
    "class A:\n    @property\n    def f(self):\n        for _ in x:\n            import numpy": [("numpy", (), L)],
    "@decorate(\n  1)\ndef f():\n    import numpy": [("numpy", (), L)],
    "while x:\n    import numpy\nelse:\n    import yaml": [("numpy", (), P), ("yaml", (), P)],
    "match x:\n    case 1:\n        import numpy": [("numpy", (), P)],
    "with x:\n    import numpy": [("numpy", (), P)],
    "if x:\n    import numpy\nelif y:\n    import yaml\nelse:\n    import six": [
        ("numpy", (), P), ("yaml", (), P), ("six", (), P),
    ],
    "try:\n    import numpy\nexcept ImportError:\n    numpy = None": [("numpy", (), C)],
    "try:\n    import ujson\nexcept ModuleNotFoundError:\n    import simplejson": [
        ("ujson", (), C), ("simplejson", (), C),
    ],
    "try:\n    import numpy\nexcept Exception:\n    pass\nelse:\n    import yaml\nfinally:\n    import six": [
        ("numpy", (), C), ("yaml", (), C), ("six", (), P),
    ],
    "try:\n    import numpy\nexcept:\n    pass": [("numpy", (), C)],
    "try:\n    import numpy\nexcept (OSError, builtins.ImportError):\n    pass": [("numpy", (), C)],
    "try:\n    import numpy\nexcept ValueError:\n    pass": [("numpy", (), P)],
    "try:\n    import numpy\nexcept ImportError as e:\n    raise SystemExit('pip install numpy') from e": [
        ("numpy", (), P),
    ],
    "try:\n    import numpy\nexcept ImportError:\n    print('no')\n    sys.exit(1)": [("numpy", (), P)],
    "def f():\n    try:\n        import numpy\n    except ImportError:\n        return None": [("numpy", (), C)],
    "try:\n    def f():\n        import numpy\nexcept ImportError:\n    pass": [("numpy", (), C)],
    "from contextlib import suppress\nwith suppress(ImportError):\n    import numpy": [("numpy", (), C)],
    "import contextlib\nwith contextlib.suppress(ValueError):\n    import numpy": [("numpy", (), P)],
    "with try_import() as _imports:\n    import numpy": [("numpy", (), C)],
    "if find_spec(name):\n    import numpy": [("numpy", (), C)],
    "if HAS_NUMPY:\n    import numpy": [("numpy", (), C)],
    "if is_torch_available() and x:\n    import torch": [("torch", (), C)],
    "if sys.version_info >= (3, 11):\n    import tomllib\nelse:\n    import tomli": [("tomli", (), C)],
    "if os.name == 'nt':\n    import win32api": [("win32api", (), C)],
    "if sys.platform == 'win32':\n    import win32api": [("win32api", (), C)],
    "if TYPE_CHECKING:\n    import numpy\nelse:\n    import yaml": [("numpy", (), T), ("yaml", (), P)],
    "if typing.TYPE_CHECKING:\n    import numpy": [("numpy", (), T)],
    "if t.TYPE_CHECKING:\n    try:\n        import numpy\n    except ImportError:\n        pass": [("numpy", (), T)],
    "if not TYPE_CHECKING:\n    import numpy\nelse:\n    import yaml": [("numpy", (), P), ("yaml", (), T)],
    "if TYPE_CHECKING and x:\n    import numpy": [("numpy", (), T)],
    "if TYPE_CHECKING or x:\n    import numpy": [("numpy", (), P)],
    "if False:\n    import numpy": [("numpy", (), T)],
    "if __name__ == '__main__':\n    import numpy": [("numpy", (), P)],
    "from . import x\nfrom .. import y\nfrom .a.b import c": [],
    "'''\nimport numpy\n'''\n# import yaml\nx = 'import six'": [],
    "import sys; import numpy  # import yaml": [("numpy", (), P)],
}  # fmt: skip

TEXTS = {
    "import importlib\nimportlib.import_module('numpy')": [("numpy", (), X)],
    "from importlib import import_module as load\nfrom importlib import import_module\nimport_module(name='numpy')": [
        ("numpy", (), X),
    ],
    "x = __import__('numpy.linalg')": [("numpy.linalg", (), X)],
    "def f():\n    return importlib.import_module('numpy')": [("numpy", (), X)],
    "try:\n    importlib.import_module('numpy')\nexcept ImportError:\n    pass": [("numpy", (), C)],
    "importlib.import_module('.x', package='app')": [],
    "importlib.import_module(f'transformers.models.{name}')": [("transformers.models", (), X)],
    "if importlib.util.find_spec('numpy') is not None:\n    import numpy": [("numpy", (), C), ("numpy", (), C)],
    "np = pytest.importorskip('numpy')": [("numpy", (), C)],
    "runpy.run_module('numpy')": [("numpy", (), X)],
    "import_module('az' + 'ure.identity')": [
        ("azure.identity", (), X), ("ure.identity", (), S),
    ],
    "import_module(f'numpy')": [("numpy", (), X)],
    "import_module(f\"{'num'}py.{'linalg'}\")": [("numpy.linalg", (), X)],
    "import_module('transformers.models.' + name)": [("transformers.models", (), X)],
    "import_module('transformers.models.%s' % name)": [("transformers.models", (), X)],
    "import_module('transformers.models.{}'.format(name))": [("transformers.models", (), X)],
    "exec('import graphene')": [("graphene", (), C)],
    'def f():\n    exec("""\n    from a.b import c\n    """, {})': [("a.b", ("c",), C)],
    "exec('x = 1;' + 'import graphene')": [("graphene", (), C)],
    "exec(compile('import graphene', '', 'exec'))": [("graphene", (), C)],
    "eval('__import__(\"graphene\").x')": [("graphene", (), C)],
    "model.eval()\ncursor.exec('import graphene')": [],
    "x = LazyLoader('np', globals(), 'numpy')": [("np", (), S), ("numpy", (), S)],
    "import lazy_loader as lazy\nnp = lazy.load('numpy')": [("lazy_loader", (), P), ("numpy", (), S)],
    "x = is_package_available('numpy')": [("numpy", (), S)],
    "import uvicorn\nuvicorn.run('serve:app', port=1)": [("uvicorn", (), P), ("serve", ("app",), S)],
    "worker_class = 'uvicorn.workers.UvicornWorker'": [("uvicorn.workers.UvicornWorker", (), S)],
    "worker_class = 'gevent'": [("gevent", (), S)],
    "INSTALLED_APPS = [\n    'django.contrib.admin',\n    'corsheaders',\n]": [
        ("django.contrib.admin", (), S), ("corsheaders", (), S),
    ],
    "INSTALLED_APPS: list[str] = ['corsheaders']": [("corsheaders", (), S)],
    "INSTALLED_APPS += ('corsheaders',)": [("corsheaders", (), S)],
    "INSTALLED_APPS.append('corsheaders')": [("corsheaders", (), S)],
    "THIRD_PARTY_APPS = DJANGO_APPS + ['corsheaders']": [("corsheaders", (), S)],
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql'}}": [("django.db.backends.postgresql", (), S)],
    "X = {'engine': 'pyarrow'}": [("pyarrow", (), S)],
    "df.to_parquet(path, engine='pyarrow')": [("pyarrow", (), S)],
    'df.to_parquet(\n    path,\n    engine = "pyarrow",\n)': [("pyarrow", (), S)],
    "BeautifulSoup(page, 'lxml')": [("lxml", (), S)],
    "pytest_plugins = ['pytest_asyncio']": [("pytest_asyncio", (), S)],
    "D = {'json': {'()': 'pythonjsonlogger.jsonlogger.JsonFormatter'}}": [
        ("pythonjsonlogger.jsonlogger.JsonFormatter", (), S),
    ],
    "create_engine('postgresql+psycopg2://u@h/d')": [("psycopg2", (), S)],
    "create_engine(f'mysql+pymysql://{user}@h/d')": [("pymysql", (), S)],
    "URL.create('postgresql+asyncpg')": [("asyncpg", (), S)],
    "Celery(broker='redis://h')": [("redis", (), S)],
    "pd.read_csv('s3://bucket/x')": [("s3fs", (), S)],
    "import subprocess\nsubprocess.run(['gunicorn', 'x'])": [("gunicorn", (), S)],
    "import subprocess\nsubprocess.run([sys.executable, '-m', 'uvicorn', 'x'])": [("uvicorn", (), S)],
    "import os\nos.system('alembic upgrade head')": [("alembic", (), S)],
    "import importlib\nK = {'a': 'onnxruntime'}\nimportlib.import_module(K[x])": [("a", (), S), ("onnxruntime", (), S)],
    "print('hello world', 'a/b', '1.2', 'x.py', 'plain')": [],
    "'''torch.nn'''": [],
    "# 'torch.nn'": [],
}  # fmt: skip


def found(root: Path, snippet: str) -> list[tuple[str, tuple[str, ...], Form]]:
    (root / "code.py").write_text(dedent(snippet))
    return [(one.module, one.names, one.form) for one in read(root).imports]


@pytest.mark.parametrize("snippet", STATEMENTS)
def test_statements(tmp_path: Path, snippet: str) -> None:
    assert found(tmp_path, snippet) == STATEMENTS[snippet]


@pytest.mark.parametrize("snippet", TEXTS)
def test_texts(tmp_path: Path, snippet: str) -> None:
    assert sorted(set(found(tmp_path, snippet))) == sorted(set(TEXTS[snippet]))


COMPUTED = {
    "import_module(name)": True,
    "import_module(name=name)": True,
    "__import__('boto' + str(3))": True,
    "import_module(f'torch_{x}')": True,
    "import_module(NAMES[x])": True,
    "runpy.run_module(name)": True,
    "exec(f'import {name}')": True,
    "exec('import ' + name)": True,
    "exec('from %s import x' % name)": True,
    "import_module('numpy')": False,
    "import_module('num' + 'py')": False,
    "import_module(f'transformers.models.{x}')": False,
    "import_module('.' + x, __package__)": False,
    "import_module()": False,
    "exec(text)": False,
    "model.eval()": False,
    "find_spec(name)": False,
    "import_module(" + "+".join("x" * 100) + ")": True,
}


@pytest.mark.parametrize("call", COMPUTED)
def test_computed_names_are_said(tmp_path: Path, call: str) -> None:
    (tmp_path / "tests").mkdir()
    for name in ("code.py", "tests/code.py"):
        (tmp_path / name).write_text(f"x = 1\ny = {call}\n")
    assert [(one.path, one.line) for one in read(tmp_path).computed] == [("code.py", 2)] * COMPUTED[call]


def test_imports_are_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("\n\nimport numpy\nx = f('yaml.nodes')\nimport six\n")
    (tmp_path / "a.py").write_text("import zmq\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "z.py").write_text("import attr\n")
    places = [(one.top, one.location.path, one.location.line) for one in read(tmp_path).imports]
    assert places == [
        ("zmq", "a.py", 1),
        ("attr", "a/z.py", 1),
        ("numpy", "b.py", 3),
        ("yaml", "b.py", 4),
        ("six", "b.py", 5),
    ]


def test_the_same_tree_gives_the_same_answer(tmp_path: Path) -> None:
    for snippet in (*STATEMENTS, *TEXTS):
        found(tmp_path, snippet)
        (tmp_path / f"x{abs(hash(snippet))}.py").write_text(snippet)
    assert read(tmp_path) == read(tmp_path)


@pytest.mark.parametrize(("python", "gone"), [("", False), ("3.11", False), ("3.12", True), ("3.14", True)])
def test_what_left_the_standard_library_is_third_party_from_then_on(tmp_path: Path, python: str, *, gone: bool) -> None:
    (tmp_path / "code.py").write_text("import distutils.core\nimport tomllib\nimport test.support\nimport __main__\n")
    assert [one.module for one in read(tmp_path, Scope(python=python)).imports] == ["distutils.core"] * gone
