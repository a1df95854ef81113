"""Notebooks for the tests of commands."""

import json
from pathlib import Path

NAME = "01_penguin_classification.ipynb"


def save_notebook(path: Path, source: str = "x = 1", **metadata: object) -> Path:
    """A notebook with one cell."""
    cell = {"cell_type": "code", "source": source, "outputs": [], "metadata": {}, "execution_count": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [cell]}))
    return path
