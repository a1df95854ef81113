"""Penguins as items of (inputs, targets), split so that every species and sex is equally often in validation."""

from typing import Any

from palmerpenguins import load_penguins
from torch.utils.data import Dataset

_PER_GROUP = 10
_SEED = 123


class PenguinDataset(Dataset[Any]):
    """Complete rows of the penguin table. An item is ``(inputs, targets)``: tuples, or what transforms make of them.

    ``train`` chooses the split: validation has ten rows of each species and sex, training the rest.
    """

    def __init__(self, input_keys, target_keys, train, x_tfms=None, y_tfms=None) -> None:  # type: ignore[no-untyped-def]
        self._rows: Any = None
        self.input_keys, self.target_keys = input_keys, target_keys
        self.x_tfms, self.y_tfms = x_tfms, y_tfms
        table = load_penguins().dropna()
        table = table.sort_values(by=sorted(table.columns)).reset_index(drop=True)
        table["sex"] = (table["sex"] == "male").astype(float)
        self.full_df = table
        valid = table.groupby(["species", "sex"]).sample(n=_PER_GROUP, random_state=_SEED)
        self.split = table.drop(index=valid.index) if train is True else valid

    @property
    def split(self) -> Any:
        """The rows of this split, as a DataFrame. Whoever takes hold of it may change it, so forget prepared rows."""
        self._rows = None
        return self._split

    @split.setter
    def split(self, table: Any) -> None:
        self._rows = None
        self._split = table

    def __len__(self) -> int:
        """Rows of this split."""
        return len(self._split)

    def __getitem__(self, index: int) -> Any:
        """Row ``index`` of this split."""
        if self._rows is None:  # looking rows up in the table one by one would take most of a training's time
            self._rows = (self._tuples(self.input_keys), self._tuples(self.target_keys))
        inputs, targets = self._rows[0][index], self._rows[1][index]
        return (
            inputs if self.x_tfms is None else self.x_tfms(inputs),
            targets if self.y_tfms is None else self.y_tfms(targets),
        )

    def _tuples(self, keys: Any) -> list[tuple[Any, ...]]:
        return list(self._split[list(keys)].itertuples(index=False, name=None))
