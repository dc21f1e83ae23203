"""Patterns for paths, and which files of a project are never part of its image.

``*`` and ``?`` stay within a name, ``**`` crosses folders, ``[abc]`` is one of these characters. A pattern without a
slash means that name anywhere; one with a slash means that path from the project's root. A folder that matches takes
everything in it along.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_VERSION_CONTROL = (".git", ".gitignore", ".gitattributes", ".gitmodules", ".github", ".gitlab-ci.yml", ".hg", ".svn")
_TESTS = ("tests", "test", "test_*.py", "*_test.py", "conftest.py")
_CACHES = ("__pycache__", "*.py[cod]", ".*_cache", ".cache", ".tox", ".nox", ".hypothesis", ".coverage*", "htmlcov")
_NOTEBOOKS = ("*.ipynb", ".ipynb_checkpoints")
_ENVIRONMENTS = (".venv", "venv", ".direnv", "node_modules", ".conda", ".pixi")
_BUILDS = (
    "/build", "/dist", "*.egg-info", "*.egg", "*.whl", "*.deb", "*.oci", "*.oci.tar", ".*.tmp", ".*.part",
    ".slimtorch.lock.*",
)  # fmt: skip
_EDITORS = (".idea", ".vscode", "*.sw[op]", "*~", ".DS_Store", "Thumbs.db", ".editorconfig", ".pre-commit-config.yaml")
SECRETS = (
    "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    ".netrc", ".pypirc", ".npmrc", ".pgpass", ".git-credentials", ".htpasswd", ".ssh", ".aws", ".gnupg", ".kube",
    ".docker", ".env", ".env.*", "*.env", ".envrc", "credentials*.json", "client_secret*.json",
    "service[-_]account*.json", "secret.json", "secret.toml", "secret.y*ml", "secrets.json", "secrets.toml",
    "secrets.y*ml", "secrets.ini", "secrets.txt", "apikey*.json", "api[-_]key*.json", "api[-_]key*.txt",
    "api[-_]key*.toml", "api[-_]key*.y*ml",
)  # fmt: skip
"""What looks like a secret. Never Python: ``secrets.py`` and ``api_key.py`` are modules."""
_RECIPES = (
    "slimtorch.toml", "slimtorch.lock", "pyproject.toml", "uv.toml", "uv.lock", "pylock*.toml", "poetry.lock",
    "Pipfile*", "requirements*.txt", "constraints*.txt", "setup.py", "setup.cfg", "tox.ini", "noxfile.py", "Makefile",
    "Dockerfile*", "*.Dockerfile", ".dockerignore", "docker-compose*", "compose.y*ml", ".ci",
)  # fmt: skip
DEFAULT_EXCLUDES = (
    *_VERSION_CONTROL, *_TESTS, *_CACHES, *_NOTEBOOKS, *_ENVIRONMENTS, *_BUILDS, *_EDITORS, *SECRETS, *_RECIPES,
)  # fmt: skip
"""What is left out unless the project names it in ``include``. Ignore files of other tools are not read."""


def exact(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path relative to the root itself matches one of the patterns, whatever folder it is in."""
    anywhere: list[str] = []
    anchored: list[str] = []
    for pattern in patterns:
        plain = pattern.removeprefix("./").rstrip("/")
        (anchored if "/" in plain else anywhere).append(_expression(plain.lstrip("/")))
    name = re.compile("|".join(anywhere) or r"(?!)")
    path = re.compile("|".join(anchored) or r"(?!)")
    return lambda text: bool(name.fullmatch(text.rpartition("/")[2]) or path.fullmatch(text))


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path relative to the root, or a folder that it is in, matches one of the patterns."""
    itself = exact(patterns)

    @cache
    def folder(text: str) -> bool:
        return bool(text) and matches(text)

    def matches(text: str) -> bool:
        return itself(text) or folder(text.rpartition("/")[0])

    return matches


def rooted(patterns: Iterable[str]) -> Callable[[str], bool]:
    """As `matcher`, but every pattern is a path from the root; ``.`` means everything."""
    plain = [pattern.removeprefix("./").strip("/") or "." for pattern in patterns]
    if "." in plain:
        return lambda _: True
    return matcher(f"/{pattern}" for pattern in plain)


def _expression(pattern: str) -> str:
    """The regular expression of one pattern."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**/"):
            parts.append("(?:.*/)?")
            at += 3
        elif rest.startswith("**"):
            parts.append(".*")
            at += 2
        elif rest[0] in "*?":
            parts.append("[^/]*" if rest[0] == "*" else "[^/]")
            at += 1
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            inner = rest[1:end].replace("\\", r"\\").replace("[", r"\[")
            parts.append("[" + ("^" + inner[1:] if inner[0] == "!" else inner) + "]")
            at += end + 1
        else:
            parts.append(re.escape(rest[0]))
            at += 1
    return "".join(parts)
