"""(f): time and memory per submission as a class grows, where all runs are stored and where all are tiny."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from benchmarks import filled_store, remark, tiny
from benchmarks.bench import CLASS, Bench, Section
from benchmarks.runs import Options, Run, batch
from benchmarks.table import seconds, times

SIZES, QUICK_SIZES = (10, 50, 200), (2, 4)
TIMES, QUICK_TIMES = 5, 1  # a stored class is marked in seconds, so that a single run says little
ABOUT = (
    "each: seconds of the command by the number of submissions, its start included; for stored ones the quickest of "
    "five runs, and memory from another, as looking at it takes time; tiny ones are run once, with that look. "
    "further: seconds for each submission beyond those of the row above. memory: the most that the grader's own "
    "processes took together, those in sandboxes not counted."
)


def measure(bench: Bench) -> Section:
    """Both kinds in all sizes."""
    sizes = QUICK_SIZES if bench.quick else SIZES
    rows, figures = [], {}
    for kind, run in (("stored", _stored(bench)), ("tiny", _tiny(bench))):
        runs = [run(size) for size in sizes]
        further = marginal(sizes, [one.seconds for one in runs])
        for size, one, more in zip(sizes, runs, ["-", *(f"{m:.3f} s" for m in further)], strict=True):
            each = f"{one.seconds / size:.3f} s"
            rows.append((kind, str(size), seconds(one.seconds), each, more, *_memory(one)))
        figures[kind] = {
            "sizes": list(sizes),
            "seconds": [one.seconds for one in runs],
            "further_s": further,
            "growth": further[-1] / further[0],
            "peak_mib": [one.peak_mib for one in runs],
            "server_mib": [one.server_mib for one in runs],
        }
    header = ("submissions", "number", "all", "each", "further", "memory", "server")
    changes = [
        f"{kind}: a further submission costs {times(of['growth'])} as much at the end as at the beginning."
        for kind, of in figures.items()
    ]
    return Section("f", "Time and memory as a class grows", header, rows, figures, [ABOUT, *changes])


def _memory(run: Run) -> tuple[str, str]:
    return f"{run.peak_mib:.0f} MiB", f"{run.server_mib:.0f} MiB" if run.server_mib else "-"


def marginal(sizes: Sequence[int], taken: Sequence[float]) -> list[float]:
    """Seconds for each further submission, from one size to the next."""
    return [
        (after - before) / (larger - smaller)
        for (smaller, larger), (before, after) in zip(pairwise(sizes), pairwise(taken), strict=True)
    ]


def _stored(bench: Bench) -> Callable[[int], Run]:
    members = [CLASS / name for name in remark.QUICK_SEEDS]
    seeds = filled_store.run_seeds(bench, members, "growth-seeds")

    def run(size: int) -> Run:
        store, students = bench.folder(f"growth-store-{size}"), bench.folder(f"growth-{size}")
        filled_store.fill(bench, store, seeds, students, count=size)
        watched = remark.marked_again(bench, students, Options(store=store, watch=True))
        timed = [
            remark.marked_again(bench, students, Options(store=store)).seconds
            for _ in range(QUICK_TIMES if bench.quick else TIMES)
        ]
        return replace(watched, seconds=min(timed))

    return run


def _tiny(bench: Bench) -> Callable[[int], Run]:
    def run(size: int) -> Run:
        students = tiny.students(bench.folder(f"tiny-{size}"), size)
        return batch(bench, students, Options(store=bench.folder(f"tiny-store-{size}"), watch=True))

    return run
