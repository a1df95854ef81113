"""A class of tiny submissions: each trains a net for a moment, and no two are the same file."""

from pathlib import Path

SOURCE = '''"""Penguins, hand-in {number}."""

# %%
import torch
from palmerpenguins import load_penguins
from torch import nn

columns = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
penguins = load_penguins().dropna()
inputs = torch.tensor(penguins[columns].to_numpy(), dtype=torch.float32) / 100
species = torch.tensor(penguins["species"].astype("category").cat.codes.to_numpy(), dtype=torch.long)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, species), batch_size=32, shuffle=True)

# %%
net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 3))
optimiser = torch.optim.Adam(net.parameters())
for rows, targets in loader:
    optimiser.zero_grad()
    loss = nn.functional.cross_entropy(net(rows), targets)
    loss.backward()
    optimiser.step()
'''


def students(folder: Path, count: int) -> Path:
    """So many students' folders in ``folder``, which is returned."""
    for number in range(count):
        place = folder / f"student-{number:03d}"
        place.mkdir()
        (place / "penguin_classification.py").write_text(SOURCE.format(number=number), encoding="utf-8")
    return folder
