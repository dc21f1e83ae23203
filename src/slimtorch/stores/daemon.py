"""``docker:NAME`` and ``podman:NAME``: images in an engine's own store, through its command line."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from slimtorch.errors import ImageError, MachineError, ToolError
from slimtorch.stores import archive
from slimtorch.stores.cached import keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.host.cache import Cache
    from slimtorch.host.process import Completed, Run
    from slimtorch.image.model import Image

_UNREACHABLE = ("cannot connect", "is the docker daemon running", "permission denied while trying to connect")
_UNKNOWN = ("no such image", "does not exist", "not known", "reference does not exist")


def write(image: Image, engine: str, name: str, run: Run) -> None:
    """Loads the image into the engine as `name`, streaming, without a file in between.

    Raises:
        MachineError: the engine's command or its daemon is not there.
        ToolError: the engine refused the image.
    """
    _check(_feed(image, name, [engine, "load"], run), engine, name)


def read(engine: str, name: str, run: Run, cache: Cache) -> Image:
    """The image as the engine saves it; its layers are kept in the cache.

    Engines keep layers unpacked, so the manifest, and with it the digest, may differ from the one that was loaded.

    Raises:
        MachineError: the engine's command or its daemon is not there.
        ImageError: the engine has no such image.
    """
    with cache.scratch() as folder:
        target = folder / "saved.tar"
        _check(_run(run, [engine, "save", "--output", str(target), name]), engine, name)
        return keep(archive.read(target, cache), cache)


def _feed(image: Image, name: str, argv: Sequence[str], run: Run) -> Completed:
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        future = pool.submit(_consume, run, argv, open(reading, "rb"))  # noqa: PTH123, SIM115  (_consume closes it)
        # A pipe breaks when the tool ends before it has read everything; its exit status says why.
        with suppress(BrokenPipeError), open(writing, "wb") as out:  # noqa: PTH123  (a descriptor, not a path)
            archive.stream(image, out, name)
        return future.result()


def _consume(run: Run, argv: Sequence[str], source: IO[bytes]) -> Completed:
    """Runs the tool; closing our end afterwards wakes a writer whose reader is gone."""
    with source:
        return _run(run, argv, source)


def _run(run: Run, argv: Sequence[str], stdin: IO[bytes] | None = None) -> Completed:
    try:
        return run(argv, stdin=stdin)
    except MachineError as error:
        raise MachineError(error.message, hint=f"install {argv[0]}, or use archive:FILE or oci:DIR") from None


def _check(completed: Completed, engine: str, name: str) -> None:
    if completed.status == 0:
        return
    said = completed.last_lines.lower()
    if any(text in said for text in _UNREACHABLE):
        raise MachineError(
            f"{engine} is installed, but its daemon does not answer:\n{completed.last_lines}",
            hint=f"start the daemon, or write archive:FILE and load it later with '{engine} load -i FILE'",
        )
    if any(text in said for text in _UNKNOWN):
        raise ImageError(f"{engine} has no image {name!r}", hint=f"'{engine} image ls' lists those it has")
    raise ToolError(
        f"{engine} failed with exit status {completed.status}:\n{completed.last_lines}", output=completed.last_lines
    )
