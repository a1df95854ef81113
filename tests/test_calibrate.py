"""What calibrating makes of runs: levels, bands, the file, and whether it still fits."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from grader import pipeline
from grader.calibrate import REFERENCE, band, document, lower_end, seeded, with_manner, works
from grader.execute.sparing import FULL
from grader.fit import misfit
from grader.rubric import Band, Calibration, Made, Manner, calibration_path, load_calibration, load_rubric
from grader.tasks import build_world
from grader.tasks.fingerprint import fingerprint
from grader.types import TaskId
from grader.versions import installed_version

TASK = TaskId.PENGUINS_REGRESSION


def manner(name: str = REFERENCE, level: float = 300.0, made: Made | None = None) -> Manner:
    return Manner(name=name, solution="a.ipynb", level=level, values=[250.0, 280.0], source="two runs", made=made)


def test_the_level_is_the_worst_run_or_two_standard_deviations_below_the_mean():
    assert lower_end([0.9, 0.9, 0.9, 0.5], higher_is_better=True) == pytest.approx(0.4)
    assert lower_end([1.0] * 99 + [0.9], higher_is_better=True) == 0.9
    assert lower_end([100.0, 120.0], higher_is_better=False) == pytest.approx(110 + 2 * 200**0.5, rel=1e-5)
    assert lower_end([5.0], higher_is_better=False) == 5.0


def test_a_band_holds_percentiles_at_each_step():
    curves = [[(10, value), (20, value / 2)] for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert band(curves) == [(10.0, 1.4, 3.0, 4.6), (20.0, 0.7, 1.5, 2.3)]


def test_curves_with_other_steps_are_read_between_their_points():
    assert band([[(0, 1.0), (10, 0.0)], [(0, 1.0), (5, 1.0), (8, 1.0)]])[0] == (0.0, 1.0, 1.0, 1.0)
    assert [row[0] for row in band([[(0, 1.0), (8, 0.2), (10, 0.0)], [(0, 1.0), (8, 1.0)]])] == [0.0, 8.0]


@pytest.mark.parametrize(
    ("level", "baseline", "reference", "fit"),
    [
        (0.76, 0.1, 0.98, True),
        (0.0728, 0.07, 0.974, False),
        (0.05, 0.1, 0.98, False),
        (3.45, 20.0, 1.65, True),
        (12.3, 20.0, 1.65, False),
        (25.0, 20.0, 1.65, False),
        (0.95, 0.33, 0.95, True),
        (0.2, 0.33, 0.2, False),
    ],
)
def test_a_solution_that_guesses_sets_no_level(level, baseline, reference, fit):
    assert works(level, baseline, reference, higher_is_better=baseline < 1) is fit


@pytest.mark.parametrize("curves", [[], [[]], [[(1, 1.0)], []]])
def test_there_is_no_band_without_curves(curves):
    assert band(curves) == []


def test_a_long_curve_is_thinned_out():
    assert len(band([[(step, 1.0) for step in range(1_000)]])) <= 80


def test_a_manner_takes_the_place_of_the_one_of_its_name():
    known = [manner(), manner("course", 350.0), manner("another", 310.0)]
    found = with_manner(known, manner("course", 320.0))
    assert [(one.name, one.level) for one in found] == [(REFERENCE, 300.0), ("another", 310.0), ("course", 320.0)]


def test_what_is_written_is_read_again(tmp_path):
    made = Made(python="3", torch="2", torchvision="0", device="cpu", data="d", solution="s")
    whole = Calibration(
        metric="mae",
        reference=320.0,
        manners=[
            manner(made=made).model_copy(update={"band": Band(train=[(1.0, 0.1, 0.2, 0.3)])}),
            manner("course", 320.0),
        ],
    )
    calibration_path(TASK, stand_in=False, folder=tmp_path).write_text(document(whole), encoding="utf-8")
    found = load_calibration(TASK, stand_in=False, folder=tmp_path)
    assert found == whole
    assert found.values == [250.0, 280.0]
    assert found.deciding is not None
    assert found.deciding.name == "course"
    assert json.loads(document(whole))["manners"][0]["made"]["torch"] == "2"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build_world(TASK, cache_dir=tmp_path_factory.mktemp("cache"))


def calibrated(world, **changes) -> Calibration:
    here = {
        "python": "3",
        "torch": installed_version("torch"),
        "torchvision": installed_version("torchvision"),
        "device": "cpu",
        "data": fingerprint(world),
        "solution": "s",
    }
    return Calibration(metric="mae", reference=300.0, manners=[manner(made=Made(**(here | changes)))])


def test_a_run_is_cut_short_by_the_work_of_the_rubric_alone(world):
    file = SimpleNamespace(task=TASK)
    found = pipeline._sparing(pipeline.Work("seed 3", file, seeded(pipeline.Settings(), 3)), world)
    assert found == replace(FULL, work=load_rubric(TASK).budget.work)
    assert found.work is not None


def test_a_calibration_fits_what_it_was_measured_with(world):
    assert misfit(calibrated(world), world) == ""
    patched = installed_version("torch").rsplit(".", 1)[0] + ".99"
    assert misfit(calibrated(world, torch=patched), world) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [({"torch": "1.0.0"}, "torch 1.0.0"), ({"torchvision": "0.1"}, "torchvision 0.1"), ({"data": "x"}, "other data")],
)
def test_what_does_not_fit_is_said_with_what_mends_it(world, change, told):
    sentence = misfit(calibrated(world, **change), world)
    assert told in sentence
    assert sentence.endswith(f"grader calibrate --task {TASK}")


def test_of_figures_without_an_origin_nothing_is_said(world):
    assert misfit(Calibration(metric="mae", reference=300.0, manners=[manner()]), world) == ""
    assert misfit(Calibration(metric="mae", reference=300.0), replace(world, stand_in=True)) == ""
