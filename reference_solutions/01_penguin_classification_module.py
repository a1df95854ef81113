"""Reference solution of the penguin species task as a module: ``train()`` returns the trained network."""

import torch
from ml_workshop import PenguinDataset
from torch import nn
from torch.utils.data import DataLoader

SPECIES = ("Adelie", "Gentoo", "Chinstrap")
INPUTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex"]
N_EPOCHS = 100


def to_inputs(values: tuple[float, ...]) -> torch.Tensor:
    """Return the raw measurements as a float tensor (5,)."""
    return torch.tensor(values, dtype=torch.float32)


def to_class_index(values: tuple[str, ...]) -> torch.Tensor:
    """Return the index into ``SPECIES`` as an integer tensor ()."""
    return torch.tensor(SPECIES.index(values[0]))


class SpeciesNet(nn.Module):
    """Two hidden layers on normalised measurements; forward maps (n, 5) to logits (n, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm1d(len(INPUTS))
        self.hidden = nn.Sequential(nn.Linear(len(INPUTS), 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
        self.output = nn.Linear(16, len(SPECIES))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits, one per species."""
        return self.output(self.hidden(self.normalise(inputs)))


def make_loader(*, train: bool) -> DataLoader:
    """Return the loader of the training rows, or of the 60 validation rows."""
    dataset = PenguinDataset(INPUTS, ["species"], train, x_tfms=to_inputs, y_tfms=to_class_index)
    return DataLoader(dataset, batch_size=16 if train else 60, shuffle=train, drop_last=train)


def train_one_epoch(
    model: nn.Module, loader: DataLoader, loss_function: nn.Module, optimiser: torch.optim.Optimizer
) -> float:
    """Return the mean loss over one epoch of training."""
    model.train()
    losses = []
    for inputs, targets in loader:
        optimiser.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def validate_one_epoch(model: nn.Module, loader: DataLoader, loss_function: nn.Module) -> tuple[float, float]:
    """Return the mean loss and the accuracy over the validation set."""
    model.eval()
    losses, hits = [], []
    with torch.no_grad():
        for inputs, targets in loader:
            logits = model(inputs)
            losses.append(loss_function(logits, targets).item())
            hits.append(logits.argmax(dim=1) == targets)
    return sum(losses) / len(losses), torch.cat(hits).float().mean().item()


def train() -> nn.Module:
    """Return the trained network."""
    train_loader, valid_loader = make_loader(train=True), make_loader(train=False)
    model = SpeciesNet()
    loss_function = nn.CrossEntropyLoss()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(N_EPOCHS):
        train_loss = train_one_epoch(model, train_loader, loss_function, optimiser)
        valid_loss, accuracy = validate_one_epoch(model, valid_loader, loss_function)
        if epoch % 20 == 19:
            print(f"epoch {epoch + 1}: loss {train_loss:.3f} / {valid_loss:.3f}, validation accuracy {accuracy:.3f}")
    return model
