"""(c): seconds from setting up a sandbox until its kernel answers, started cold and forked from a warm process."""

from statistics import median

from benchmarks import inside, tiny
from benchmarks.bench import Bench, Section
from benchmarks.runs import Options, batch
from benchmarks.table import seconds, times
from grader import pipeline

KINDS = {"cold": "cold: a process of its own", "warm": "warm: forked from a process with the packages"}


def measure(bench: Bench) -> Section:
    """Single runs, which start cold, by turns with small classes, each of which has a warm process of its own."""
    rounds, count = (1, 2) if bench.quick else (5, 10)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(rounds):
        for started, start_s in [_alone(bench, number), *_together(bench, number, count)]:
            found[started].append(start_s)
    rows = [
        (text, str(len(taken)), *(seconds(of(taken)) if taken else "-" for of in (min, median, max)))
        for text, taken in zip(KINDS.values(), found.values(), strict=True)
    ]
    figures = {kind: {"median_s": median(taken), "all_s": taken} for kind, taken in found.items() if taken}
    title = f"Seconds until an isolated kernel is ready{_ratio(found)}"
    return Section("c", title, ("started", "runs", "least", "median", "most"), rows, figures)


def _alone(bench: Bench, number: int) -> tuple[str, float]:
    students = tiny.students(bench.folder(f"start-alone-{number}"), 1)
    [work] = inside.works(students, inside.settings(bench))
    host = pipeline.run_file(work)[0].document.host
    return host.started, host.start_s


def _together(bench: Bench, number: int, count: int) -> list[tuple[str, float]]:
    store = bench.folder(f"start-store-{number}")
    batch(bench, tiny.students(bench.folder(f"start-{number}"), count), Options(store=store, workers=1))
    return [(document.host.started, document.host.start_s) for document in inside.documents(store)]


def _ratio(found: dict[str, list[float]]) -> str:
    if not all(found.values()):
        return ""
    return f": warm {times(median(found['cold']) / median(found['warm']))} as fast"
