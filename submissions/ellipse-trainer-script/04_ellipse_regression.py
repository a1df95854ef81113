# %%
"""Ellipse exercise as a percent script. One class does the training, no DataLoader."""

import torch
import torch.nn.functional as F
from torch import nn
from ml_workshop import EllipseDataset
import matplotlib.pyplot as plt


# %%
def as_image(img):
    return torch.as_tensor(img).permute(2, 0, 1).float().div(255)


train_data = EllipseDataset(as_image, torch.as_tensor, True)
valid_data = EllipseDataset(as_image, torch.as_tensor, False)


def batches(data, n_batches, size):
    for _ in range(n_batches):
        items = [data[i] for i in range(size)]
        yield torch.stack([x for x, _ in items]), torch.stack([y for _, y in items])


# %%
class Net(nn.Module):
    """Convolutions on the image minus its own mean colour; sigmoid at the end since targets are fractions."""

    def __init__(self, widths=(16, 32, 32, 64)):
        super().__init__()
        self.convs = nn.ModuleList()
        self.norms = nn.ModuleList()
        n_in = 3
        for n_out in widths:
            self.convs.append(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1))
            self.norms.append(nn.BatchNorm2d(n_out))
            n_in = n_out
        self.head = nn.Linear(n_in * 16, 64)
        self.out = nn.Linear(64, 4)

    def forward(self, x):
        x = F.avg_pool2d(x, 2)
        x = x - x.mean(dim=(2, 3), keepdim=True)
        x = x / (x.std(dim=(2, 3), keepdim=True) + 1e-3)
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
        x = F.relu(self.head(x.flatten(1)))
        return torch.sigmoid(self.out(x))


# %%
class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.opt = torch.optim.AdamW(model.parameters(), lr=lr)
        self.train_log, self.valid_log = [], []

    def step(self, x, y):
        self.opt.zero_grad(set_to_none=True)
        loss = F.mse_loss(self.model(x), y)
        loss.backward()
        self.opt.step()
        return loss.item()

    def run_epoch(self):
        self.model.train()
        losses = [self.step(x, y) for x, y in batches(train_data, 60, 16)]
        self.train_log.append(sum(losses) / len(losses))
        self.model.eval()
        with torch.no_grad():
            losses = [F.mse_loss(self.model(x), y).item() for x, y in batches(valid_data, 4, 50)]
        self.valid_log.append(sum(losses) / len(losses))


trainer = Trainer(Net(), 2e-3)
for epoch in range(15):
    trainer.run_epoch()
    if epoch == 10:
        for group in trainer.opt.param_groups:
            group["lr"] = 5e-4
    print(epoch, trainer.train_log[-1], trainer.valid_log[-1], 128 * trainer.valid_log[-1] ** 0.5)

# %%
plt.plot(trainer.train_log, label="train")
plt.plot(trainer.valid_log, label="valid")
plt.yscale("log")
plt.legend()
plt.show()
