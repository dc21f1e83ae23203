"""Which text files of a project tell how the service is run, and which of their lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Lines = Iterator[tuple[int, str]]

MAX_LINE = 4000
"""Characters of a line, continuations joined; a longer one is data."""

_SUFFIXES = (
    ".sh", ".bash", ".yml", ".yaml", ".toml", ".ini", ".cfg", ".json", ".env", ".conf", ".mk", ".service",
    ".properties", ".Dockerfile", ".dockerfile", ".hcl", ".tf", ".cron", ".nomad", ".ps1", ".bat", ".sql",
)  # fmt: skip
_NAMES = re.compile(
    r"(?:Dockerfile|Containerfile|Procfile|\.env)(?:\..*)?|GNUmakefile|[Mm]akefile|[Jj]ustfile"
    r"|crontab|supervisord?|entrypoint|run|start"
)
_SILENT = re.compile(
    r"requirements.*|constraints.*|environment.*\.ya?ml|Pipfile.*|.*\.lock|pylock.*|uv\.toml|poetry\.toml|package.*\.json"
    r"|tsconfig.*|conda.*\.ya?ml|meta\.ya?ml|recipe\.ya?ml|licen[cs]e.*|copying.*|readme.*|changelog.*"
    r"|tox\.ini|pytest\.ini|mypy\.ini|pylintrc.*|ruff\.toml|\.coveragerc|codecov\.ya?ml|mkdocs\.ya?ml|renovate\.json"
    r"|azure-pipelines.*|bitbucket-pipelines.*|appveyor.*|cloudbuild.*|\.[\w-]+\.(?:ya?ml|toml|json|ini|cfg)"
    r"|.*\.ipynb|slimtorch\.lock|pyrightconfig\.json|readthedocs.*|dependabot.*|noxfile.*|codemeta\.json|manifest\.in",
    re.IGNORECASE,
)
"""Files that list dependencies, describe the project, or are read by tools of development only."""

_INSTALL = re.compile(
    r"\b(?:(?:pip3?|pipx|uv|poetry|pipenv|pdm|conda|mamba|micromamba|apt|apt-get|apk|dnf|yum|brew|npm|yarn)\b[^&|;\n]{0,200}?"
    r"\s(?:install|add|sync|uninstall|remove|download|wheel|i)\b|pipx?\s+install)[^&|;\n]*"
)
_COMMENT = re.compile(r"^\s*(?:#|//|;|--\s)")
_KEY = re.compile(r"^(\s*)(?:-\s+)?[\"']?([\w./-]+)[\"']?\s*:(?:\s+(.*)|\s*)$")
_NO_COMMANDS = frozenset({
    "image", "name", "container_name", "hostname", "depends_on", "networks", "volumes", "links", "profiles", "labels",
    "needs", "kind", "apiVersion", "namespace", "requests", "limits", "app", "annotations", "dependencies", "pip",
})  # fmt: skip
"""Keys of compose and Kubernetes files below which names of services and resources stand."""
_DEVELOPMENT = re.compile(
    r"(?:.*[-_])?(?:tests?|lint|format|fmt|check|checks|types?|typecheck|mypy|docs?|html|release|publish|upload|dist|clean"
    r"|coverage|cov|bench|benchmarks?|profile|develop|install|setup|hooks|pre-commit|requirements|lock|deps|compile"
    r"|protos?|generate|gen|notebooks?|jupyter|lab|ci|dev|style|fix|black|isort|ruff|flake8|pytest|pylint|package)"
    r"(?:[-_:].*)?|.*[./%].*"
)
"""Targets and tasks that nobody runs in production."""
_TARGET = re.compile(r"^([\w./%$(){}-]+)(?:\s+[\w./%-]+)*\s*::?(?!=)")
_HEADING = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+\s*(?:#.*)?$")
_SETTING = re.compile(r"^\s*[\"']?([\w.-]+)[\"']?\s*=\s*(.*)$")
_TELLING = re.compile(
    r"project\.(?:gui-)?scripts|project\.entry-points.*|tool\.slimtorch\.(?:service|check).*"
    r"|tool\.[\w.-]*(?:scripts|tasks|plugins)\b.*|options\.entry_points"
)
"""Sections of pyproject.toml and setup.cfg that say what is run."""
_OWN_TELLING = re.compile(r"(?:service|check)\b.*")


def may_tell(path: str) -> bool:
    """Whether a file may say how the service is run, by its name."""
    name = path.rpartition("/")[2]
    return not _SILENT.fullmatch(name) and (name.endswith(_SUFFIXES) or _NAMES.fullmatch(name) is not None)


def telling(path: str, text: str) -> Lines:
    """The lines, by number from 1, that say something, with what says nothing taken out of them."""
    name = path.rpartition("/")[2]
    lines = _plain(text)
    choose = _chooser(name)
    yield from choose(lines) if choose else lines


def _chooser(name: str) -> Callable[[Lines], Lines] | None:
    if name == "pyproject.toml" or name == "setup.cfg":  # noqa: PLR1714 - the two read alike
        return _sections(_TELLING)
    if name == "slimtorch.toml":
        return _sections(_OWN_TELLING)
    if name.endswith((".yml", ".yaml")):
        return _yaml
    if name.lower() in {"makefile", "gnumakefile", "justfile"} or name.endswith(".mk"):
        return _targets
    return None


def _plain(text: str) -> Lines:
    """Lines without comments and without commands that install; a continued command is one, so that all of it goes."""
    started, pending = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        if _COMMENT.match(line):
            continue
        started = started or number
        if line.endswith("\\") and len(pending) < MAX_LINE:
            pending += line[:-1] + " "
            continue
        whole = pending + line
        if len(whole) < MAX_LINE:
            yield started, _INSTALL.sub(" ", whole)
        started, pending = 0, ""
    if pending:
        yield started, _INSTALL.sub(" ", pending)


def _sections(wanted: re.Pattern[str]) -> Callable[[Lines], Lines]:
    """The values below the headings that tell, without the names of settings and of development's tasks."""

    def choose(lines: Lines) -> Lines:
        inside = silent = False
        for number, line in lines:
            heading = _HEADING.match(line)
            if heading and not line[:1].isspace():
                inside, silent = wanted.fullmatch(heading[1].replace('"', "")) is not None, False
                silent = silent or _DEVELOPMENT.fullmatch(heading[1].rpartition(".")[2]) is not None
                continue
            setting = _SETTING.match(line)
            if setting:
                silent = _DEVELOPMENT.fullmatch(setting[1]) is not None
            if inside and not silent:
                yield number, setting[2] if setting else line

    return choose


def _yaml(lines: Lines) -> Lines:
    """Values; names of keys, services and resources say nothing."""
    silent, depth = False, 0
    for number, line in lines:
        key = _KEY.match(line)
        if key:
            here = len(key[1])
            if silent and here > depth:
                continue
            silent, depth = key[2] in _NO_COMMANDS, here
            if not silent and key[3]:
                yield number, key[3]
        elif not silent:
            yield number, line


def _targets(lines: Lines) -> Lines:
    """The recipes of a Makefile or justfile, but those of development."""
    silent = False
    for number, line in lines:
        target = None if line[:1].isspace() else _TARGET.match(line)
        if target:
            silent = target[1].startswith(".") or _DEVELOPMENT.fullmatch(target[1]) is not None
        elif not silent:
            yield number, line
