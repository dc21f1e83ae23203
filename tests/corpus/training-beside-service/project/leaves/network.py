import torch
from einops.layers.torch import Rearrange
from torch import nn


class Leaves(nn.Sequential):
    def __init__(self):
        super().__init__(
            Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=16, q=16),
            nn.Linear(768, 64),
            nn.TransformerEncoderLayer(64, 4, batch_first=True),
            nn.Flatten(),
            nn.Linear(196 * 64, 30),
        )
