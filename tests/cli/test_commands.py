"""Every command: what it prints where, which files it leaves, and its exit code."""

import csv
import json
import re
from pathlib import Path

import jsonschema
import pytest
from command_examples import NAME, made_up, save_notebook
from typer.testing import CliRunner

from grader import pipeline
from grader.cli.main import app
from grader.errors import DataUnavailable, EvidenceError, SandboxUnavailable
from grader.types import TaskId, TaskStatus

COMMANDS = [
    *(
        "check",
        "batch",
        "calibrate",
        "demo",
        "doctor",
        "data",
        "data fetch",
        "data status",
        "explain",
        "tasks",
        "schema",
    )
]


def schema() -> dict:
    return json.loads(CliRunner().invoke(app, ["schema"]).stdout)


def test_check_prints_a_table_and_writes_a_page(run, tmp_path):
    """The student reads marks in 80 columns and finds the page in the default folder."""
    result = run("check", save_notebook(tmp_path / NAME))
    assert result.exit_code == 0
    assert "72.5 of 100" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines() if not line.startswith("Details:")) <= 80
    assert "Running 1 file" in result.stderr
    page = Path(re.search(r"Details: (.*)", result.stdout)[1])
    assert page.is_file()
    assert (tmp_path / "grader-report" / "index.html").is_file()


def test_check_json_is_one_document_that_fits_the_schema(run, tmp_path):
    """Exactly one document on stdout; narration on stderr; no pages unless asked for."""
    result = run("check", save_notebook(tmp_path / NAME), "--json")
    found = json.loads(result.stdout)
    jsonschema.validate(found, schema())
    assert [task["points"] for task in found["submissions"][0]["tasks"]] == [72.5]
    assert "72.5 of 100" in result.stderr
    assert not (tmp_path / "grader-report").exists()


@pytest.mark.parametrize(("least", "code"), [("72.5", 0), ("72.6", 1), ("0", 0)])
def test_fail_under(run, tmp_path, least, code):
    assert run("check", save_notebook(tmp_path / NAME), "--fail-under", least).exit_code == code


def test_open_points_do_not_fail_under(run, tmp_path, monkeypatch):
    """Points that a person still decides on are not counted as lost; a harness error is code 3, not 1."""
    monkeypatch.setattr(pipeline, "grade_file", made_up(0, TaskStatus.HARNESS_ERROR))
    assert run("check", save_notebook(tmp_path / NAME), "--fail-under", "60").exit_code == 3


@pytest.mark.parametrize("problem", [SandboxUnavailable("No sandbox."), DataUnavailable("No data.")])
def test_environment_problems_are_code_3(run, tmp_path, monkeypatch, problem):
    """What this machine lacks is one sentence on stderr, and code 3, before anything runs."""

    def refuse(settings, wanted):
        raise problem

    monkeypatch.setattr(pipeline, "prepare", refuse)
    result = run("check", save_notebook(tmp_path / NAME), "--json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"Error: {problem}" in result.stderr


def test_a_failing_grader_is_never_a_zero(run, tmp_path, monkeypatch):
    """A fault of the grader on a file leaves its points open, says so, and ends with code 3."""

    def fail(work):
        raise EvidenceError("The evidence is broken.")

    monkeypatch.setattr(pipeline, "grade_file", fail)
    result = run("check", save_notebook(tmp_path / NAME), "--json")
    (task,) = json.loads(result.stdout)["submissions"][0]["tasks"]
    assert (result.exit_code, task["status"]) == (3, "harness-error")
    assert "The evidence is broken." in task["notes"][0]


def test_interrupted_check(run, tmp_path, monkeypatch):
    def interrupt(work):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "grade_file", interrupt)
    assert run("check", save_notebook(tmp_path / NAME)).exit_code == 130


