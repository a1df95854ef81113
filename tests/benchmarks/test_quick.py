"""The machinery of the benchmarks works: the class is what it claims to be, stores are filled, tables fit. Nothing is
timed."""

import ast
import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from benchmarks import __main__ as command
from benchmarks import class_run, floor, growth, inside, ordinary, prepared, remark, table, tiny
from benchmarks.bench import CLASS, QUICK, ROOT, Bench, Section, notebook_of
from benchmarks.filled_store import Seeds, fill
from benchmarks.runs import Run
from grader import execute, intake, pipeline, rubric
from grader.evidence.bundle import Evidence
from grader.evidence.model import EvidenceDocument, HostFacts
from grader.limits import THREAD_COUNTS
from grader.tasks import data, idx
from grader.types import Exit, TaskId

MEMBERS = sorted(CLASS.iterdir())


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A quick one that isolates nothing, with stand-in digits, and worlds that other tests may have built."""
    worlds = Path(str(request.config.cache.mkdir("worlds")))
    monkeypatch.setattr(data, "cache_dir", lambda: worlds)
    monkeypatch.setattr(data, "default_data_dir", lambda: tmp_path)
    return Bench(tmp_path, isolation="process", quick=True)


def notebook(path: Path, *sources: str, training: int | None = None) -> Path:
    """Write a notebook of these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if training is not None:
        cells[training].metadata["tags"] = [floor.TAG]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def package(name: str, folder: Path):
    """Import a package from a folder under another name."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "ml_workshop" / "__init__.py", submodule_search_locations=[str(folder / "ml_workshop")]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_class_has_three_manners_of_each_task() -> None:
    """Intake tells the task of every notebook by itself."""
    found = [submission.files[0].task for submission in intake.read_path(CLASS, many=True)]
    assert sorted(found) == sorted([*TaskId] * 3)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_a_notebook_of_the_class_is_handed_in_clean(member: Path) -> None:
    """No outputs, one cell that trains, and no folder of one machine."""
    content = nbformat.read(notebook_of(member), as_version=4)
    code = [cell for cell in content.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert sum(floor.TAG in cell.metadata.get("tags", ()) for cell in code) == 1
    assert not any('"/' in cell.source for cell in code)


@pytest.mark.parametrize("name", floor.MEMBERS + floor.QUICK_MEMBERS)
def test_a_floor_is_the_code_up_to_the_training_cell(name: str, tmp_path: Path) -> None:
    """As a program it parses, plots nothing, and ends with the report."""
    program = floor.as_program(notebook_of(CLASS / name), tmp_path / "report.json")
    assert ast.parse(program)
    assert "plt.show" not in program
    assert program.rstrip().endswith("globals())")


def test_a_floor_trains_on_prepared_batches(tmp_path: Path) -> None:
    """Loaders hand out the batches of one pass, again and again; passes over training batches are counted apart."""
    import torch

    calls = []

    class Counted(torch.utils.data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            calls.append(index)
            return torch.tensor(float(index))

    loader = torch.utils.data.DataLoader(Counted(), batch_size=2)
    names = {"train_loader": loader, "valid_loader": loader, "epochs": 3}
    prepared.replace_loaders(names)
    built = len(calls)
    passes = [[batch.tolist() for batch in names["train_loader"]] for _ in range(3)]
    assert passes == [[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]] * 3
    assert len(calls) == built
    assert len(names["train_loader"]) == 3
    prepared.write(str(tmp_path / "report.json"), 1.0, names)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["cell_s"] == 1.0
    assert 0 < report["steps_s"] == names["train_loader"].seconds
    assert names["valid_loader"].seconds == 0


def test_a_notebook_runs_by_nbclient(tmp_path: Path) -> None:
    """In its own folder, in the environment given, to its end whatever fails."""
    path = notebook(tmp_path / "a.ipynb", "import os", "1 / 0", "open('seen', 'w').write(os.environ['BENCH_TEST'])")
    found = ordinary.run(path, {**ordinary.os.environ, "BENCH_TEST": "set"})
    assert found.errors == 1
    assert (tmp_path / "seen").read_text() == "set"


def test_notebooks_find_the_worlds_data(bench: Bench) -> None:
    """Digits where torchvision looks, penguins in the package, and each member beside them."""
    place = ordinary.prepare(bench)
    for root in (place.students / "data", place.students / QUICK[0] / "data"):
        assert (root / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file()
    world = inside.world(bench, TaskId.PENGUINS_REGRESSION)
    packages = Path(place.environment["PYTHONPATH"])
    theirs = (packages / "palmerpenguins" / "data" / "penguins.csv").read_text()
    assert len(theirs.splitlines()) == len((world.training_dir / "penguins.csv").read_text().splitlines()) == 285
    assert notebook_of(place.students / QUICK[0]).is_file()


def test_digits_are_as_many_as_mnist_has_where_that_is_asked_for(bench: Bench) -> None:
    """The same ones over and over, with their labels."""
    place = ordinary.prepare(bench, whole=True)
    raw = place.students / "data" / "MNIST" / "raw"
    of_world = inside.world(bench, TaskId.MNIST_CLASSIFICATION).training_dir / "mnist"
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        images, labels = idx.read_images(raw / f"{part}-images-idx3-ubyte"), f"{part}-labels-idx1-ubyte"
        few = idx.read_labels(of_world / labels)
        assert len(images) == len(idx.read_labels(raw / labels)) == count
        assert (images[len(few)] == images[0]).all()
        assert (idx.read_labels(raw / labels)[len(few) :][: len(few)] == few).all()


@pytest.mark.parametrize("whole", [True, False])
def test_the_class_is_compared_with_nbclient(bench: Bench, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    """On the same digits, and by the command as it comes also where nbclient has all of MNIST."""
    points = {"species-plain": 100.0, "digits-small-cnn": 99.0}

    def by_grader(_: Bench, *, full: bool) -> class_run.Arm:
        found = [
            {"student": name, "tasks": [{"points": value - full, "timing": {"wall_s": 2.0}}]}
            for name, value in points.items()
        ]
        return class_run.Arm(Run(10.0, {"submissions": found}, bench.scratch, ""))

    def by_nbclient(_: Bench, *, whole: bool = False) -> dict[str, ordinary.Ordinary]:
        names = [name for name in points if not whole or name.startswith("digits")]
        return {name: ordinary.Ordinary(100.0 if whole else 20.0, 0) for name in names}

    monkeypatch.setattr(class_run, "_by_grader", by_grader)
    monkeypatch.setattr(class_run, "_by_nbclient", by_nbclient)
    section = class_run.measure_a(bench) if whole else class_run.measure_b(bench)
    assert section.figures["ratio"] == 4.0
    assert section.figures.get("ratio_all_of_mnist") == (12.0 if whole else None)
    assert section.figures["largest_difference"] == (1.0 if whole else 0.0)
    assert [row[2] for row in section.rows] == (["", "100 s", "120 s"] if whole else ["", "", ""])
    assert max(map(len, table.printed(section).splitlines())) <= table.WIDTH


def test_torch_chooses_its_own_threads(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What limits threads here is not passed on."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    place = ordinary.prepare(replace(bench, quick=False))
    assert not set(THREAD_COUNTS) & set(place.environment)


def test_the_plain_package_has_the_interface_of_the_stand_in() -> None:
    """The same split of the penguins, the same items, and ellipses of the same kind."""
    plain = package("ml_workshop_plain", ROOT / "benchmarks" / "ml_workshop_plain")
    stand_in = package("ml_workshop_stand_in", ROOT / "grader" / "probe" / "standin")
    keys = (["bill_length_mm", "sex"], ["species"])
    for train in (True, False):
        ours, theirs = (package.PenguinDataset(*keys, train=train) for package in (plain, stand_in))
        assert len(ours) == len(theirs)
        assert [ours[n] for n in range(5)] == [theirs[n] for n in range(5)]
        assert ours.split.equals(theirs.split)
    image, target = plain.EllipseDataset(training=True)[0]
    other, values = stand_in.EllipseDataset(training=True)[0]
    assert (image.shape, image.dtype, target.shape, target.dtype) == (
        other.shape,
        other.dtype,
        values.shape,
        values.dtype,
    )
    assert len(plain.EllipseDataset()) == len(stand_in.EllipseDataset())


def test_a_filled_store_is_never_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every student has a file and a kept run of their own."""
    document = EvidenceDocument(
        student="seed",
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="a.ipynb",
        digest="seed",
        host=HostFacts(isolation="process", exit=Exit.FINISHED),
    )
    seeds = Seeds([CLASS / "species-plain"], {TaskId.PENGUINS_CLASSIFICATION: Evidence(document, {})})
    store, students = bench.folder("store"), bench.folder("students")
    fill(bench, store, seeds, students, count=3)
    monkeypatch.setattr(execute, "run", lambda *_, **__: pytest.fail("a stored submission was run"))
    found = [pipeline.run_file(work)[0].document for work in inside.works(students, inside.settings(bench, store))]
    assert [one.student for one in found] == ["student-000", "student-001", "student-002"]
    assert len({one.digest for one in found}) == 3
    assert len(inside.documents(store)) == 3


