"""What Python sources import, by the look of their lines: fast, and it rather sees an import too many than one too few.

An example in a docstring counts as an import: whoever asks here asks whether something may go, and in doubt it stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_REST = (
    rb"(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\((?:[^)#]|#[^\n]*)*\)|[^\n#;\\]*(?:\\\n[^\n#;\\]*)*)"
    rb"|import[ \t]+([^\n#;\\]*(?:\\\n[^\n#;\\]*)*))"
)
_STATEMENT = re.compile(rb"^([ \t]*)" + _REST, re.MULTILINE)
_INNER = re.compile(rb"[:;]([ \t]*)" + _REST)
"""A statement behind another on its line: ``try: import x``, ``import x; import y``. Taken for one of the module."""
_HINTS = (b"; import", b": import", b";import", b":import", b"; from", b": from", b";from", b":from")
_COMMENT = re.compile(rb"#[^\n]*")
_LITERAL = re.compile(rb"(?:import_module|__import__)\(\s*[\"']([\w.]+)[\"']")
_NAME = re.compile(r"[\w.]+")


@dataclass(frozen=True, slots=True)
class Imported:
    """Modules that one statement may import, absolute and dotted; `plain` if the statement is not indented."""

    names: tuple[str, ...]
    plain: bool


def of_source(data: bytes, module: str, *, package: bool) -> Iterator[Imported]:
    """What the source of `module` imports; `package` says that it is the ``__init__`` of a package.

    Of ``from a.b import c`` both ``a.b`` and ``a.b.c`` are named: ``c`` may be a module.
    """
    expressions = (_STATEMENT, _INNER) if any(hint in data for hint in _HINTS) else (_STATEMENT,)
    for match in (match for expression in expressions for match in expression.finditer(data)):
        plain = not match[1] or match.re is _INNER
        if match[4] is not None:
            yield Imported(tuple(_listed(match[4])), plain)
            continue
        base = absolute(match[2].decode("ascii", "replace"), module, package=package)
        names = [f"{base}.{name}" if base else name for name in _listed(match[3])]
        yield Imported((base, *names) if base else tuple(names), plain)
    if b"import_module" in data or b"__import__" in data:
        yield from (Imported((match[1].decode("ascii"),), plain=False) for match in _LITERAL.finditer(data))


def absolute(name: str, module: str, *, package: bool) -> str:
    """A dotted name as `module` would import it, leading dots resolved; '' where they lead above the top."""
    rest = name.lstrip(".")
    dots = len(name) - len(rest)
    if not dots:
        return rest
    parts = module.split(".")
    keep = len(parts) - dots + (1 if package else 0)
    return ".".join([*parts[: max(keep, 0)], *([rest] if rest else [])])


def _listed(text: bytes) -> Iterator[str]:
    """The names of an import list, without what they are called afterwards."""
    for part in _COMMENT.sub(b"", text).decode("ascii", "replace").strip("() \t\r\n").split(","):
        if found := _NAME.match(part.strip(" \t\r\n\\")):
            yield found[0]
