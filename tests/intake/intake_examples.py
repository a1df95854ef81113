"""Submissions as files: notebooks of every sort, scripts and folders, written for one test each."""

import json
import os
from pathlib import Path

TRAINING = """
import torch
from torch import nn
from palmerpenguins import load_penguins
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
loss = nn.CrossEntropyLoss()(model(x), y)
loss.backward()
optimizer.step()
"""
HALF = "from palmerpenguins import load_penguins\nnet = None\n"


def notebook(*sources: str, **metadata: object) -> dict[str, object]:
    """A notebook of format 4 with one code cell for each source."""
    cells = [
        {"cell_type": "code", "source": source, "outputs": [], "metadata": {}, "execution_count": None}
        for source in sources
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def save(path: Path, content: object = None, *, mtime: float | None = None) -> Path:
    """Write a notebook (a dictionary) or text, making folders on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        content = notebook(TRAINING)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path
