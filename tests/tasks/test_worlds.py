"""The worlds: who sees which rows, that keys decide, and that the cache survives damage and races."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from idx_examples import write_mnist

from grader.errors import DataUnavailable
from grader.tasks import build_world, digits, ellipses, idx, penguins, worlds
from grader.tasks.model import World
from grader.types import TaskId

SPECIES, MASS = TaskId.PENGUINS_CLASSIFICATION, TaskId.PENGUINS_REGRESSION
MNIST, ELLIPSE = TaskId.MNIST_CLASSIFICATION, TaskId.ELLIPSE_REGRESSION
MEASURED = ["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "sex", "year"]
RAW_MEASURED = ["Island", "Culmen Length (mm)", "Culmen Depth (mm)", "Flipper Length (mm)", "Delta 15 N (o/oo)"]


@pytest.fixture(autouse=True)
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No real MNIST and no weights, whatever this machine has."""
    monkeypatch.setenv("GRADER_DATA_DIR", str(tmp_path / "no-data"))


def table(folder: Path, name: str = "penguins.csv") -> pd.DataFrame:
    return pd.read_csv(folder / name)


def rows(frame: pd.DataFrame, columns: list[str]) -> set[tuple[str, ...]]:
    return {tuple(str(v) for v in row) for row in frame[columns].itertuples(index=False)}


def files(world: World) -> list[Path]:
    """Every file the sandbox is shown while the student's code runs."""
    return [p for p in world.training_dir.rglob("*") if p.is_file()] + list(world.masks.values())


@pytest.mark.parametrize("task", [SPECIES, MASS])
def test_penguin_rows_are_parted(task: TaskId, tmp_path: Path) -> None:
    """60 rows are held out, ten of each species and sex; the other 284 remain, the incomplete ones included."""
    world = build_world(task, cache_dir=tmp_path)
    training, heldout = table(world.training_dir), table(world.heldout_dir)
    assert (len(training), len(heldout), len(world.heldout)) == (284, 60, 60)
    assert int(training.isna().any(axis=1).sum()) == 11
    assert set(heldout.groupby(["species", "sex"]).size()) == {10}
    assert tuple(training.columns) == penguins.COLUMNS
    everything = rows(penguins.load(), MEASURED)
    assert rows(training, MEASURED) | rows(heldout, MEASURED) == everything


@pytest.mark.parametrize("task", [SPECIES, MASS])
def test_no_held_out_penguin_is_shown_in_training(task: TaskId, tmp_path: Path) -> None:
    """No file of the training world, and no file shown for an installed one, holds a held-out row."""
    world = build_world(task, cache_dir=tmp_path)
    hidden = rows(table(world.heldout_dir), MEASURED)
    hidden_raw = rows(table(world.heldout_dir, "penguins-raw.csv"), RAW_MEASURED)
    names = set()
    for path in files(world):
        names.add(path.name)
        if path.name == "penguins.csv":
            assert not rows(pd.read_csv(path), MEASURED) & hidden
        elif path.name == "penguins-raw.csv":
            assert not rows(pd.read_csv(path), RAW_MEASURED) & hidden_raw
        else:
            assert path.name == "world.json" or not path.read_bytes()
    assert names >= {"penguins.csv", "penguins-raw.csv", "world.json"}
    assert {p.name for p in world.masks} >= {"penguins.csv", "penguins-raw.csv"}
    assert all(p.is_file() for p in [*world.masks, *world.masks.values()])


def test_species_decoys(tmp_path: Path) -> None:
    """The shown species are false, permuted within each sex; the true ones are not on disk."""
    world = build_world(SPECIES, cache_dir=tmp_path)
    shown = table(world.heldout_dir)
    classes = np.array(["Adelie", "Chinstrap", "Gentoo"])
    truth, decoys = world.heldout_truth.labels, world.decoys.labels
    assert truth is not None and decoys is not None
    assert (classes[decoys] == shown["species"]).all()
    assert 0.1 < float((truth == decoys).mean()) < 0.6
    raw = table(world.heldout_dir, "penguins-raw.csv")
    assert (raw["Species"].str.split().str[0] == shown["species"]).all()
    assert raw["Sample Number"].tolist() == list(range(1, 61))


def test_mass_decoys(tmp_path: Path) -> None:
    """The shown masses are the true ones in another order, in both files."""
    world = build_world(MASS, cache_dir=tmp_path)
    shown = table(world.heldout_dir)["body_mass_g"].to_numpy()
    truth = world.heldout_truth.values
    assert truth is not None
    assert sorted(shown) == sorted(truth[:, 0])
    assert float((shown == truth[:, 0]).mean()) < 0.3
    assert (table(world.heldout_dir, "penguins-raw.csv")["Body Mass (g)"] == shown).all()