def test_batch_writes_everything(run, tmp_path):
    """Overview, a page and a row per student, results; the unreadable one included."""
    for student in ("ann", "bob"):
        save_notebook(tmp_path / "class" / student / NAME)
    (tmp_path / "class" / "cy").mkdir()
    (tmp_path / "class" / "cy" / NAME).write_text("{")
    (tmp_path / "class" / "=cmd|x").mkdir()
    (tmp_path / "class" / "=cmd|x" / "report.pdf").write_text("x")
    out = tmp_path / "reports"
    result = run("batch", tmp_path / "class", "--out", out, "-j", "2")
    assert result.exit_code == 0
    assert "cy" in result.stderr
    assert "[2/2]" in result.stderr
    assert len(list((out / "students").glob("*.html"))) == 4
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema())
    statuses = {s["student"]: [t["status"] for t in s["tasks"]] for s in found["submissions"]}
    assert statuses == {"ann": ["marked"], "bob": ["marked"], "cy": ["unreadable"], "=cmd|x": []}
    with (out / "gradebook.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["student"] for row in rows} == {"ann", "bob", "cy", "'=cmd|x"}
    assert run("batch", tmp_path / "class", "--out", out).exit_code == 0


def test_interrupted_batch_keeps_what_was_done(run, tmp_path, monkeypatch):
    """Code 130; the file that was done is marked, the others are open and say why."""
    grade = made_up()

    def interrupt(work):
        if work.student == "bob":
            raise KeyboardInterrupt
        return grade(work)

    monkeypatch.setattr(pipeline, "grade_file", interrupt)
    for student in ("ann", "bob"):
        save_notebook(tmp_path / "class" / student / NAME)
    result = run("batch", tmp_path / "class", "--out", tmp_path / "reports")
    assert result.exit_code == 130
    found = json.loads((tmp_path / "reports" / "results.json").read_text(encoding="utf-8"))
    ann, bob = found["submissions"]
    assert (ann["tasks"][0]["status"], bob["tasks"][0]["status"]) == ("marked", "harness-error")
    assert "interrupted" in bob["tasks"][0]["notes"][0]


def test_batch_defaults_to_required_isolation(run, tmp_path, monkeypatch):
    """Other people's code runs in isolation or not at all; one's own as well as this machine can."""
    seen = []
    monkeypatch.setattr(pipeline, "prepare", lambda settings, wanted: seen.append(settings.isolation.value))
    save_notebook(tmp_path / "class" / "ann" / NAME)
    run("batch", tmp_path / "class", "--out", tmp_path / "reports")
    run("check", tmp_path / "class" / "ann" / NAME)
    assert list(dict.fromkeys(seen)) == ["required", "auto"]


def test_demo_covers_all_tasks(run, tmp_path):
    result = run("demo", "--out", tmp_path / "reports", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert len(found["submissions"]) == 8
    assert {task["task"] for s in found["submissions"] for task in s["tasks"]} == set(TaskId)


def test_demo_works_from_the_bundled_submissions_only(run, tmp_path, monkeypatch):
    """Nothing is written beside them."""
    result = run("demo")
    assert result.exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]


def test_tasks_lists_every_task(run):
    result = run("tasks")
    assert all(task in result.stdout for task in TaskId)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert [row["task"] for row in json.loads(run("tasks", "--json").stdout)["tasks"]] == list(TaskId)


def test_schema_is_a_schema(run):
    found = json.loads(run("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(found)


def test_data_status_and_a_missing_data_folder(run, tmp_path):
    assert "MNIST" in run("data", "status").stdout
    result = run("data", "status", "--data-dir", tmp_path / "nowhere")
    assert result.exit_code == 3
    assert "does not exist" in result.stderr


def test_doctor_names_what_is_missing(run, tmp_path):
    """Isolation, device, data and weights are named; a data folder that is not there is in the way."""
    result = run("doctor")
    assert all(word in result.stdout for word in ("isolation", "device", "MNIST", "weights"))
    assert run("doctor", "--data-dir", tmp_path / "nowhere").exit_code == 3


def test_version(run):
    assert run("--version").stdout.startswith("workshop-grader ")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_gives_examples(run, command):
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout or command == "data"
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_calibration_that_does_not_fit_is_reported(run, tmp_path, monkeypatch):
    """Before a class is marked, and by the doctor, which is no reason not to grade."""
    monkeypatch.setattr(
        pipeline, "prepare", lambda settings, wanted: ["Measured with torch 1.0; run: grader calibrate"]
    )
    save_notebook(tmp_path / "class" / "a" / NAME)
    assert "torch 1.0" in run("batch", tmp_path / "class", "--out", tmp_path / "out", "--isolation", "process").stderr
    assert "torch 1.0" in run("doctor", "--no-attack").stdout
    assert "torch 1.0" not in run("check", save_notebook(tmp_path / NAME)).stderr


@pytest.mark.parametrize(("words", "runs"), [([], 1), (["--repeat", "3"], 3), (["--borderline"], 3)])
def test_repeats_are_asked_for(run, tmp_path, monkeypatch, words, runs):
    """``--borderline`` alone means three runs, of those whose first cannot tell."""
    asked = []
    marked = pipeline.grade_file
    monkeypatch.setattr(pipeline, "grade_file", lambda work: asked.append(work.settings) or marked(work))
    assert run("check", save_notebook(tmp_path / NAME), *words).exit_code == 0
    assert [(settings.repeat, settings.borderline) for settings in asked] == [(runs, "--borderline" in words)]


def test_calibrate_takes_a_manner_and_its_solution_together(run, tmp_path):
    for words in (["--manner", "course"], ["--solution", save_notebook(tmp_path / NAME)]):
        result = run("calibrate", *words)
        assert result.exit_code == 2
        assert "go together" in result.stderr
