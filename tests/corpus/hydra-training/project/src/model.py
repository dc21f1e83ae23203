import lightning as L
import torch


class Classifier(L.LightningModule):
    def __init__(self, net, metric):
        super().__init__()
        self.net, self.metric = net, metric

    def training_step(self, batch, _):
        pictures, labels = batch
        logits = self.net(pictures)
        self.log("accuracy", self.metric(logits, labels))
        return torch.nn.functional.cross_entropy(logits, labels)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())
