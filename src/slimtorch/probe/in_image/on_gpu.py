"""Runs in a container that has a GPU: computes every operator family there and prints the results as JSON.

Reads ``{"operators": {file name: source}, "device": …}`` from standard input. Without torch, without a GPU or with a
driver that does not work it prints ``{"error": …}``.
"""
# ruff: noqa: PTH123
# Runs once in somebody else's image, with the interpreter that it has.

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile


def main() -> None:
    """Prints the results."""
    job = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is none of the report
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/operators")  # noqa: PTH102
        for name, source in job["operators"].items():
            with open(f"{folder}/operators/{name}", "w", encoding="utf-8") as stream:
                stream.write(source)
        sys.path.insert(0, folder)
        try:
            results = importlib.import_module("operators.__main__").record(job["device"], slow=True)
        except Exception as error:  # noqa: BLE001  (it is the result)
            results = {"error": f"{type(error).__name__}: {error}"}
    json.dump(results, report)
    report.write("\n")
    report.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
