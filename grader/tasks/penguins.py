"""The penguin worlds: 60 held-out rows, ten of each (species, sex), and the other 284 for training."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grader.errors import DataUnavailable
from grader.tasks import keys
from grader.tasks.installed import package_folder
from grader.tasks.model import RawInputs, Table, Truth
from grader.tasks.specs import get
from grader.types import TaskId

if TYPE_CHECKING:
    import pandas as pd

PER_GROUP = 10
WHOLE = {"flipper_length_mm": "Flipper Length (mm)", "body_mass_g": "Body Mass (g)"}
COLUMNS = ("species", "island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year")
TARGETS = {TaskId.PENGUINS_CLASSIFICATION: "species", TaskId.PENGUINS_REGRESSION: "body_mass_g"}


def source_folder() -> Path:
    """The installed palmerpenguins' data folder, found without importing it.

    Raises ``DataUnavailable`` if the package is not installed.
    """
    return package_folder("palmerpenguins") / "data"


def load() -> Table:
    """All 344 rows. Raises ``DataUnavailable`` if the file is missing or has other columns."""
    import pandas as pd

    path = source_folder() / "penguins.csv"
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataUnavailable(f"{path} cannot be read; reinstall palmerpenguins.") from error
    if tuple(table.columns) != COLUMNS:
        raise DataUnavailable(f"{path} has unexpected columns; install palmerpenguins 0.1.")
    return table


def held_out_rows(table: Table, key: str) -> list[int]:
    """Positions of the held-out rows: complete rows, ten of each (species, sex).

    The ten whose HMAC-SHA256 by the key is smallest; what is hashed is the row's content (and its position, which tells
    equal rows apart). Their order is by another such hash, so it says nothing about the truth.
    """
    texts = ["\0".join(str(v) for v in row) for row in table.itertuples(index=False)]
    complete = ~table.isna().any(axis=1).to_numpy()
    chosen: list[int] = []
    for species in get(TaskId.PENGUINS_CLASSIFICATION).classes:
        for sex in ("female", "male"):
            group = np.flatnonzero(complete & (table["species"] == species) & (table["sex"] == sex))
            picked = keys.choose(key, f"penguins/{species}/{sex}", [texts[i] for i in group], count=PER_GROUP)
            chosen += [int(group[i]) for i in picked]
    return sorted(chosen, key=lambda i: keys.rank(key, "penguins/order", texts[i]))


def decoys(table: Table, task: TaskId, key: str) -> Table:
    """The held-out rows with false targets: species permuted within each sex, or masses permuted among all."""
    rng = np.random.default_rng(keys.seed(key, f"decoys/{task}"))
    false: Table = table.copy()
    if task is TaskId.PENGUINS_CLASSIFICATION:
        for sex in ("female", "male"):
            chosen = table["sex"] == sex
            false.loc[chosen, "species"] = rng.permutation(table.loc[chosen, "species"].to_numpy())
    else:
        false["body_mass_g"] = rng.permutation(table["body_mass_g"].to_numpy())
    return false


def truth(table: Table, task: TaskId) -> Truth:
    """The targets of a table: labels into the task's classes, or grams (n, 1)."""
    if task is TaskId.PENGUINS_CLASSIFICATION:
        classes = get(task).classes
        return Truth(labels=np.array([classes.index(s) for s in table["species"]], dtype=np.int64))
    return Truth(values=table[["body_mass_g"]].to_numpy(dtype=np.float64))


def inputs(table: Table, task: TaskId) -> RawInputs:
    """The table without the target column, rows numbered from 0."""
    return RawInputs(table=table.drop(columns=TARGETS[task]).reset_index(drop=True))


def known(table: Table, task: TaskId) -> Table:
    """The rows whose target is known: two penguins were never weighed."""
    found: Table = table[table[TARGETS[task]].notna()].reset_index(drop=True)
    return found


def write(folder: Path, table: Table, rows: list[int], *, anonymous: bool = False) -> None:
    """Write ``penguins.csv`` and, for the same rows, ``penguins-raw.csv`` as the package has them.

    ``anonymous``: number the raw rows anew and leave out comments, since the package counts penguins within a species.
    """
    import pandas as pd

    _written(table).to_csv(folder / "penguins.csv", index=False, na_rep="NA")
    raw = pd.read_csv(source_folder() / "penguins-raw.csv", dtype=str, keep_default_na=False).iloc[rows].copy()
    for name, original in WHOLE.items():
        raw[original] = _written(table)[name].astype(str).replace("<NA>", "NA").to_numpy()
    latin = {str(name).split()[0]: name for name in pd.unique(_raw_names())}
    raw["Species"] = [latin[s] for s in table["species"]]
    if anonymous:
        raw["Sample Number"] = range(1, len(raw) + 1)
        raw["Individual ID"] = [f"N{number}A1" for number in range(1, len(raw) + 1)]
        raw["Comments"] = "NA"
    raw.to_csv(folder / "penguins-raw.csv", index=False)


def _raw_names() -> "pd.Series[str]":
    import pandas as pd

    return pd.read_csv(source_folder() / "penguins-raw.csv", usecols=["Species"])["Species"]


def _written(table: Table) -> Table:
    """Whole numbers without a decimal point, as in the package's own file, if a value is missing; else with one.

    Either way pandas reads them back as floats, so that code that works on the training rows works on held-out ones.
    """
    whole: Table = table.astype({name: "Int64" for name in WHOLE if table[name].isna().any()})
    return whole
