"""One source file: what it names, before it is known which of it the project brings itself."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.findings import Location
from slimtorch.inventory.code import (
    expressions,
    importers,
    lines,
    literals,
    references,
    salvage,
    source,
    statements,
    tree,
)
from slimtorch.inventory.code.model import Form, Role, Skipped

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from slimtorch.inventory.code.model import Reference
    from slimtorch.inventory.code.statements import Named

_PATHS = "sys.path"
_PATH_LINE = re.compile(r"\bsys\.path\.(?:insert|append|extend)\(")


@dataclass(slots=True)
class Reading:
    """What one file says.

    `paths` are texts that it adds to ``sys.path``, `computed` the lines on which it imports computed names.
    """

    path: str
    shown: str
    imports: list[Named] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    skipped: Skipped | None = None
    paths: list[str] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)


def read(root: Path, path: str, shown: str, interests: Collection[str]) -> Reading:
    """What one file says; never raises for what is in it. References carry no role yet: `Role.SERVICE`."""
    reading = Reading(path, shown)
    try:
        with (root / path).open("rb") as file:
            data = file.read(tree.MAX_BYTES + 1)
    except OSError as error:
        reading.skipped = Skipped(Location(shown), f"cannot be read: {error.strerror or error}")
        return reading
    if len(data) > tree.MAX_BYTES:
        return _salvaged(reading, data[: tree.MAX_BYTES], f"larger than {tree.MAX_BYTES // 1_000_000} MB")
    parsed = source.parse(data)
    if isinstance(parsed, source.Unreadable):
        return _salvaged(reading, data, parsed.reason, parsed.line)
    try:
        _fill(reading, parsed, interests)
    except (RecursionError, MemoryError):
        return _salvaged(reading, data, "nested too deeply to be read")
    return reading


def _salvaged(reading: Reading, data: bytes, reason: str, line: int = 0) -> Reading:
    """A file without a tree: whatever it is, what it seems to import is not called unused."""
    reading.skipped = Skipped(Location(reading.shown, line), reason)
    reading.imports = salvage.of_bytes(data)
    return reading


def _fill(reading: Reading, parsed: source.Source, interests: Collection[str]) -> None:
    text = parsed.text
    imports = lines.imports(text)
    if source.is_generated(reading.path, text):
        reading.imports = statements.walk(parsed.tree, imports, lines.Lines(())).imports
        reading.skipped = Skipped(Location(reading.shown), "generated: only its imports were read")
        return
    found = statements.walk(parsed.tree, imports, lines.Lines(()))
    reading.imports = found.imports
    seen = references.interest(found.aliases, interests)
    _look(reading, parsed, seen)
    reading.imports.sort(key=lambda named: named.line)


def _look(reading: Reading, parsed: source.Source, seen: references.Interest) -> None:
    """Visit the expressions on the lines whose text says that they matter."""
    text = parsed.text
    commands = literals.starts_programs(text)
    looks = literals.looks(text, commands=commands) | references.looks(text, seen)
    if _PATHS in text:
        looks |= lines.at(text, lines.matching(text, _PATH_LINE))
    if not looks:
        return
    looker = _Looker(reading, references.Reader(seen, reading.shown, Role.SERVICE), commands=commands)
    for node, form in statements.walk(parsed.tree, lines.Lines(()), looks).expressions:
        looker.form = form
        expressions.walk(node, looks, looker.visit)
    # Django joins its list of apps from lists of any name.
    if looker.wide or "INSTALLED_APPS" in text:
        reading.imports += literals.any_word(text)
    reading.references = looker.reader.references
    known = {(named.line, named.module) for named in reading.imports if named.form is not Form.STRING}
    reading.imports = [named for named in reading.imports if _adds(named, known)]


def _adds(named: Named, known: set[tuple[int, str]]) -> bool:
    """Whether a text names something that no import on its line names already."""
    return named.form is not Form.STRING or (named.line, named.module) not in known


class _Looker:
    """Looks at the nodes of one file; `form` is that of an import at their place."""

    __slots__ = ("_commands", "_reading", "form", "reader", "wide")

    def __init__(self, reading: Reading, reader: references.Reader, *, commands: bool) -> None:
        self._reading = reading
        self._commands = commands
        self.reader = reader
        self.form = Form.PLAIN
        self.wide = False

    def visit(self, node: ast.AST) -> bool:
        """Take one node; whether its parts are of interest."""
        kind = type(node)
        if kind in literals.KINDS:
            self._reading.imports += literals.named(node, self.form, commands=self._commands)
        if kind is ast.Call:
            self._computed(node)  # type: ignore[arg-type]
            self._path(node)  # type: ignore[arg-type]
        return self.reader.see(node)

    def _computed(self, call: ast.Call) -> None:
        """``import_module(name)``; of ``import_module(f"a.{name}")`` the part that matters is known."""
        start = importers.computed(call)
        if start is not None:
            self.wide = True
            if "." not in start:
                self._reading.computed.append(call.lineno)

    def _path(self, call: ast.Call) -> None:
        """``sys.path.insert(0, "lib")``."""
        if statements.chain(call.func).startswith(_PATHS):
            self._reading.paths += [value for inner in ast.walk(call) if (value := expressions.text(inner))]
