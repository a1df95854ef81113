"""Which job is begun first, and how long the rest is said to take."""

import pytest

from grader.batch.forecast import Forecast, Outlook, order


def test_kept_runs_come_first_then_the_longest() -> None:
    """Kept ones group by group, equal ones as they come."""
    outlooks = [
        Outlook(10, "b"),
        Outlook(90, "c"),
        Outlook(90, "d", kept=True),
        Outlook(10, "a"),
        Outlook(50, "a", kept=True),
        Outlook(90, "c"),
    ]
    assert order(outlooks) == [4, 2, 1, 5, 3, 0]
    assert order([]) == []


def test_time_left_follows_the_clock_and_the_pace() -> None:
    """As expected at first; twice as slow a class is soon expected to go on so; nothing is left at the end."""
    now = [0.0]
    forecast = Forecast([Outlook(100)] * 4, 2, clock=lambda: now[0])
    assert forecast.left() == pytest.approx(200)
    forecast.started(0)
    forecast.started(1)
    now[0] = 50
    assert forecast.left() == pytest.approx(150)
    assert forecast.running() == [0, 1]
    now[0] = 200
    forecast.finished(0)
    forecast.finished(1)
    assert 120 < forecast.left() < 200  # a hundred seconds each were expected, two hundred were seen
    forecast.finished(2)
    forecast.finished(3)
    assert forecast.left() == 0
    assert forecast.running() == []


def test_a_job_that_takes_too_long_still_has_time_left() -> None:
    """Never zero while something runs, and a job that is told twice counts once."""
    now = [0.0]
    forecast = Forecast([Outlook(10)], 1, clock=lambda: now[0])
    forecast.started(0)
    forecast.started(0)
    now[0] = 1_000
    assert forecast.left() == pytest.approx(200)
    forecast.finished(0)
    forecast.finished(0)
    assert forecast.left() == 0
