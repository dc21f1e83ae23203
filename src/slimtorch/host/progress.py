"""Says what long work is doing. The terminal is the command line's business; here is only what is said."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Task(Protocol):
    """One piece of work that moves on."""

    def advance(self, amount: int) -> None:
        """`amount` more units (bytes, files) are done. May be called from any thread."""
        ...


class Progress(Protocol):
    """Shows tasks, and notes that stay."""

    def task(self, label: str, total: int, unit: str = "bytes") -> AbstractContextManager[Task]:
        """A context in which `label` is shown as running, out of `total` units (0: unknown)."""
        ...

    def note(self, message: str) -> None:
        """A sentence that the user should see and that stays."""
        ...


class _SilentTask:
    def advance(self, amount: int) -> None:
        pass


class Silent:
    """Shows nothing; keeps the notes, so that library users and tests can read them."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def task(self, label: str, total: int, unit: str = "bytes") -> Iterator[Task]:  # noqa: ARG002  (the protocol's names)
        """A task that nobody sees."""
        yield _SilentTask()

    def note(self, message: str) -> None:
        """Keeps the sentence."""
        self.notes.append(message)
