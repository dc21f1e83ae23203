"""The network, its weights, and what it says about an image."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

# torch looks for numpy when it is imported and warns when there is none. This service does not need numpy, and leaving
# it out saves 57 MB of the image.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch  # noqa: E402  (the filter has to come first)
from safetensors.torch import load_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIDE = 8
"""Images are 8 by 8 pixels."""

LEVELS = 16
"""A pixel is between 0 (paper) and 16 (ink)."""


class Digits(nn.Module):
    """Two convolutions and two linear layers: 38,282 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 64),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(64, 10),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits, one row an image, for rows of 64 pixels."""
        logits: Tensor = self.layers(pixels.view(-1, 1, SIDE, SIDE) / LEVELS)
        return logits


def load(weights: Path) -> Digits:
    """The network with these weights, warmed up: its first answer is as quick as the later ones."""
    torch.set_num_threads(int(os.environ.get("TORCH_NUM_THREADS", "1")))
    network = Digits()
    network.load_state_dict(load_file(weights))
    network.eval()
    probabilities(network, [[0.0] * SIDE * SIDE])
    return network


def probabilities(network: Digits, images: Sequence[Sequence[float]]) -> list[list[float]]:
    """For each image, how likely it is each of the ten digits."""
    with torch.inference_mode():
        answers: list[list[float]] = network(torch.tensor(images, dtype=torch.float32)).softmax(dim=1).tolist()
    return answers
