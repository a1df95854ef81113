"""The penguin table as items of (inputs, targets)."""

from collections.abc import Callable, Sequence
from typing import Any

from palmerpenguins import load_penguins
from torch.utils.data import Dataset

Transform = Callable[[Any], Any] | None


class PenguinDataset(Dataset[Any]):
    """Complete rows; ten of each species and sex are for validation. Every item is looked up in the table anew."""

    def __init__(
        self,
        input_keys: Sequence[str],
        target_keys: Sequence[str],
        train: bool,  # noqa: FBT001  the interface that notebooks use
        x_tfms: Transform = None,
        y_tfms: Transform = None,
    ) -> None:
        self.input_keys, self.target_keys = list(input_keys), list(target_keys)
        self.x_tfms, self.y_tfms = x_tfms, y_tfms
        table = load_penguins().dropna()
        table = table.sort_values(by=sorted(table.columns)).reset_index(drop=True)
        table["sex"] = (table["sex"] == "male").astype(float)
        valid = table.groupby(["species", "sex"]).sample(n=10, random_state=123)
        self.full_df = table
        self.split = table.drop(index=valid.index) if train else valid

    def __len__(self) -> int:
        """Rows of this split."""
        return len(self.split)

    def __getitem__(self, index: int) -> Any:
        """Row ``index`` of this split."""
        row = self.split.iloc[index]
        inputs, targets = tuple(row[self.input_keys]), tuple(row[self.target_keys])
        return (
            inputs if self.x_tfms is None else self.x_tfms(inputs),
            targets if self.y_tfms is None else self.y_tfms(targets),
        )
