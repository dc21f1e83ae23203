"""Train the network on scikit-learn's digits and write model.safetensors. The same bytes each time on one machine."""

from __future__ import annotations

from pathlib import Path

import torch
from model import SIDE, Digits
from safetensors.torch import save
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("model.safetensors")
SEED = 2
EPOCHS = 60
BATCH = 64


def split() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images, held-out images, training digits, held-out digits: 1437 and 360, always the same ones."""
    images, digits = load_digits(return_X_y=True)
    parts = train_test_split(images, digits, test_size=0.2, random_state=0, stratify=digits)
    return (
        torch.tensor(parts[0], dtype=torch.float32),
        torch.tensor(parts[1], dtype=torch.float32),
        torch.tensor(parts[2], dtype=torch.long),
        torch.tensor(parts[3], dtype=torch.long),
    )


def moved(images: Tensor) -> Tensor:
    """The images, together moved by at most one pixel each way; paper comes in at the edge."""
    down, right = torch.randint(0, 3, (2,)).tolist()
    framed = nn.functional.pad(images.view(-1, SIDE, SIDE), (1, 1, 1, 1))
    return framed[:, down : down + SIDE, right : right + SIDE].flatten(1)


def train(images: Tensor, digits: Tensor) -> Digits:
    """A network that has seen the images 60 times, each time in another order and moved by up to a pixel."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(mode=True)
    torch.set_num_threads(1)
    network = Digits()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            logits = network(moved(images[batch]))
            loss = nn.functional.cross_entropy(logits, digits[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return network.eval()


def accuracy(network: Digits, images: Tensor, digits: Tensor) -> float:
    """The share of images that the network reads right."""
    with torch.inference_mode():
        return (network(images).argmax(dim=1) == digits).float().mean().item()


def main() -> None:
    """Train, write the weights, and say how good they are on the images that were held out."""
    seen, held_out, seen_digits, held_out_digits = split()
    network = train(seen, seen_digits)
    WEIGHTS.write_bytes(save(network.state_dict()))
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size} bytes, {sum(p.numel() for p in network.parameters())} parameters")
    print(f"accuracy on {len(held_out)} held-out images: {accuracy(network, held_out, held_out_digits):.4f}")


if __name__ == "__main__":
    main()
