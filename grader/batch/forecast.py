"""Which job goes first, and how long all of them will take: from what each is expected to take and how it has gone."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MARKING_S = 0.15  # to mark a run that was kept, and draw its page
TRUST_S = 60.0  # expected seconds of finished jobs from which their pace counts for more than what was expected
OVERDUE = 0.2  # of the time that a job has run: what it still takes, once it has run longer than expected


@dataclass(frozen=True)
class Outlook:
    """What is known of a job beforehand. ``kept``: its run was kept, so it is only marked. ``seconds`` it is expected
    to take on one worker; ``group``: jobs of one group use the same data."""

    seconds: float
    group: str = ""
    kept: bool = False


def order(outlooks: Sequence[Outlook]) -> list[int]:
    """The order in which jobs are begun: first those that only have to be marked, one group after the other, since
    they cost seconds and are then safe from an interruption; then the longest first, so that no long job runs alone at
    the end. Equal ones as they come."""

    def rank(number: int) -> tuple[bool, float, str]:
        outlook = outlooks[number]
        return not outlook.kept, 0.0 if outlook.kept else -outlook.seconds, outlook.group

    return sorted(range(len(outlooks)), key=rank)


class Forecast:
    """How long the rest will take. May be told and asked from several threads."""

    def __init__(self, outlooks: Sequence[Outlook], workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._expected = [MARKING_S if outlook.kept else outlook.seconds for outlook in outlooks]
        self._measured = [not outlook.kept for outlook in outlooks]
        self._workers = max(1, workers)
        self._clock = clock
        self._waiting = set(range(len(outlooks)))
        self._running: dict[int, float] = {}
        self._took, self._should = TRUST_S, TRUST_S  # as if a minute had gone as expected
        self._lock = threading.Lock()

    def started(self, number: int) -> None:
        """A job is begun."""
        with self._lock:
            if number in self._waiting:
                self._waiting.remove(number)
                self._running[number] = self._clock()

    def finished(self, number: int) -> None:
        """A job has ended, begun or not."""
        with self._lock:
            self._waiting.discard(number)
            begun = self._running.pop(number, None)
            if begun is not None and self._measured[number]:
                self._took += self._clock() - begun
                self._should += self._expected[number]

    def running(self) -> list[int]:
        """The jobs that are begun and have not ended, oldest first."""
        with self._lock:
            return list(self._running)

    def left(self) -> float:
        """Seconds until all will have ended."""
        with self._lock:
            pace, now = self._took / self._should, self._clock()
            each = [self._rest(number, now - begun, pace) for number, begun in self._running.items()]
            each += [pace * self._expected[number] for number in self._waiting]
        return max(sum(each) / self._workers, max(each, default=0.0))

    def _rest(self, number: int, spent: float, pace: float) -> float:
        return max(pace * self._expected[number] - spent, OVERDUE * spent)
