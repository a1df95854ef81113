"""Every check is explained; a file that does not is refused by file, line and key."""

import json

import pytest
import yaml

from grader import resources
from grader.errors import RubricError
from grader.rubric.explanations import FILE, load_explanations
from grader.rubric.known import CHECKS


def test_every_check_is_explained():
    found = load_explanations(resources.rubrics_dir())
    assert set(found) == set(CHECKS)
    assert all(len(text) > 20 for one in found.values() for text in vars(one).values())


@pytest.fixture
def changed(tmp_path):
    """A function that loads the bundled texts with a change."""
    texts = yaml.safe_load((resources.rubrics_dir() / FILE).read_text(encoding="utf-8"))

    def load(change):
        change(texts)
        (tmp_path / FILE).write_text(json.dumps(texts, indent=1), encoding="utf-8")
        return load_explanations(tmp_path)

    return load


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda texts: texts.pop("loss"), "'loss' has no explanation"),
        (lambda texts: texts.update(more=texts["loss"]), "no check 'more'"),
        (lambda texts: texts["loss"].pop("why"), "has the texts aim, measured, why, course"),
        (lambda texts: texts["loss"].update(more="x"), "and no others"),
        (lambda texts: texts["loss"].update(why="  "), r"loss\.why"),
        (lambda texts: texts["loss"].update(why=3), r"loss\.why"),
        (lambda texts: texts["loss"].update(why="x" * 3_000), r"loss\.why"),
        (lambda texts: texts.update(loss=[1]), "has the texts"),
    ],
)
def test_texts_that_explain_nothing_are_refused(changed, change, problem):
    with pytest.raises(RubricError, match=problem) as caught:
        changed(change)
    assert ", line " in str(caught.value)


def test_a_list_is_refused(tmp_path):
    (tmp_path / FILE).write_text("- loss\n")
    with pytest.raises(RubricError, match="mapping"):
        load_explanations(tmp_path)
