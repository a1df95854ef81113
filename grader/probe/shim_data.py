"""Patches that let palmerpenguins, seaborn and torchvision's MNIST answer from the world folder."""

import functools
from collections.abc import Callable
from typing import Any

from .shim_world import world_file

NOT_MNIST = ("FashionMNIST", "KMNIST", "EMNIST", "QMNIST")
SEX_IN_SEABORN = {"male": "Male", "female": "Female"}
SIZES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def patch_penguins(module: Any) -> None:
    """``load_penguins`` and ``load_penguins_raw`` read the world's files, looked up at every call."""
    module.load_penguins = _table_loader(module.load_penguins)
    module.load_penguins_raw = _raw_loader(module.load_penguins_raw)


def _table_loader(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def load_penguins(return_X_y: bool = False, drop_na: bool = False) -> Any:  # noqa: N803 (the package's own name)
        path = world_file("penguins.csv")
        if not path.is_file():  # a world of another task: the package's own data give nothing away
            return original(return_X_y=return_X_y, drop_na=drop_na)
        import pandas as pd

        penguins = pd.read_csv(path)
        if drop_na:
            penguins = penguins.dropna()
        return (penguins[SIZES], penguins["species"]) if return_X_y else penguins

    return load_penguins


def _raw_loader(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def load_penguins_raw() -> Any:
        path = world_file("penguins-raw.csv")
        if not path.is_file():
            return original()
        import pandas as pd

        return pd.read_csv(path)

    return load_penguins_raw


def patch_seaborn(module: Any) -> None:
    """``load_dataset("penguins")`` is answered from the world; every other data set is seaborn's own affair."""
    original = module.load_dataset

    @functools.wraps(original)
    def load_dataset(name: Any, *args: Any, **kwargs: Any) -> Any:
        path = world_file("penguins.csv")
        if not isinstance(name, str) or name != "penguins" or not path.is_file():
            return original(name, *args, **kwargs)
        import pandas as pd

        table = pd.read_csv(path).drop(columns="year")
        table["sex"] = table["sex"].map(SEX_IN_SEABORN)
        return table.sort_values("species", kind="stable", ignore_index=True)

    module.load_dataset = load_dataset


def patch_mnist(module: Any) -> None:
    """torchvision's own class reads the world's IDX files, whatever its ``root``; its subclasses do too."""
    mnist = module.MNIST
    others = tuple(getattr(module, name) for name in NOT_MNIST if hasattr(module, name))

    def ours(self: Any) -> bool:
        return not isinstance(self, others) and world_file("mnist").is_dir()

    def answer(name: str, value: Any) -> None:
        original = getattr(mnist, name)

        @functools.wraps(original)
        def method(self: Any) -> Any:
            return value if ours(self) else original(self)

        setattr(mnist, name, method)

    answer("_check_exists", True)
    answer("_check_legacy_exist", False)
    answer("download", None)
    raw = mnist.raw_folder.fget
    mnist.raw_folder = property(lambda self: str(world_file("mnist")) if ours(self) else raw(self))
