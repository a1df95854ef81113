"""Patches that answer requests for pretrained weights from the world folder, or leave the model its random values."""

import functools
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from .shim_world import note, weights_file

VISION_REPOSITORY = "pytorch/vision"
LACKING: WeakSet[Any] = WeakSet()  # modules that were to begin with weights that are not at hand
HUB_OPTIONS = ("source", "trust_repo", "force_reload", "verbose", "skip_validation")


class MissingWeights(dict[str, Any]):
    """Stands for pretrained weights that are not at hand: loading it into a module changes nothing."""

    def __delitem__(self, key: str) -> None:
        """Nothing is there to be deleted; notebooks delete the entries of the last layer."""

    def pop(self, key: str, *default: Any) -> Any:
        """Nothing is there to be taken out."""
        return default[0] if default else None


def patch_hub(module: Any) -> None:
    """``load_state_dict_from_url`` needs no network, nor does ``load`` for torchvision's models."""
    load_original = module.load

    @functools.wraps(module.load_state_dict_from_url)
    def load_state_dict_from_url(url: str, *_args: Any, **_kwargs: Any) -> Any:
        return state_dict(url)

    @functools.wraps(load_original)
    def load(repo_or_dir: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        builder = _vision_builder(repo_or_dir, model)
        if builder is None:
            return load_original(repo_or_dir, model, *args, **kwargs)
        return builder(*args, **{k: v for k, v in kwargs.items() if k not in HUB_OPTIONS})

    module.load_state_dict_from_url, module.load = load_state_dict_from_url, load


def _vision_builder(repository: Any, model: Any) -> Any:
    if str(repository).split(":")[0] != VISION_REPOSITORY:
        return None
    from torchvision import models

    return getattr(models, str(model), None)


def patch_weights_enum(module: Any) -> None:
    """``Weights.get_state_dict`` is answered likewise: torchvision's builders call it."""

    def get_state_dict(self: Any, *_args: Any, **_kwargs: Any) -> Any:
        return state_dict(self.url)

    module.WeightsEnum.get_state_dict = get_state_dict


def patch_module(module: Any) -> None:
    """``load_state_dict`` given weights that are not at hand leaves the module as it is."""
    original = module.Module.load_state_dict

    @functools.wraps(original)
    def load_state_dict(self: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(state_dict, MissingWeights):
            _note_lack(self)
            state_dict = self.state_dict()
        return original(self, state_dict, *args, **kwargs)

    module.Module.load_state_dict = load_state_dict


def lacks(module: Any) -> bool:
    """Whether a module was to begin with pretrained weights that are not at hand."""
    with suppress(Exception):  # it may have an equality of its own, and no hash
        return module in LACKING
    return False


def _note_lack(model: Any) -> None:
    for part in model.modules():  # another net may be built of its parts
        with suppress(Exception):
            LACKING.add(part)


def state_dict(url: Any) -> Any:
    """The weights of that file name if the instructor has put them there and they can be read."""
    name = str(url).split("?")[0].rsplit("/", 1)[-1]
    path = weights_file(name)
    if not path.is_file():
        note(f"The pretrained weights {name} were not at hand; the model started from random values instead.")
        return MissingWeights()
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # a damaged file is the harness's trouble, not the student's
        note(f"The weights file {name} could not be read ({type(problem).__name__}); random values were used instead.")
        return MissingWeights()
