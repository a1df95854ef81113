"""Penguin species classifier. Usage: from penguins import train; model = train()"""

import torch
from ml_workshop import PenguinDataset
from torch import nn
from torch.utils.data import DataLoader

COLUMNS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "sex"]
LABELS = {"Gentoo": 0, "Adelie": 1, "Chinstrap": 2}


def x_transform(x):
    return torch.tensor(x, dtype=torch.float)


def y_transform(y):
    return LABELS[y[0]]


def build_model():
    layers = [nn.BatchNorm1d(len(COLUMNS))]
    width = len(COLUMNS)
    for hidden in (32, 32):
        layers += [nn.Linear(width, hidden), nn.GELU()]
        width = hidden
    layers.append(nn.Linear(width, len(LABELS)))
    return nn.Sequential(*layers)


def accuracy(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(dim=1) == y).sum().item()
            total += len(y)
    return right / total


def train(epochs=50, lr=2e-3):
    train_loader = DataLoader(
        PenguinDataset(COLUMNS, ["species"], True, x_tfms=x_transform, y_tfms=y_transform),
        batch_size=16,
        shuffle=True,
        drop_last=True,
    )
    valid_loader = DataLoader(
        PenguinDataset(COLUMNS, ["species"], False, x_tfms=x_transform, y_tfms=y_transform), batch_size=64
    )
    model = build_model()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
        acc = accuracy(model, valid_loader)
    print(f"validation accuracy after {epochs} epochs: {acc:.3f}")
    return model


if __name__ == "__main__":
    torch.save(train().state_dict(), "penguins.pt")
