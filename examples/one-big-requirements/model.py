"""What is left of a reading when everything is taken away that the load of the boiler explains."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Boiler:
    """Readings are normal up to `limit`, a squared distance; the other fields are tensors."""

    mean: torch.Tensor
    scale: torch.Tensor
    residual: torch.Tensor
    limit: float

    @classmethod
    def load(cls, path: Path = HERE / "boiler.npz") -> "Boiler":
        with np.load(path) as saved:
            tensors = {name: torch.from_numpy(saved[name]) for name in ("mean", "scale", "residual")}
            return cls(**tensors, limit=float(saved["limit"]))

    @torch.inference_mode()
    def distances(self, rows: list[tuple[float, ...]]) -> torch.Tensor:
        left = ((torch.tensor(rows) - self.mean) / self.scale) @ self.residual
        return left.square().sum(dim=1)

    def unusual(self, rows: list[tuple[float, ...]]) -> list[bool]:
        # import pdb; pdb.set_trace()
        return (self.distances(rows) > self.limit).tolist()
