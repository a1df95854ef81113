"""The list of stand-ins: what is in it, and what is refused."""

from pathlib import Path

import pytest

from grader.errors import RubricError
from grader.resources import rubrics_dir
from grader.rubric.stand_ins import FILE, KINDS, load_stand_ins


def test_the_bundled_list_is_read() -> None:
    """Every kind in it is known; plots and embeddings are in it, of torch only what writes logs."""
    found = load_stand_ins(rubrics_dir())
    assert found["umap.UMAP"] == "projection"
    assert found["seaborn.pairplot"] == "figure"
    assert set(found.values()) <= set(KINDS)
    of_torch = [name for name in found if name.split(".")[0] in ("torch", "torchvision")]
    assert of_torch == ["torch.utils.tensorboard.SummaryWriter"]


def test_a_folder_without_a_list_stands_in_for_nothing(tmp_path: Path) -> None:
    """Rubrics of one's own need none."""
    assert load_stand_ins(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("seaborn.pairplot: picture\n", "line 1, key 'seaborn.pairplot': there is no answer 'picture'"),
        ("pairplot: figure\n", "named in full"),
        ("a.b: figure\na.b: close\n", "given twice"),
        ("a..b: figure\n", "named in full"),
        ("os.system('x'): figure\n", "named in full"),
        ("- a.b\n", "maps names"),
        ("a.b: 1\n", "no answer '1'"),
        ("a.b: [figure]\n", "no answer"),
        ("", "empty"),
        ("a.b: !!python/name:os.system x\n", "not a value"),
        ("".join(f"a.b{n}: figure\n" for n in range(201)), "At most|at most"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    """File, line and key are named."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(RubricError, match=problem) as refused:
        load_stand_ins(tmp_path)
    assert FILE in str(refused.value)
