"""Rows and batches are known again, whatever the size of their numbers and wherever images are empty."""

import pytest
import torch

from grader.probe.episodes import Episode
from grader.probe.tensors import RowHasher

NOISE = torch.rand(400, 1, 28, 28, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("scale", [1.0, 1 / 255, 1e-6, 1e-30, 4_000.0])
def test_rows_differ_at_any_scale(scale: float) -> None:
    found = RowHasher()(NOISE[:100] * scale)
    assert len(set(found)) == 100
    assert RowHasher()(NOISE[:7] * scale) == found[:7]


def test_odd_rows_have_fingerprints_too() -> None:
    odd = torch.tensor([[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0], [1e-45, 0.0], [1e38, 0.0]])
    assert len(RowHasher()(odd)) == 5
    assert len(RowHasher()(torch.zeros(3, 0))) == 3


def _distinct(batches: list[torch.Tensor]) -> int:
    episode = Episode(torch.optim.SGD([torch.zeros(1, requires_grad=True)]), None, 0)
    for batch in batches:
        episode.batch(batch)
    return len(episode.batches)


def test_batches_of_images_with_empty_borders_are_told_apart() -> None:
    padded = torch.zeros(400, 1, 224, 224)
    padded[:, :, 98:126, 98:126] = NOISE
    assert _distinct(list(padded.split(50))) == 8
    assert _distinct([padded[:50]] * 8) == 1


def test_rows_of_a_table_may_come_in_any_order() -> None:
    rows = torch.randn(16, 5, generator=torch.Generator().manual_seed(1))
    mixed = rows[torch.randperm(16, generator=torch.Generator().manual_seed(3))]
    assert _distinct([rows, rows.clone()]) == 1
    assert _distinct([rows, mixed]) <= 2