def test_true_targets_match_the_package(tmp_path: Path) -> None:
    """The truth is that of the package, found again by measurements and mass."""
    world = build_world(SPECIES, cache_dir=tmp_path)
    assert world.heldout.table is not None and world.heldout_truth.labels is not None
    merged = world.heldout.table.assign(row=range(60)).merge(penguins.load(), on=[*MEASURED, "body_mass_g"])
    names = np.array(["Adelie", "Chinstrap", "Gentoo"])[world.heldout_truth.labels]
    assert len(merged) == 60
    assert (merged.sort_values("row")["species"].to_numpy() == names).all()


def test_training_and_held_out_columns_have_the_same_types(tmp_path: Path) -> None:
    """Whole-number columns stay floats without missing values, so that code written for the training rows works."""
    world = build_world(SPECIES, cache_dir=tmp_path)
    for name in ("penguins.csv", "penguins-raw.csv"):
        training, heldout = table(world.training_dir, name), table(world.heldout_dir, name)
        numbers = training.select_dtypes("number").columns
        assert (training[numbers].dtypes == heldout[numbers].dtypes).all()


def test_unweighed_penguins_are_no_training_targets(tmp_path: Path) -> None:
    """Known training targets are finite and aligned with the training inputs."""
    world = build_world(MASS, cache_dir=tmp_path)
    assert world.training_truth.values is not None
    assert np.isfinite(world.training_truth.values).all()
    assert len(world.training) == len(world.training_truth.values) == 282


@pytest.mark.parametrize("task", list(TaskId))
def test_the_key_decides(task: TaskId, tmp_path: Path) -> None:
    """The same key gives the same world in another cache, another key another world."""
    one, same = build_world(task, cache_dir=tmp_path / "a"), build_world(task, cache_dir=tmp_path / "b")
    other = build_world(task, key="another", cache_dir=tmp_path / "a")
    assert one.digest == same.digest
    assert one.digest != other.digest
    assert one.heldout_dir != other.heldout_dir
    facts = json.loads((one.training_dir / "world.json").read_text())
    assert (facts["kind"], facts["task"]) == ("training", str(task))


def test_stand_in_digits(tmp_path: Path) -> None:
    """Without MNIST: 10,000 training digits, 200 test and 300 held-out ones, and the world says so."""
    world = build_world(MNIST, cache_dir=tmp_path)
    assert world.stand_in and "stand-in" in world.origin and world.notes
    assert (len(world.training), len(world.heldout)) == (10_200, 300)
    images = idx.read_images(world.training_dir / "mnist" / digits.NAMES[0])
    tests = idx.read_images(world.training_dir / "mnist" / digits.NAMES[2])
    assert (images.shape, len(tests)) == ((10_000, 28, 28), 200)
    shown = {image.tobytes() for image in [*images, *tests]}
    assert len(shown) == 10_200
    assert world.heldout.images is not None
    assert not shown & {image.tobytes() for image in world.heldout.images}
    assert images.max() == 255 and images.min() == 0


def test_installed_stand_in_digits_are_masked(tmp_path: Path) -> None:
    """What is shown for scikit-learn's file keeps its format and lacks the held-out digits."""
    world = build_world(MNIST, cache_dir=tmp_path)
    (shown,) = world.masks.values()
    assert {path.name for path in world.masks} == {"digits.csv.gz"}
    with gzip.open(shown, "rt") as stream:
        lines = stream.read().splitlines()
    with gzip.open(digits.stand_in_file(), "rt") as stream:
        everything = stream.read().splitlines()
    assert len(lines) == 1_497
    assert len([line for line in everything if line not in set(lines)]) == 300


def test_real_digits(tmp_path: Path) -> None:
    """With MNIST: the held-out digits come from the test set, none of them is shown, nothing is masked."""
    write_mnist(tmp_path / "data" / "MNIST" / "raw", compressed=True)
    world = build_world(MNIST, data_dir=tmp_path / "data", cache_dir=tmp_path)
    place = world.training_dir / "mnist"
    assert not world.stand_in and not world.masks and not world.notes
    assert (len(idx.read_images(place / digits.NAMES[0])), len(idx.read_images(place / digits.NAMES[2]))) == (
        1_200,
        300,
    )
    assert world.heldout.images is not None and len(world.heldout.images) == 2_000
    shown = b"".join(path.read_bytes() for path in files(world))
    assert not any(image.tobytes() in shown for image in world.heldout.images[::50])
    for name in (digits.NAMES[0], digits.NAMES[2]):
        assert (idx.read_images(world.heldout_dir / "mnist" / name) == world.heldout.images).all()


def test_false_digit_labels(tmp_path: Path) -> None:
    """The labels in the held-out world are the decoys, and not the truth."""
    world = build_world(MNIST, cache_dir=tmp_path)
    shown = idx.read_labels(world.heldout_dir / "mnist" / digits.NAMES[3])
    assert (shown == world.decoys.labels).all()
    assert float((shown == world.heldout_truth.labels).mean()) < 0.3


