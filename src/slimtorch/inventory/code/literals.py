"""Modules that a file names in texts: for importlib, for a framework, for the command line.

The rules are generous on purpose: a text that only looks like a module belongs to no distribution and is dropped later,
a module that is overlooked breaks a service.
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from slimtorch.inventory.code import importers, lines
from slimtorch.inventory.code.expressions import called, text
from slimtorch.inventory.code.model import Form
from slimtorch.inventory.code.references import TEXTS
from slimtorch.inventory.code.statements import Named

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALLS = re.compile(
    r"__import__|\b(?:import_module|run_module|find_spec|importorskip|resolve_name|find_loader|get_loader"
    r"|\w*[Ll]azy\w*|\w*import_\w+|\w+_import|\w*(?:available|installed)|resource_\w+|get_data|files|BeautifulSoup"
    r"|load_(?:class|object|backend)|(?:get|import)_(?:class|callable|string)|patch)\b"
)
"""What is called with the name of a module: the standard library's functions, and what people name their own."""
_CALL_PARTS = (
    "find_spec(", "run_module(", "resolve_name(", "_loader(", "azy", "vailable(", "nstalled(", "resource_", "get_data(",
    "files(", "BeautifulSoup(", "APPS.", "MIDDLEWARE.",
)  # fmt: skip
"""What the text of such a call holds; texts with dots are found without it."""
_IMPORTER = re.compile(r"import(?:_|orskip\(|\()")

_KEYS = (
    "engine", "ENGINE", "backend", "BACKEND", "driver", "DRIVER", "drivername", "parser", "flavor", "loop", "http",
    "library", "module", "package", "worker_class", "serializer", "dialect", "provider", "extra", "attn_implementation",
    "apps", "APPS", "plugins", "PLUGINS", "extensions", "EXTENSIONS", "modules", "MODULES", "packages", "PACKAGES",
    "imports", "IMPORTS", "include", "MIDDLEWARE", "backends", "BACKENDS", "addons", "html_theme", "hiddenimports",
    "requirements", "REQUIREMENTS", "dependencies", "DEPENDENCIES", "drivers", "engines", "integrations", "scheme",
    "loaders", "handlers", "components", "libraries", "LIBRARIES",
)  # fmt: skip
_ENDS = "|".join(sorted(_KEYS, key=len, reverse=True))
_TAILS = frozenset(key[-3:] for key in _KEYS)
_KEY = re.compile(rf"(?:\w*_)?(?:{_ENDS})")
_VALUES = tuple(re.compile(start + r"[ \t]*[\"'\[({]") for start in ("=", '":', "':"))
_ANNOTATED = re.compile(rf"\s*\w*(?:{_ENDS})[ \t]*:[^=\"']*\Z")
"""A setting, argument or key is found from its value: what stands before that is looked at next."""
_ADDED = re.compile(r"\+[ \t]*[\[(]")
_BEFORE_ADDED = re.compile(rf"(?:{_ENDS})\b[^\n]*$")

_DOTTED = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?::[A-Za-z_][\w.]*(?:\(\))?)?|[A-Za-z_]\w*:[A-Za-z_][\w.]*(?:\(\))?"
)
_ADDRESS = r"[a-z][a-z0-9]*(?:\+[a-z_][a-z0-9_]*(?:://|[\"'])|://)"
_QUOTED = tuple(
    re.compile(rf"{quote}(?:(?:{_DOTTED.pattern}){quote}|{_ADDRESS}|(?:{TEXTS}){quote})") for quote in "\"'"
)
_URL = re.compile(r"[a-z][a-z0-9]*(?:\+([a-z_][a-z0-9_]*))?(?:://|$)")
_SCHEMES = {
    "postgresql": ("psycopg2", "psycopg"), "postgres": ("psycopg2", "psycopg", "asyncpg"), "mysql": ("MySQLdb",),
    "mssql": ("pyodbc",), "oracle": ("cx_Oracle", "oracledb"), "redis": ("redis",), "rediss": ("redis",),
    "mongodb": ("pymongo",), "amqp": ("amqp",), "s3": ("s3fs",), "gs": ("gcsfs",), "gcs": ("gcsfs",),
    "abfs": ("adlfs",), "abfss": ("adlfs",), "az": ("adlfs",), "hf": ("huggingface_hub",), "sftp": ("paramiko",),
    "ssh": ("paramiko",), "memcached": ("pymemcache", "pylibmc"), "snowflake": ("snowflake",), "duckdb": ("duckdb",),
    "clickhouse": ("clickhouse_driver",), "kafka": ("kafka",), "sqs": ("boto3",),
}  # fmt: skip
"""What opens an address where nothing else is named: default drivers of SQLAlchemy, transports of celery, fsspec."""

_STARTERS = ("subprocess", "os.system", "os.exec", "os.spawn", "os.popen", "Popen", "create_subprocess")
_LISTED = re.compile(r"\[\s*(?:sys\.executable|[\"'][\w./-]+[\"']\s*[,\]])")
_SHELLS = ("system(", "popen(", "Popen(", "run(", "call(", "output(", "_exec(", "_shell(", ".exec")
_COMMAND = re.compile(r"[A-Za-z][\w.-]*")
_QUOTED_WORD = re.compile(r"[\"']([A-Za-z_]\w*(?:\.\w+)*)[\"']")
_FILES = frozenset({"py", "txt", "json", "yaml", "yml", "toml", "html", "css", "js", "md", "csv", "png", "com", "org"})
MAX_WORDS = 2000
"""Texts of one value that are looked at; a longer one is no list of modules."""


