"""``record OUT.json`` computes every family; ``compare A.json B.json`` says where the results differ.

``record`` ends with 0, or with 2 where torch or the device is missing. ``compare`` ends with 0 where all is alike, with
1 where it is not, with 2 where the files cannot be compared. Bytes are compared; where a family gave other bytes when
it was computed a second time in the same process (atomic additions on a GPU), its values are, within a tolerance.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .comparing import compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .comparing import Results

DESCRIPTION = "Computes families of torch operators and compares the results of two installations."


def record(device: str, *, slow: bool) -> Results:
    """What this installation computes on the device.

    Raises:
        RuntimeError: the device is not there.
        ImportError: torch is not.
    """
    from . import battery  # noqa: PLC0415  (comparing needs no torch)
    from .rig import torch  # noqa: PLC0415

    battery.settle()
    torch.zeros(1, device=device)
    about = {"torch": torch.__version__, "device": _device_name(torch, device), "python": platform.python_version()}
    families = {}
    for name in battery.names(device, slow=slow):
        began = time.perf_counter()
        first, second = battery.outcome(name, device), battery.outcome(name, device)
        first["seconds"] = round(time.perf_counter() - began, 3)
        families[name] = {**first, "stable": first.get("digest") == second.get("digest")}
    return {"format": 1, "about": about, "families": families}


def _device_name(torch: Any, device: str) -> str:  # noqa: ANN401  (a module)
    if not device.startswith("cuda"):
        return f"{device} ({platform.machine()})"
    major, minor = torch.cuda.get_device_capability(device)
    return f"{torch.cuda.get_device_name(device)} ({major}.{minor}), CUDA {torch.version.cuda}"


def main(argv: Sequence[str]) -> int:
    """The exit status."""
    asked = _parser().parse_args(argv)
    try:
        if asked.command == "record":
            results = record(asked.device, slow=not asked.quick)
            text = json.dumps(results, indent=1, sort_keys=True)
            print(text) if asked.file == "-" else Path(asked.file).write_text(text + "\n", encoding="utf-8")
            return 0
        return _compared(asked)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, AssertionError) as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


def _compared(asked: argparse.Namespace) -> int:
    before, after = (json.loads(Path(path).read_text(encoding="utf-8")) for path in (asked.before, asked.after))
    if before["about"]["device"] != after["about"]["device"]:
        raise ValueError(f"computed on {before['about']['device']} and {after['about']['device']}")
    differences = compare(before, after, asked.expect_missing)
    print("\n".join([*differences, f"{len(before['families'])} families, {len(differences)} differences"]))
    return int(bool(differences))


def _missing(text: str) -> tuple[str, str]:
    name, _, said = text.partition("=")
    return name, said or name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_parity", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="compute every family")
    recording.add_argument("file", metavar="OUT.json", help="'-' for standard output")
    recording.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu")
    recording.add_argument("--quick", action="store_true", help="without torch.compile")
    comparing = commands.add_parser("compare", help="say where two results differ")
    comparing.add_argument("before", metavar="BEFORE.json")
    comparing.add_argument("after", metavar="AFTER.json")
    comparing.add_argument("--expect-missing", action="append", default=[], type=_missing, metavar="FAMILY=TEXT")
    return parser


def run() -> None:
    """Ends the process; where an archive of this package begins."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
