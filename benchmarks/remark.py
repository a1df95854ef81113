"""(e): marking stored submissions again after a change of the rubrics, every page made anew."""

import shutil
from pathlib import Path

import yaml

from benchmarks import filled_store
from benchmarks.bench import CLASS, ROOT, Bench, Section
from benchmarks.runs import Options, Run, batch
from benchmarks.table import seconds
from grader.evidence import store as evidence_store
from grader.types import TaskId

SEEDS = ("species-plain", "mass-plain", "digits-small-cnn", "ellipses-fixed-set")  # one for each task
QUICK_SEEDS = SEEDS[:1]
CHECKOUT = ("grader", "rubrics", "templates", "reference_solutions", "submissions", "pyproject.toml")


def measure(bench: Bench) -> Section:
    """A new process of the command each time, none of which executes anything."""
    count = 6 if bench.quick else 200
    members = [CLASS / name for name in (QUICK_SEEDS if bench.quick else SEEDS)]
    seeds = filled_store.run_seeds(bench, members, "remark-seeds")
    store, students = bench.folder("remark-store"), bench.folder("remark")
    filled_store.fill(bench, store, seeds, students, count=count)
    first = marked_again(bench, students, Options(store=store))
    again = marked_again(bench, students, Options(store=store, checkout=with_other_rubrics(bench)))
    changed = sum(_points(first, name) != _points(again, name) for name in first.tasks())
    rows = [
        ("as they were", str(count), seconds(first.seconds), seconds(first.seconds / count), "-"),
        ("after a change", str(count), seconds(again.seconds), seconds(again.seconds / count), str(changed)),
    ]
    figures = {"submissions": count, "seconds": again.seconds, "unchanged_s": first.seconds, "marks_changed": changed}
    title = f"{count} stored submissions marked and rendered again: {seconds(again.seconds)}"
    header = ("rubrics", "submissions", "all", "each", "other marks")
    return Section("e", title, header, rows, figures)


def with_other_rubrics(bench: Bench) -> Path:
    """A copy of this checkout in which every rubric moves points from its last criterion to its first."""
    checkout = bench.folder("checkout")
    for name in CHECKOUT:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, checkout / name)
    for task in TaskId:
        path = checkout / "rubrics" / f"{task}.yaml"
        rubric = yaml.safe_load(path.read_text(encoding="utf-8"))
        rubric["criteria"][0]["points"] += 5
        rubric["criteria"][-1]["points"] -= 5
        path.write_text(yaml.safe_dump(rubric, sort_keys=False), encoding="utf-8")
    return checkout


def marked_again(bench: Bench, students: Path, options: Options) -> Run:
    """Mark from the store. Raises ``RuntimeError`` if the command executed a submission, which it would have kept."""
    before = _kept(options.store)
    run = batch(bench, students, options)
    if _kept(options.store) != before:
        raise RuntimeError(f"The store did not hold all runs: {run.said[:500]}")
    return run


def _kept(store: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in store.glob(f"*/*/{evidence_store.DOCUMENT}")}


def _points(run: Run, student: str) -> list[float]:
    return [criterion["points"] for criterion in run.tasks()[student]["criteria"]]
