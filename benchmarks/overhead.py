"""(d): what the probe costs a training loop, by task."""

from benchmarks import probe_overhead
from benchmarks.bench import Bench, Section
from benchmarks.table import seconds

EACH_S, QUICK_S = 40.0, 1.0


def measure(bench: Bench) -> Section:
    """The same loops with and without the probe, by turns."""
    found = probe_overhead.measure(QUICK_S, 1) if bench.quick else probe_overhead.measure(EACH_S)
    rows = [
        (probe_overhead.TEXT[name], seconds(one.plain_s), _more(one.observed), _more(one.run))
        for name, one in found.items()
    ]
    figures = {name: {"plain_s": one.plain_s, "observed": one.observed, "run": one.run} for name, one in found.items()}
    header = ("loop", "an epoch without", "only observed", "as in a run")
    return Section("d", "What the probe costs a training loop", header, rows, figures)


def _more(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}%"