def test_changed_rubrics_are_valid_and_differ(bench: Bench) -> None:
    """Each still has 100 points, others than before; nothing else of the checkout is another."""
    checkout = remark.with_other_rubrics(bench)
    for task in TaskId:
        ours, theirs = (rubric.load_rubric(task, place / "rubrics") for place in (ROOT, checkout))
        assert [c.points for c in ours.criteria] != [c.points for c in theirs.criteria]
        assert [c.id for c in ours.criteria] == [c.id for c in theirs.criteria]
    assert (checkout / "grader" / "pipeline.py").read_bytes() == (ROOT / "grader" / "pipeline.py").read_bytes()


def test_tiny_submissions_are_all_different(tmp_path: Path) -> None:
    """So each is run for itself."""
    found = intake.read_path(tiny.students(tmp_path, 5), many=True)
    assert len({submission.files[0].digest for submission in found}) == 5
    assert {submission.files[0].task for submission in found} == {TaskId.PENGUINS_CLASSIFICATION}


def test_further_seconds_are_the_slope_between_sizes() -> None:
    """A fixed start does not count."""
    assert growth.marginal([10, 50, 200], [5 + 10 * 0.5, 5 + 50 * 0.5, 5 + 200 * 0.5]) == pytest.approx([0.5, 0.5])


