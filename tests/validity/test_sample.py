"""A few cases of the class, marked as a user marks them: the cheap ones, so that it is done in a minute or so."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.intake import read_path
from grader.pipeline import Settings, grade_submissions, warmed
from grader.report.document import document
from grader.types import Isolation
from tests.validity.everything import cases
from tests.validity.model import Case
from tests.validity.verdicts import judge
from tests.validity.writing import write

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("validity")]
SAMPLE = (
    "penguin-species-course-softmax-inside",
    "penguin-species-in-main",
    "penguin-mass-rows-fixed",
    "penguin-mass-arrays-kg",
    "penguin-species-softmax-before-loss",
    "penguin-species-species-among-inputs",
    "penguin-mass-mass-among-inputs",
    "penguin-mass-lr-too-low",
)
CHOSEN = [case for case in cases() if case.name in SAMPLE]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings with which the cases start warm, as those of a class do."""
    cache = Path(str(request.config.cache.mkdir("worlds")))
    given = Settings(isolation=Isolation.AUTO, data_dir=tmp_path_factory.mktemp("none"), cache_dir=cache)
    with warmed(given, len(SAMPLE)) as settings:
        yield settings


def test_the_sample_is_there() -> None:
    assert {case.name for case in CHOSEN} == set(SAMPLE)


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.name)
def test_a_case_gets_what_it_must(case: Case, warm: Settings, tmp_path: Path) -> None:
    path = write(case, tmp_path)
    [report] = grade_submissions(read_path(path, student=case.name), replace(warm))
    [one] = judge([case], document([report])).outcomes
    assert one.deviations() == [], f"{one.points:g} points; lost: {dict(one.lost)}; open: {dict(one.open)}"
