"""A process that forks one slimming after another, so that tests can kill them without starting Python each time.

A line of input is a JSON list: what to do (``slim``, ``keep`` or ``undo``), the folder, the cache's folder, and the
seconds after which to kill it, or null. The answer is the exit status, negative for a signal, and the seconds it took.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from slimtorch.errors import UsageError
from slimtorch.flows import slim_folder
from slimtorch.project.model import Slim
from slimtorch.slim.model import Policy
from slimtorch.tables.gpus import find
from tests.support.machine import quiet_machine

POLICY = Policy(Slim(), tuple(gpu for gpu in [find("h100")] if gpu))


def main() -> None:
    for line in sys.stdin:
        what, folder, cache, delay = json.loads(line)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                work(what, Path(folder), Path(cache))
            except UsageError:
                os._exit(2)
            os._exit(0)
        if delay is not None:
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps([status, time.monotonic() - began]) + "\n")
        sys.stdout.flush()


def work(what: str, folder: Path, cache: Path) -> None:
    if what == "undo":
        slim_folder.undo(folder)
    else:
        slim_folder.slim(slim_folder.Wanted(folder, POLICY, keep=what == "keep"), quiet_machine(cache))


if __name__ == "__main__":
    main()