def test_tables_fit_into_eighty_columns() -> None:
    """Whatever the first column says."""
    header = ("notebook", "nbclient", "grader", "ratio", "points", "--full", "differ")
    row = ("a very long name of a notebook " * 4, "1234 s", "1234 s", "12.34x", "100.0", "100.0", "-12.3")
    lines = table.printed(Section("a", "A title " * 20, header, [row], {}, ["A remark " * 30])).splitlines()
    assert max(map(len, lines)) <= table.WIDTH
    assert [line.split()[-4:] for line in lines if "12.34x" in line] == [["12.34x", "100.0", "100.0", "-12.3"]]


def test_letters_are_chosen_by_name() -> None:
    """None means the usual ones; an unknown one is refused."""
    assert command.arguments(["a", "c", "--quick"]).letters == ["a", "c"]
    assert not command.arguments([]).letters
    assert set(command.USUAL) < set(command.LETTERS)
    with pytest.raises(SystemExit):
        command.arguments(["z"])


def test_a_letter_that_fails_costs_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are measured and written, and the exit code tells."""

    def fails(_: Bench) -> Section:
        raise RuntimeError("grader batch ended with 3")

    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "use_cores", lambda _: [0])
    monkeypatch.setitem(command.LETTERS, "c", fails)
    monkeypatch.setitem(command.LETTERS, "d", lambda _: Section("d", "Probe", ("loop",), [("a",)], {"ratio": 1.0}))
    assert command.main(["c", "d"]) == 1
    [path] = (tmp_path / "results").iterdir()
    assert set(json.loads(path.read_text())["results"]) == {"d"}
    assert "(c) failed: grader batch ended with 3" in capsys.readouterr().out


def test_results_are_written_with_the_machine(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One JSON file for each run, with every section's figures."""
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "use_cores", lambda _: [0, 1])
    section = Section("c", "Start", ("started", "runs"), [("cold", "1")], {"ratio": 2.0})
    monkeypatch.setitem(command.LETTERS, "c", lambda _: section)
    assert command.main(["c", "--isolation", "process"]) == 0
    [path] = (tmp_path / "results").iterdir()
    written = json.loads(path.read_text())
    assert written["results"]["c"]["ratio"] == 2.0
    assert written["machine"]["cores_used"] == 2
    assert written["machine"]["packages"]["torch"]
    assert "(c) Start" in capsys.readouterr().out
