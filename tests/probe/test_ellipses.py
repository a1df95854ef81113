"""The quick way of drawing ellipses gives the pixels and uses up the random numbers of the straightforward one."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from skimage.draw import ellipse

PATH = Path(__file__).parents[2] / "grader" / "probe" / "standin" / "ml_workshop" / "_ellipse.py"


@pytest.fixture(scope="module")
def module():
    """The stand-in for the course's module, loaded from its file."""
    spec = importlib.util.spec_from_file_location("ellipses_of_the_course", PATH)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def drawn(rng):
    """An item as the course describes it."""
    radii = rng.integers(4, 32, size=2)
    centre = rng.integers(radii.max(), 128 - radii.max(), size=2)
    image = np.empty((128, 128, 3), dtype=np.uint8)
    image[:] = rng.integers(256, size=3)
    image[ellipse(*centre, *radii, shape=(128, 128))] = rng.integers(256, size=3)
    return image, np.array([*centre, *radii], dtype=np.float32) / 128


@pytest.mark.parametrize(("training", "seed"), [(True, 123), (False, 666)])
def test_items_are_bit_identical_and_so_is_the_generator_afterwards(module, monkeypatch, training, seed):
    monkeypatch.delenv("GRADER_WORLD", raising=False)
    data, rng = module.EllipseDataset(training=training), np.random.default_rng(seed)
    for index in range(1500):
        image, target = data[index]
        expected, truth = drawn(rng)
        assert image.dtype == expected.dtype and image.flags.c_contiguous and image.flags.owndata
        assert np.array_equal(image, expected)
        assert target.dtype == truth.dtype and np.array_equal(target, truth)
    assert data._rng.bit_generator.state == rng.bit_generator.state


@pytest.mark.parametrize("height", range(4, 32))
def test_every_shape_is_the_library_s_own(module, height):
    for width in range(4, 32):
        whole = np.zeros((128, 128), dtype=bool)
        whole[ellipse(40, 60, height, width, shape=whole.shape)] = True
        box = whole[40 - height : 41 + height, 60 - width : 61 + width]
        assert np.array_equal(module._inside(height, width), box.repeat(3, axis=1))
        assert box.sum() == whole.sum()
