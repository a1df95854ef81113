#!/usr/bin/env python
# coding: utf-8

# # Digits without a DataLoader
# Converted from a notebook.

# In[ ]:


import torch
import torchvision
from torch import nn
import matplotlib.pyplot as plt

# In[ ]:


train = torchvision.datasets.MNIST("data", train=True, download=True)
test = torchvision.datasets.MNIST("data", train=False, download=True)

x_train = train.data.unsqueeze(1).float() / 255
y_train = train.targets
x_test = test.data.unsqueeze(1).float() / 255
y_test = test.targets
print(x_train.shape, x_test.shape)

# In[ ]:


class Block(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__(nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(Block(1, 8), Block(8, 16), Block(16, 32), nn.Flatten(), nn.Dropout(0.1), nn.Linear(32 * 9, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

# In[ ]:


def train_one_epoch(batch=50):
    model.train()
    perm = torch.randperm(len(x_train))
    running = 0
    for i in range(0, len(perm), batch):
        idx = perm[i : i + batch]
        optimizer.zero_grad()
        loss = loss_fn(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    return running / len(perm)


def validate_one_epoch():
    model.eval()
    with torch.no_grad():
        out = model(x_test)
    return loss_fn(out, y_test).item(), (out.argmax(1) == y_test).float().mean().item()


# In[ ]:


results = []
for epoch in range(10 if len(x_train) < 5000 else 4):
    results.append((train_one_epoch(), *validate_one_epoch()))
    print(epoch, results[-1])

# In[ ]:


plt.plot(results)
plt.show()
