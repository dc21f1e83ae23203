"""The only printer. Results go to stdout; progress, notes, tables beside a result and errors go to stderr.

Rich is imported when there is something to draw, so that quick commands stay quick.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimtorch.findings import Severity
from slimtorch.host.cache import Cache
from slimtorch.host.machine import Machine, cache_root
from slimtorch.host.process import run
from slimtorch.host.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console
    from rich.progress import Progress

    from slimtorch.findings import Finding
    from slimtorch.host.progress import Task


@dataclass(slots=True)
class _Manner:
    """How this process speaks; set once, with the machine."""

    quiet: bool = False


_manner = _Manner()


def machine(cache_dir: Path | None, *, offline: bool, quiet: bool) -> Machine:
    """This machine, with a progress display that fits where stderr goes."""
    home = Path.home()
    root = cache_dir.absolute() if cache_dir else cache_root(os.environ, home)
    _manner.quiet = quiet
    progress = Silent() if quiet else Bars() if sys.stderr.isatty() else Lines()
    return Machine(run, Cache(root), progress, _environment(home, root), home, offline)


def _environment(home: Path, root: Path) -> Mapping[str, str]:
    """This process's environment; where uv cannot keep its cache in the home folder, it does so below ours."""
    place = Path(os.environ.get("UV_CACHE_DIR") or cache_root(os.environ, home).with_name("uv"))
    exists = next((folder for folder in (place, *place.parents) if folder.exists()), place)
    return os.environ if os.access(exists, os.W_OK) else {**os.environ, "UV_CACHE_DIR": str(root / "uv")}


def printable(text: str, *, lines: bool = True) -> str:
    """The text with every control character written out: names of files are not to move a terminal's cursor.

    Line ends stay, unless `lines` is off.
    """
    if text.isprintable():
        return text
    kept = "\n" if lines else ""
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)


def result(text: str) -> None:
    """Prints a command's result."""
    print(printable(text))


def result_json(value: Any) -> None:  # noqa: ANN401  (any JSON value)
    """Prints a command's result as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """Prints a sentence beside the result, unless only results are wanted."""
    if not _manner.quiet:
        print(printable(text), file=sys.stderr)


def error(message: str, hint: str = "") -> None:
    """Prints an error and the way out."""
    print(printable(f"error: {message}" + (f"\n\nhint: {hint}" if hint else "")), file=sys.stderr)


def findings(found: Sequence[Finding], *, to_stdout: bool = False) -> None:
    """Prints findings, the worst first, each with its hint."""
    for finding in sorted(found, key=lambda finding: (-finding.severity, finding.rule)):
        where = f" {finding.location.path}" if finding.location else ""
        line = f"{finding.severity.name.lower()}: {finding.rule}{where}: {finding.message}"
        print(printable(line), file=sys.stdout if to_stdout else sys.stderr)
        if finding.hint and finding.severity > Severity.INFO:
            print(f"  hint: {finding.hint}", file=sys.stdout if to_stdout else sys.stderr)


def diff(text: str, *, to_stdout: bool = True) -> None:
    """Prints a unified diff as it is; on a terminal what goes and what comes are coloured."""
    stream = sys.stdout if to_stdout else sys.stderr
    if not stream.isatty():
        if to_stdout or not _manner.quiet:
            stream.write(text)
        return
    from rich.text import Text  # noqa: PLC0415  (see the module's docstring)

    styles = {"-": "red", "+": "green", "@": "cyan"}
    for line in text.splitlines():
        style = "bold" if line.startswith(("---", "+++")) else styles.get(line[:1], "")
        _rich(stderr=not to_stdout).print(Text(line, style), soft_wrap=True)


def ask(question: str) -> bool:
    """Whether a person says yes; no where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; columns named in `right` hold numbers. `total` is a last row, set apart."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    right: frozenset[str] = frozenset()
    total: Sequence[str] = ()
    title: str = ""


def table(content: Table, *, to_stdout: bool = False) -> None:
    """Prints a table no wider than the terminal; one beside a result not where only results are wanted."""
    if _manner.quiet and not to_stdout:
        return
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  (see the module's docstring)
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = RichTable(
        box=SIMPLE_HEAD, title=content.title or None, title_justify="left", show_footer=bool(content.total)
    )
    for number, name in enumerate(content.columns):
        numeric = name in content.right
        footer = content.total[number] if content.total else ""
        drawn.add_column(name, footer, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in content.rows:
        drawn.add_row(*(Text(printable(cell, lines=False)) for cell in row))  # what an image says is never markup
    _rich(stderr=not to_stdout).print(drawn)


def size(count: float) -> str:
    """Bytes for people, in powers of ten as registries count: ``1.2 GB``."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def seconds(count: float) -> str:
    """A time for people."""
    return f"{count:.1f} s" if count < 120 else f"{count / 60:.1f} min"


def _rich(*, stderr: bool) -> Console:
    from rich.console import Console  # noqa: PLC0415  (see the module's docstring)

    width = None if (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ else 100
    return Console(stderr=stderr, highlight=False, markup=False, width=width)


@dataclass
class _Line:
    label: str
    started: float = field(default_factory=time.monotonic)

    def advance(self, amount: int) -> None:
        """Lines are printed at the end only."""


class Lines:
    """Progress where nobody watches: a line when something that took a while is done."""

    quick = 0.5
    """Seconds below which a task is not worth a line."""

    @contextmanager
    def task(self, label: str, total: int, unit: str = "bytes") -> Iterator[Task]:
        """Says at the end what was done and how long it took."""
        line = _Line(label)
        yield line
        if (took := time.monotonic() - line.started) > self.quick:
            amount = size(total) if unit == "bytes" else f"{total:,} {unit}"
            say(f"{label}: {took:.1f} s" + (f", {amount}" if total else ""))

    def note(self, message: str) -> None:
        """Says it."""
        say(f"note: {message}")


@dataclass
class _Bar:
    progress: Progress
    identity: Any

    def advance(self, amount: int) -> None:
        """Moves the bar."""
        self.progress.advance(self.identity, amount)


class Bars:
    """Progress on a terminal: a bar for each task that runs, gone when it is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._progress: Progress | None = None

    @contextmanager
    def task(self, label: str, total: int, unit: str = "bytes") -> Iterator[Task]:  # noqa: ARG002  (a bar shows a share)
        """Shows the task as a bar while it runs."""
        progress = self._enter()
        identity = progress.add_task(label, total=total or None)
        try:
            yield _Bar(progress, identity)
        finally:
            progress.remove_task(identity)
            self._leave(progress)

    def note(self, message: str) -> None:
        """Says it above the bars."""
        if self._progress:
            self._progress.console.print(f"note: {message}", markup=False)
        else:
            say(f"note: {message}")

    def _enter(self) -> Progress:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        with self._lock:
            if self._progress is None:
                self._progress = Progress(
                    TextColumn("{task.description}", markup=False),
                    BarColumn(),
                    TimeElapsedColumn(),
                    console=_rich(stderr=True),
                    transient=True,
                )
                self._progress.start()
            self._running += 1
            return self._progress

    def _leave(self, progress: Progress) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                progress.stop()
                self._progress = None