def looks(source: str, *, commands: bool) -> lines.Lines:
    """The lines on which a text may name a module.

    Each search starts with a fixed text and not with a class of letters: that alone keeps it below a tenth of the time
    that parsing takes.
    """
    found = lines.holding(source, (*_CALL_PARTS, *importers.RUNNERS))
    found += lines.matching(source, _IMPORTER, *_QUOTED)
    settings = lines.matching(source, *_VALUES)
    found += [at for at in settings if _is_before(source[max(0, at - 60) : at])]
    added = lines.matching(source, _ADDED)
    found += [at for at in added if _BEFORE_ADDED.search(source, max(0, at - 100), at)]
    if commands:
        found += lines.matching(source, _LISTED)
        found += lines.holding(source, _SHELLS)
    return lines.at(source, found)


def _is_before(text: str) -> bool:
    """Whether a text ends with a setting, or with one and its annotation."""
    bare = text.rpartition("\n")[2].rstrip(" \t+]\"'")
    return (bare[-3:] in _TAILS and bare.endswith(_KEYS)) or (":" in bare and _ANNOTATED.match(bare) is not None)


def starts_programs(source: str) -> bool:
    """Whether the file may start other programs."""
    return any(word in source for word in _STARTERS)


def named(node: ast.AST, form: Form, *, commands: bool) -> Iterator[Named]:
    """The modules that this node names; its children are looked at by themselves."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield from _constant(node.value, node.lineno)
    elif isinstance(node, ast.Call):
        yield from _call(node, form)
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is not None and any(_is_setting(_target(target)) for target in targets):
            yield from _words(node.value)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if _is_setting(text(key)):
                yield from _words(value)
    elif isinstance(node, ast.List | ast.Tuple) and commands:
        yield from _program(node)


KINDS = frozenset({ast.Constant, ast.Call, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Dict, ast.List, ast.Tuple})
"""Nodes that `named` takes anything from."""


def any_word(source: str) -> Iterator[Named]:
    """Every text that may be a module: for files that import by computed names."""
    matches = list(_QUOTED_WORD.finditer(source))
    for match, line in zip(matches, lines.numbers(source, (match.start() for match in matches)), strict=True):
        yield Named(match[1], (), line, Form.STRING)


def _constant(value: str, line: int) -> Iterator[Named]:
    if len(value) > 2000:
        return
    if _DOTTED.fullmatch(value):
        module, _, attribute = value.partition(":")
        if module.rpartition(".")[2] not in _FILES or attribute:
            yield Named(module, (attribute.removesuffix("()"),) if attribute else (), line, Form.STRING)
        return
    address = _URL.match(value)
    if address is not None:
        scheme = value[: address.end()].removesuffix("://").partition("+")[0]
        plain = _SCHEMES.get(scheme, ()) if "://" in value else ()
        for module in (address[1],) if address[1] else plain:
            yield Named(module, (), line, Form.STRING)


def _call(call: ast.Call, form: Form) -> Iterator[Named]:
    name = called(call)
    if name in importers.NAMES:
        yield from importers.modules(call, form)
        return
    if importers.is_runner(call):
        yield from importers.executed(call, form)
    for keyword in call.keywords:
        if keyword.arg and _is_setting(keyword.arg):
            yield from _words(keyword.value)
    if _CALLS.fullmatch(name) or (name == "load" and "azy" in ast.unparse(call.func)):
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            yield from _words(argument)
    elif (
        name in {"append", "extend"} and isinstance(call.func, ast.Attribute) and _is_setting(_target(call.func.value))
    ):
        for argument in call.args:
            yield from _words(argument)
    elif (
        name
        in {
            "system",
            "popen",
            "getoutput",
            "run",
            "call",
            "Popen",
            "check_call",
            "check_output",
            "create_subprocess_exec",
            "create_subprocess_shell",
        }
        and call.args
    ):
        yield from _shell(text(call.args[0]), call.lineno)


def _words(value: ast.AST) -> Iterator[Named]:
    """Every text in a value that may be a module or the name of a distribution."""
    if isinstance(value, ast.Constant):
        if isinstance(value.value, str) and _COMMAND.fullmatch(value.value):
            yield Named(value.value, (), value.lineno, Form.STRING)
    elif isinstance(value, ast.List | ast.Tuple | ast.Set | ast.Dict | ast.BinOp | ast.IfExp | ast.BoolOp):
        for count, inner in enumerate(ast.walk(value)):
            if count > MAX_WORDS:
                return
            if isinstance(inner, ast.Constant):
                yield from _words(inner)


def _program(node: ast.List | ast.Tuple) -> Iterator[Named]:
    """``["gunicorn", …]``, ``[sys.executable, "-m", "uvicorn", …]``: the program, and the module behind ``-m``."""
    words = [text(item) for item in node.elts]
    if not words:
        return
    after = [word for flag, word in pairwise(words) if flag == "-m"]
    for word in [words[0].rpartition("/")[2], *after]:
        if _COMMAND.fullmatch(word):
            yield Named(word, (), node.lineno, Form.STRING)


def _shell(command: str, line: int) -> Iterator[Named]:
    words = command.split()
    after = [word for flag, word in pairwise(words) if flag in {"-m", "exec", "&&", ";", "|"}]
    for word in [*words[:1], *after]:
        plain = word.rpartition("/")[2]
        if _COMMAND.fullmatch(plain):
            yield Named(plain, (), line, Form.STRING)


def _is_setting(name: str) -> bool:
    return bool(name) and _KEY.fullmatch(name) is not None


def _target(node: ast.AST) -> str:
    """The name that is set: of a variable, an attribute, or a literal key."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return text(node.slice) if isinstance(node, ast.Subscript) else ""
