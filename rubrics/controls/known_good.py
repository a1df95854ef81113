"""A solution that must get nearly all marks: a batch starts only if the sandbox marks it so."""

# %%
import torch
from palmerpenguins import load_penguins
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

COLUMNS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
torch.manual_seed(0)
penguins = load_penguins().dropna(subset=COLUMNS).sample(frac=1.0, random_state=0)
inputs = torch.tensor(penguins[COLUMNS].to_numpy(), dtype=torch.float32)
inputs = (inputs - inputs.mean(dim=0)) / inputs.std(dim=0)
species = torch.tensor(penguins["species"].astype("category").cat.codes.to_numpy(), dtype=torch.long)

# %%
cut = int(0.8 * len(inputs))
training = DataLoader(TensorDataset(inputs[:cut], species[:cut]), batch_size=16, shuffle=True)
validation = DataLoader(TensorDataset(inputs[cut:], species[cut:]), batch_size=64)

# %%
net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
criterion = nn.CrossEntropyLoss()
optimiser = torch.optim.Adam(net.parameters(), lr=0.01)

# %%
for epoch in range(40):
    net.train()
    for rows, targets in training:
        optimiser.zero_grad()
        loss = criterion(net(rows), targets)
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        losses = [criterion(net(rows), targets).item() for rows, targets in validation]
    print(epoch, sum(losses) / len(losses))
