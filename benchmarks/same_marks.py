"""(s), only when asked for: the class graded with 1, 2 and 4 workers, and whether all marks are the same."""

from benchmarks.bench import Bench, Section
from benchmarks.runs import Options, Run, batch
from benchmarks.table import seconds

WORKERS, QUICK_WORKERS = (1, 2, 4), (1, 2)


def measure(bench: Bench) -> Section:
    """A run of its own for each number of workers."""
    counts = QUICK_WORKERS if bench.quick else WORKERS
    students = bench.students("same", bench.members())
    runs = [batch(bench, students, Options(store=bench.folder(f"same-store-{n}"), workers=n)) for n in counts]
    marks = [_marks(run) for run in runs]
    rows = [
        (
            name,
            *(f"{sum(mark[name]):.2f}" for mark in marks),
            "same" if all(m[name] == marks[0][name] for m in marks) else "OTHER",
        )
        for name in marks[0]
    ]
    rows.append(("all", *(seconds(run.seconds) for run in runs), ""))
    differing = [name for name in marks[0] if any(mark[name] != marks[0][name] for mark in marks)]
    title = f"Marks with {', '.join(map(str, counts))} workers: " + ("the same" if not differing else "not the same")
    header = ("notebook", *(f"{n} worker{'' if n == 1 else 's'}" for n in counts), "marks")
    return Section("s", title, header, rows, {"workers": list(counts), "differing": differing})


def _marks(run: Run) -> dict[str, list[float]]:
    """Points of every criterion, by student."""
    return {name: [one["points"] for one in task["criteria"]] for name, task in run.tasks().items()}
