"""Sets the random states and thread counts that make a run repeatable."""

import random


def seed(value: int, threads: int) -> None:
    """Seed Python, numpy and torch; one value for all. ``threads``: torch's intra-op threads."""
    import numpy as np
    import torch

    random.seed(value)
    np.random.seed(value % 2**32)
    torch.manual_seed(value)
    torch.set_num_threads(max(1, threads))
