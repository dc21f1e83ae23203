"""One target for some seconds, guided by coverage: ``python -m tests.fuzz.run TARGET SECONDS FOLDER``.

FOLDER gets the corpus, and the input that broke the target, if one did; the exit status is then not 0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["slimtorch.elf", "slimtorch.slim"]):
    from tests.fuzz.targets import TARGETS, starts

LARGEST = 256
"""Bytes of an input, which tells of damage (`tests.fuzz.damage`) or is a tiny library."""
SLOWEST = 20
"""Seconds after which an input counts as a hang."""
MEMORY = 1024
"""Megabytes of the whole process above which an input counts as a bomb."""


def main() -> None:
    """Writes the seeds, then fuzzes."""
    name, seconds, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    check = TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(starts()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={folder}/",
        "-len_control=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
