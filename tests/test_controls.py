"""A class is marked only by a sandbox that marks a right solution right and an empty one empty."""

from collections.abc import Callable, Sequence

import pytest

from grader import controls
from grader.errors import EnvironmentProblem
from grader.grade.model import CriterionResult, StudentReport, TaskReport, TaskResult, Timing
from grader.intake.submission import Submission
from grader.pipeline import Settings
from grader.sandbox.bubblewrap import Bubblewrap
from grader.types import Isolation, Status, TaskId, TaskStatus


def report(points: float, held_out: float, status: TaskStatus = TaskStatus.MARKED) -> StudentReport:
    """One marked file."""
    criteria = [
        CriterionResult(
            id=name, title=name, status=Status.PARTIAL, points=given, max_points=most, aim="", found="so it was"
        )
        for name, given, most in (("runs", points - held_out, 70), ("held-out", held_out, 30))
    ]
    result = TaskResult(
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="a.py",
        points=points,
        max_points=100,
        status=status,
        criteria=criteria,
        timing=Timing(wall_s=1),
        notes=["The run was ended."],
    )
    return StudentReport(student="control", tasks=[TaskReport(result=result)])


Rig = Callable[[StudentReport, StudentReport], None]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Let the two controls have these reports."""

    def answer(good: StudentReport, zero: StudentReport) -> None:
        def grade(submissions: Sequence[Submission], settings: Settings, *, workers: int) -> list[StudentReport]:
            assert [s.student for s in submissions] == ["known_good", "known_zero"]
            assert (settings.store, settings.rubrics_dir) == (None, None)
            return [good, zero]

        monkeypatch.setattr(controls, "grade_submissions", grade)

    return answer


def test_controls_that_are_marked_as_they_must_be_pass(rig: Rig) -> None:
    """Nothing is raised."""
    rig(report(98, 30), report(3, 0))
    controls.verify(Settings(), workers=1)


@pytest.mark.parametrize(
    ("good", "zero", "words"),
    [
        (report(60, 0), report(3, 0), "known to be right got 60 of 100 points.*not the students'.*so it was"),
        (report(98, 30), report(3, 0.5), "trains nothing got 3 of 100"),
        (report(98, 30), report(40, 0), "trains nothing got 40 of 100"),
        (report(0, 0, TaskStatus.HARNESS_ERROR), report(3, 0), "right could not be marked.*The run was ended."),
        (report(98, 30), report(0, 0, TaskStatus.HARNESS_ERROR), "empty could not be marked"),
        (report(98, 30, TaskStatus.NEEDS_REVIEW), report(0, 0), "right could not be marked"),
    ],
)
def test_others_stop_the_class(rig: Rig, good: StudentReport, zero: StudentReport, words: str) -> None:
    """The sentence says whose fault it is, and that nothing was marked."""
    rig(good, zero)
    with pytest.raises(EnvironmentProblem, match=f"{words}.*Nothing was marked"):
        controls.verify(Settings(), workers=1)


@pytest.mark.slow
def test_the_controls_are_marked_so_in_earnest() -> None:
    """In the isolation that a class gets."""
    if (reason := Bubblewrap().available()) is not None:
        pytest.skip(reason)
    controls.verify(Settings(isolation=Isolation.REQUIRED), workers=2)
