"""A submission that trains nothing: a batch starts only if the sandbox gives it nothing for held-out data."""

# %%
from palmerpenguins import load_penguins

penguins = load_penguins()
print(penguins["species"].value_counts())
