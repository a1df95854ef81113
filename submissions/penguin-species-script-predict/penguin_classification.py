# %% [markdown]
# Penguin classification, exported from VS Code

# %%
import random

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from palmerpenguins import load_penguins
from torch import nn

# %% load and clean
FEATURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
NAMES = ["Chinstrap", "Adelie", "Gentoo"]

table = load_penguins()
table = table[table[FEATURES].notna().all(axis=1) & table["sex"].notna()]
table = table.sample(frac=1.0, random_state=7).reset_index(drop=True)

n_train = int(0.8 * len(table))
train_table, valid_table = table[:n_train], table[n_train:]
mean, std = train_table[FEATURES].mean(), train_table[FEATURES].std()


def to_x(frame):
    return torch.tensor(((frame[FEATURES] - mean) / std).values, dtype=torch.float32)


def to_y(frame):
    return torch.tensor([NAMES.index(s) for s in frame["species"]])


x_train, y_train = to_x(train_table), to_y(train_table)
x_valid, y_valid = to_x(valid_table), to_y(valid_table)


# %% network
class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 32)
        self.b = nn.Linear(32, 16)
        self.c = nn.Linear(16, 3)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = F.dropout(F.relu(self.b(x)), 0.1, self.training)
        return self.c(x)


net = Classifier()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

# %% train; no DataLoader needed for 200 rows
history = []
for epoch in range(80):
    net.train()
    order = list(range(len(x_train)))
    random.shuffle(order)
    for start in range(0, len(order), 25):
        rows = order[start : start + 25]
        loss = F.cross_entropy(net(x_train[rows]), y_train[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()

    net.eval()
    with torch.no_grad():
        out = net(x_valid)
        history.append((F.cross_entropy(out, y_valid).item(), (out.argmax(1) == y_valid).float().mean().item()))

print("validation loss, accuracy:", history[-1])

# %%
plt.plot([h[0] for h in history])
plt.title("validation loss")
plt.show()


# %%
def predict(inputs):
    """Species names for a table of penguins"""
    net.eval()
    with torch.no_grad():
        return [NAMES[i] for i in net(to_x(inputs)).argmax(1)]


print(predict(valid_table.head()))
