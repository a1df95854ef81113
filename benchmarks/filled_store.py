"""Fills a store with the runs of many students: a handful is run, the others hand in the same with another comment."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import inside
from benchmarks.bench import Bench, notebook_of
from benchmarks.runs import Options, batch
from grader import pipeline
from grader.evidence import kept
from grader.evidence.bundle import Evidence
from grader.types import TaskId


@dataclass(frozen=True)
class Seeds:
    """Members of the class, one for a task, and the evidence of a run of each."""

    members: Sequence[Path]
    evidence: dict[TaskId, Evidence]


def run_seeds(bench: Bench, members: Sequence[Path], name: str) -> Seeds:
    """Run these members of the class once."""
    students = bench.students(name, members)
    run = batch(bench, students, Options(store=bench.folder(f"{name}-store")))
    works = inside.works(students, inside.settings(bench, run.store))
    return Seeds(members, {work.file.task: pipeline.run_file(work)[0] for work in works})


def fill(bench: Bench, store: Path, seeds: Seeds, students: Path, *, count: int) -> None:
    """Lay out ``count`` students who each hand in one of the seeds with a comment of their own, and keep the run of
    that seed as theirs."""
    for number in range(count):
        notebook = notebook_of(seeds.members[number % len(seeds.members)])
        place = students / f"student-{number:03d}"
        place.mkdir()
        _write_changed(notebook, place / notebook.name, f"# hand-in {number}")
    for work in inside.works(students, inside.settings(bench, store)):
        evidence = seeds.evidence[work.file.task]
        facts = {"student": work.student, "digest": work.file.digest}
        kept.keep(store, inside.key(work), replace(evidence, document=evidence.document.model_copy(update=facts)))


def _write_changed(notebook: Path, target: Path, comment: str) -> None:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    cell["source"] = [f"{comment}\n", *cell["source"]]
    target.write_text(json.dumps(content, indent=1), encoding="utf-8")
