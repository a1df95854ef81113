"""Every folder of ``submissions/`` is marked through the same pipeline a user runs and must meet its
``expect.yaml``."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "cases"))

from expectations import SUBMISSIONS, case_names, differences, load_expectation

from grader.intake import read_path
from grader.pipeline import Settings, grade_submissions, warmed
from grader.types import Isolation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warm():
    """Settings with which the cases start warm, as those of a class do."""
    with warmed(Settings(isolation=Isolation.AUTO), len(case_names())) as settings:
        yield settings


@pytest.mark.parametrize("case", case_names())
def test_case_meets_its_expectation(case, warm, tmp_path, request):
    expected = load_expectation(case)
    cache = request.config.cache.mkdir("worlds")
    settings = replace(warm, data_dir=tmp_path, cache_dir=Path(str(cache)))
    [report] = grade_submissions(read_path(SUBMISSIONS / case), settings)
    assert len(report.tasks) == 1, report.problems
    marked = report.tasks[0].result
    shown = [f"{c.id}: {c.status} {c.points:g}/{c.max_points:g} {c.found} {c.gap}" for c in marked.criteria]
    assert differences(expected, marked.model_dump(mode="json")) == [], "\n".join(
        [f"{marked.points:g} points, {marked.status}", *shown, *marked.notes]
    )
