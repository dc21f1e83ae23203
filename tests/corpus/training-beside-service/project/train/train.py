import albumentations as A
import torch
import wandb
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from leaves.network import Leaves

wandb.init(project="leaves")
writer = SummaryWriter()
network = Leaves()
flip = A.HorizontalFlip()
optimizer = torch.optim.AdamW(network.parameters())
for step in tqdm(range(1000)):
    optimizer.step()
torch.save(network.state_dict(), "leaves.pt")
