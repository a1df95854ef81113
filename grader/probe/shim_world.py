"""Which world folder the data sources read from now, and the sentences for the report that they leave behind."""

import os
from pathlib import Path

NOTES: list[str] = []
MAX_NOTES = 40
WORLD = "GRADER_WORLD"  # environment variables, so that the stand-in ml_workshop and worker processes see them too
TRAINING_WORLD = "GRADER_TRAINING_WORLD"


def use_world(folder: str) -> None:
    """From now on all data come from this world folder."""
    os.environ[WORLD] = str(folder)


def note(sentence: str) -> None:
    """Remember a sentence for the report, once."""
    if sentence not in NOTES and len(NOTES) < MAX_NOTES:
        NOTES.append(sentence)


def world_file(name: str) -> Path:
    """A file of the present world, there or not."""
    return Path(os.environ[WORLD]) / name


def weights_file(name: str) -> Path:
    """A file of pretrained weights; they lie in the training world only."""
    return Path(os.environ[TRAINING_WORLD]) / "weights" / name
