"""Write checks.json: held-out inputs with this service's answers, which `slimtorch verify` asks an image for."""

from __future__ import annotations

import json
from pathlib import Path

from model import load
from serve import WEIGHTS, Question, answer
from train import split

CHECKS = Path(__file__).with_name("checks.json")
COUNT = 24


def main() -> None:
    """Ask the network about the first 24 held-out images: 20 alone, and the last 4 as one batch."""
    network = load(WEIGHTS)
    _, held_out, _, _ = split()
    images = [[int(pixel) for pixel in row] for row in held_out[:COUNT].tolist()]
    batches = [[image] for image in images[:20]] + [images[20:]]
    checks = [
        {"input": {"images": batch}, "output": answer(network, Question(images=batch)).model_dump()}
        for batch in batches
    ]
    lines = ",\n".join(json.dumps(check, separators=(",", ":")) for check in checks)
    CHECKS.write_text(f"[\n{lines}\n]\n")
    print(f"{CHECKS.name}: {len(checks)} requests")


if __name__ == "__main__":
    main()
