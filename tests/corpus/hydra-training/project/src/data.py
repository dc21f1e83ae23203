import lightning as L
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder


class Birds(L.LightningDataModule):
    def __init__(self, transform):
        super().__init__()
        self.transform = transform

    def train_dataloader(self):
        return DataLoader(ImageFolder("data/birds", transform=self.transform), batch_size=64)
