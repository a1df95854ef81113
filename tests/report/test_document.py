"""The public document matches its published schema and holds nothing but finite numbers and clean text."""

import json
from typing import Any

import jsonschema
import pytest
from report_examples import contradicted_task, half_task, species_task, students

from grader import __version__
from grader.grade.model import RESULT_SCHEMA_VERSION, StudentReport
from grader.report.document import document, printed, schema


def test_document_validates_against_the_schema() -> None:
    made = document(students())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(made, schema(), cls=jsonschema.Draft202012Validator)
    assert made["schema_version"] == RESULT_SCHEMA_VERSION
    assert made["tool"] == {"name": "workshop-grader", "version": __version__}
    json.dumps(made, allow_nan=False)


def test_document_has_the_published_shape() -> None:
    task = document(students())["submissions"][0]["tasks"][0]
    assert set(task) == {
        "task",
        "file",
        "points",
        "max_points",
        "status",
        "criteria",
        "diagnoses",
        "contradictions",
        "shortened",
        "repeats",
        "held_out",
        "model",
        "timing",
        "cells",
        "notes",
    }
    assert set(task["criteria"][0]) == {"id", "title", "status", "points", "max_points", "aim", "found", "gap", "next"}
    assert {"metric", "value", "unit", "baseline", "reference", "method", "n", "low", "high", "certain"} <= set(
        task["held_out"]
    )
    assert set(task["cells"][0]) == {"index", "status", "error"}
    assert task["task"] == "penguins-classification"


def test_an_unknown_key_does_not_validate() -> None:
    made = document(students())
    made["submissions"][0]["tasks"][0]["bonus"] = 10
    with pytest.raises(jsonschema.ValidationError, match="bonus"):
        jsonschema.validate(made, schema())


def test_every_object_of_the_schema_refuses_unknown_keys() -> None:
    for name, part in {**schema()["$defs"], "Document": schema()}.items():
        if part.get("type") == "object":
            assert part["additionalProperties"] is False, name


def test_texts_are_cleaned() -> None:
    assert not any(c in text for text in _texts(document(students())) for c in "\x1b\x00\u202e\r")


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in [key, *_texts(item)]]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def test_contradictions_are_listed_and_validate() -> None:
    """Each with its id and its sentence; without any the list is empty."""
    made = document([StudentReport(student="a", tasks=[contradicted_task(), species_task()])])
    jsonschema.validate(made, schema(), cls=jsonschema.Draft202012Validator)
    odd, sound = made["submissions"][0]["tasks"]
    assert [found["id"] for found in odd["contradictions"]] == ["steps-and-time", "shared-rows"]
    assert "yet the run used 0.3 s" in odd["contradictions"][0]["sentence"]
    assert (odd["status"], sound["contradictions"]) == ("needs-review", [])


def test_printed_document_is_no_command_in_a_log() -> None:
    said = "##[error]a ###[b] #"
    reports = [StudentReport(student="a", tasks=[species_task()], problems=[said])]
    assert json.loads(printed(reports))["submissions"][0]["problems"] == [said]
    assert "##" not in printed(reports)
    assert "\n" not in printed(reports)


def test_names_are_on_one_line() -> None:
    task = half_task()
    cells = [
        cell.model_copy(update={"error": cell.error and cell.error.model_copy(update={"name": "a\n::error::b"})})
        for cell in task.result.cells
    ]
    odd = task.model_copy(update={"result": task.result.model_copy(update={"file": "a\r\nb.py", "cells": cells})})
    made = document([StudentReport(student="a\nb", tasks=[odd])])["submissions"][0]
    names = {cell["error"]["name"] for cell in made["tasks"][0]["cells"] if cell["error"]}
    assert (made["student"], made["tasks"][0]["file"], names) == ("a b", "a b.py", {"a ::error::b"})
