"""The four tasks and what is known of each without looking at data."""

from grader.tasks.model import TaskSpec
from grader.types import TaskId

ELLIPSE_NAMES = ("row", "column", "row radius", "column radius")
DIGITS = tuple(str(digit) for digit in range(10))

TASKS: dict[TaskId, TaskSpec] = {
    spec.id: spec
    for spec in (
        TaskSpec(
            id=TaskId.PENGUINS_CLASSIFICATION,
            title="Classify penguin species",
            family="classification",
            inputs="table",
            outputs=3,
            classes=("Adelie", "Chinstrap", "Gentoo"),
            target_names=("species",),
            metric="accuracy",
            unit="",
            higher_is_better=True,
            file_stem="01_penguin_classification",
        ),
        TaskSpec(
            id=TaskId.PENGUINS_REGRESSION,
            title="Predict penguin mass",
            family="regression",
            inputs="table",
            outputs=1,
            classes=(),
            target_names=("body_mass_g",),
            metric="mae",
            unit="g",
            higher_is_better=False,
            file_stem="02_penguin_regression",
        ),
        TaskSpec(
            id=TaskId.MNIST_CLASSIFICATION,
            title="Classify handwritten digits",
            family="classification",
            inputs="image",
            outputs=10,
            classes=DIGITS,
            target_names=("digit",),
            metric="accuracy",
            unit="",
            higher_is_better=True,
            file_stem="03_mnist_classification",
        ),
        TaskSpec(
            id=TaskId.ELLIPSE_REGRESSION,
            title="Find an ellipse's centre and radii",
            family="regression",
            inputs="image",
            outputs=4,
            classes=(),
            target_names=ELLIPSE_NAMES,
            metric="rmse",
            unit="px",
            higher_is_better=False,
            file_stem="04_ellipse_regression",
        ),
    )
}


def get(task: TaskId) -> TaskSpec:
    """The facts of one task."""
    return TASKS[task]
