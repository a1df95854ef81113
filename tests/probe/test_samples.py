"""Rows of validation passes: each is looked into until a pass has brought nothing new."""

import pytest
import torch
from torch import Tensor

from grader.probe import samples
from grader.probe.samples import IMAGE_ROWS, Sample
from grader.probe.tensors import RowHasher

IMAGES = torch.rand(4 * IMAGE_ROWS, 1, 20, 20, generator=torch.Generator().manual_seed(4))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches whose fingerprints were taken."""
    found: list[int] = []

    class Counted(RowHasher):
        def __call__(self, batch: Tensor) -> list[int]:
            found.append(len(batch))
            return super().__call__(batch)

    monkeypatch.setattr(samples, "RowHasher", Counted)
    return found


def _look(sample: Sample, images: Tensor) -> None:
    sample.begin_pass()
    for batch in images.split(IMAGE_ROWS):
        sample.add(batch, torch.zeros(len(batch), 10), None, None)


def test_a_pass_over_the_same_images_is_not_hashed_for_ever(hashed: list[int]) -> None:
    sample = Sample(fresh=True)
    for _ in range(2):
        _look(sample, IMAGES)
    assert len(hashed) == 8
    for _ in range(3):
        _look(sample, IMAGES)
    assert len(hashed) == 11  # those that are kept, of each pass
    assert len(sample.hashes) == len(IMAGES)
    torch.testing.assert_close(sample.arrays("eval")["eval_inputs"], IMAGES[:IMAGE_ROWS].numpy())


def test_a_pass_that_goes_further_than_the_ones_before() -> None:
    sample = Sample(fresh=True)
    for _ in range(3):
        _look(sample, IMAGES[: 2 * IMAGE_ROWS])
    _look(sample, IMAGES)
    assert len(sample.hashes) == len(IMAGES)


def test_other_images_at_a_later_pass() -> None:
    sample = Sample(fresh=True)
    for _ in range(3):
        _look(sample, IMAGES)
    _look(sample, IMAGES + 1)
    assert len(sample.hashes) == 2 * len(IMAGES)


def test_training_rows_are_all_hashed(hashed: list[int]) -> None:
    sample = Sample(fresh=False)
    for _ in range(3):
        _look(sample, IMAGES)
    assert len(hashed) == 12