def test_train_limit(tmp_path: Path) -> None:
    """The number of training digits can be cut; the held-out digits stay the same."""
    full = build_world(MNIST, cache_dir=tmp_path)
    cut = build_world(MNIST, cache_dir=tmp_path, train_limit=100)
    assert len(idx.read_images(cut.training_dir / "mnist" / digits.NAMES[0])) == 100
    assert len(cut.training) == 300
    assert full.heldout.images is not None and (cut.heldout.images == full.heldout.images).all()


def test_too_few_digits(tmp_path: Path) -> None:
    """A folder with too few test digits is refused in one sentence."""
    write_mnist(tmp_path / "data" / "mnist", test=50)
    with pytest.raises(DataUnavailable, match="too few digits"):
        build_world(MNIST, data_dir=tmp_path / "data", cache_dir=tmp_path)


def test_ellipses(tmp_path: Path) -> None:
    """Training gets seeds only; 300 held-out images with false targets as fractions of the side."""
    world = build_world(ELLIPSE, cache_dir=tmp_path)
    assert json.loads((world.training_dir / "ellipse.json").read_text()) == {"train_seed": 123, "valid_seed": 666}
    assert {p.name for p in files(world)} == {"world.json", "ellipse.json"}
    images, shown = (np.load(world.heldout_dir / f"ellipse_{kind}.npy") for kind in ("images", "targets"))
    truth, decoys = world.heldout_truth.values, world.decoys.values
    assert truth is not None and decoys is not None
    assert (images.shape, images.dtype, shown.shape, shown.dtype) == ((300, 128, 128, 3), "uint8", (300, 4), "float32")
    assert np.allclose(shown * 128, decoys) and not (decoys == truth).all(axis=1).mean() > 0.05
    assert len(world.training) == 0
    for image, values in zip(images[:20], truth[:20], strict=True):
        inside = ellipses.mask(values)
        assert (image[inside] == image[inside][0]).all() and (image[~inside] == image[~inside][0]).all()


def test_ellipse_distribution() -> None:
    """Radii from 4 to 31 whole pixels; the larger one fits on every side of the centre."""
    values = ellipses.held_out("any")[1]
    assert values[:, 2:].min() == 4 and values[:, 2:].max() == 31
    largest = values[:, 2:].max(axis=1, keepdims=True)
    assert (values[:, :2] >= largest).all() and (values[:, :2] + largest <= 128).all()
    assert np.allclose(ellipses.typical_values().mean(axis=0), [63.5, 63.5, 17.5, 17.5], atol=1)


def test_weights_are_carried(tmp_path: Path) -> None:
    """Weight files of the data directory appear in the training world of the image tasks; changed ones replace it."""
    place = tmp_path / "data" / "weights"
    place.mkdir(parents=True)
    (place / "net.pth").write_bytes(b"one")
    first = build_world(ELLIPSE, data_dir=tmp_path / "data", cache_dir=tmp_path)
    assert (first.training_dir / "weights" / "net.pth").read_bytes() == b"one"
    (place / "net.pth").write_bytes(b"three")
    second = build_world(ELLIPSE, data_dir=tmp_path / "data", cache_dir=tmp_path)
    assert (second.training_dir / "weights" / "net.pth").read_bytes() == b"three"


def test_cache_is_used_and_mended(tmp_path: Path) -> None:
    """An intact world is not made anew; a damaged one is."""
    world = build_world(SPECIES, cache_dir=tmp_path)
    path = world.training_dir / "penguins.csv"
    before = path.stat().st_mtime_ns
    assert build_world(SPECIES, cache_dir=tmp_path).digest == world.digest
    assert path.stat().st_mtime_ns == before
    path.write_text("species\n")
    assert build_world(SPECIES, cache_dir=tmp_path).digest == world.digest
    assert len(table(world.training_dir)) == 284
    assert [p.name for p in path.parents[2].iterdir()] == [path.parents[1].name]


def test_builders_may_race(tmp_path: Path) -> None:
    """Several builders of one world agree and leave nothing behind."""
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: build_world(MASS, cache_dir=tmp_path), range(8)))
    assert len({world.digest for world in made}) == 1
    assert len(list((tmp_path / "worlds").iterdir())) == 1


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """A cache folder that is a file is one clear sentence."""
    (tmp_path / "worlds").write_text("")
    with pytest.raises(DataUnavailable, match="cannot be written"):
        build_world(MASS, cache_dir=tmp_path)


def test_changed_layout_is_another_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer grader does not take an older one's folders."""
    old = build_world(MASS, cache_dir=tmp_path)
    monkeypatch.setattr(worlds, "LAYOUT", worlds.LAYOUT + 1)
    assert build_world(MASS, cache_dir=tmp_path).training_dir != old.training_dir
