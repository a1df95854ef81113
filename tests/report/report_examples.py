"""Example reports for the tests of every renderer: good, half finished, wrong, unreadable, and hostile text."""

from collections.abc import Sequence

import numpy as np

from grader.evidence.model import CellError, CellRecord
from grader.grade.model import (
    ContradictionResult,
    CriterionResult,
    CurveData,
    HeldOutResult,
    ModelResult,
    Picture,
    StudentReport,
    TaskReport,
    TaskResult,
    Timing,
)
from grader.report.figures import ReferenceCurve
from grader.types import CellStatus, Method, Status, TaskId, TaskStatus

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>"
    "\x1b]8;;https://evil.example/\x07link\x1b]8;;\x07\x1b[31mred\u202edlrow ]]> ::error::x\x00"
)
HOSTILE_NAME = "=cmd|'/c calc'!A1\n<svg/onload=alert(1)>\u202egnp.exe"
FAMILIES = [
    ("runs", "The notebook runs", 10),
    ("data", "The right inputs, split without overlap", 15),
    ("architecture", "A fully connected net with hidden layers", 15),
    ("loss", "A loss that suits outputs and targets", 10),
    ("training-loop", "The training loop updates the weights", 15),
    ("validation-loop", "Validation in evaluation mode, without gradients", 10),
    ("convergence", "Training converges", 10),
    ("held-out", "It works on data it never saw", 15),
]


def criterion(name: str, title: str, points: float, maximum: float, status: Status, **texts: str) -> CriterionResult:
    """A criterion with plausible texts."""
    texts = {"aim": "What a sound solution shows here.", "found": "What your notebook showed.", **texts}
    return CriterionResult(id=name, title=title, status=status, points=points, max_points=maximum, **texts)


def criteria(missed: dict[str, tuple[float, Status, str, str, str]] | None = None) -> list[CriterionResult]:
    """All criteria met but those in ``missed``: points, status, found, gap, next."""
    made = []
    for name, title, maximum in FAMILIES:
        if missed is not None and name in missed:
            points, status, found, gap, step = missed[name]
            made.append(criterion(name, title, points, maximum, status, found=found, gap=gap, next=step))
        else:
            made.append(criterion(name, title, maximum, maximum, Status.PASS))
    return made


def curve(start: float, end: float, *, baseline: float | None = 1.1, loss: str = "cross_entropy") -> CurveData:
    """An exponential fall with a little noise."""
    noise = np.random.default_rng(3)
    steps = np.arange(13, 2601, 13)
    train = end + (start - end) * np.exp(-steps / 420) + noise.normal(0, 0.02, len(steps)) * start
    valid = end * 1.15 + (start - end) * np.exp(-steps / 400) + noise.normal(0, 0.01, len(steps)) * start
    pairs = [list(zip(steps.tolist(), np.abs(line).tolist(), strict=True)) for line in (train, valid)]
    return CurveData(train=pairs[0], valid=pairs[1], loss=loss, baseline=baseline)


def _around(step: float, loss: float) -> tuple[float, float, float, float]:
    return step, 0.9 * loss, loss, 1.15 * loss


def reference() -> dict[TaskId, ReferenceCurve]:
    """A calibrated curve for every task."""
    steps = np.arange(26, 2000, 26)
    return {
        task: ReferenceCurve(points=[_around(float(s), float(0.05 + 0.95 * np.exp(-s / 300))) for s in steps])
        for task in TaskId
    }


def species_task(*, points: float = 98.0) -> TaskReport:
    """A good solution of task 1."""
    picture = Picture(
        kind="confusion", classes=["Adelie", "Chinstrap", "Gentoo"], matrix=[[19, 1, 0], [1, 19, 0], [0, 0, 20]]
    )
    layers = [
        "BatchNorm1d(4)",
        "Linear(4, 16)",
        "LeakyReLU()",
        "Dropout(0.1)",
        "Linear(16, 16)",
        "LeakyReLU()",
        "Linear(16, 3)",
    ]
    missed = {
        "convergence": (
            points - 90,
            Status.PARTIAL,
            "Over the last fifth of training the validation loss still falls by 6 %.",
            "It should change by less than 5 %.",
            "Train for more epochs and watch where the validation loss levels off.",
        )
    }
    result = TaskResult(
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="01_penguin_classification.ipynb",
        points=points,
        max_points=100,
        status=TaskStatus.MARKED,
        criteria=criteria(missed if points < 100 else None),
        held_out=HeldOutResult(
            metric="accuracy",
            value=0.967,
            unit="",
            baseline=0.333,
            reference=0.983,
            method=Method.REPLAY,
            n=60,
            low=0.9,
            high=0.99,
            others={"balanced_accuracy": 0.966},
        ),
        model=ModelResult(parameters=419, layers=layers),
        timing=Timing(wall_s=17.3, cpu_s=16.0, training_s=2.2),
        cells=[CellRecord(index=i, status=CellStatus.OK) for i in range(1, 9)],
    )
    return TaskReport(result=result, curve=curve(1.1, 0.06), pictures=[picture])


def mass_task() -> TaskReport:
    """Task 2, trained for far too short a time."""
    noise = np.random.default_rng(5)
    truth = noise.uniform(2800, 6200, 60)
    predicted = 4200 + 0.35 * (truth - 4200) + noise.normal(0, 300, 60)
    picture = Picture(
        kind="scatter", unit="g", truth=[[float(v)] for v in truth], predicted=[[float(v)] for v in predicted]
    )
    missed = {
        "convergence": (
            2,
            Status.FAIL,
            "After 5 epochs the training loss still falls by 31 % per epoch.",
            "It should level off: less than 5 %.",
            "Train until the validation loss no longer falls, then compare the two curves.",
        ),
        "held-out": (
            4.5,
            Status.PARTIAL,
            "Mean absolute error 512 g.",
            "214 g more than the reference solution.",
            "Fix the convergence first; this follows.",
        ),
        "validation-loop": (
            0,
            Status.FAIL,
            "Validation ran over the training loader.",
            "No validation row was seen in evaluation mode.",
            "Look at which loader your validation function iterates over.",
        ),
    }
    result = TaskResult(
        task=TaskId.PENGUINS_REGRESSION,
        file="02_penguin_regression.ipynb",
        points=74.5,
        max_points=100,
        status=TaskStatus.MARKED,
        criteria=criteria(missed),
        timing=Timing(wall_s=8.0, training_s=0.5),
        model=ModelResult(parameters=233, layers=["Linear(4, 16)", "Linear(16, 1)"]),
        held_out=HeldOutResult(
            metric="mae",
            value=512.0,
            unit="g",
            baseline=690.0,
            reference=298.0,
            method=Method.INPUT_MAP,
            n=60,
            low=0.9,
            high=0.99,
            others={"rmse": 633.0},
        ),
    )
    return TaskReport(result=result, curve=curve(1.4, 0.7, baseline=1.0, loss="mse_loss"), pictures=[picture])


def digits_task(images: Sequence[bytes] = ()) -> TaskReport:
    """Task 3 with misread digits, on stand-in data."""
    noise = np.random.default_rng(1)
    drawn = list(images) or [noise.integers(0, 255, (28, 28), dtype=np.uint8).tobytes() for _ in range(11)]
    matrix = np.diag(noise.integers(80, 100, 10))
    matrix[3, 5], matrix[4, 9], matrix[7, 2], matrix[9, 4] = 11, 24, 3, 9
    pictures = [
        Picture(kind="confusion", classes=[str(i) for i in range(10)], matrix=matrix.tolist()),
        Picture(
            kind="digits",
            images=drawn,
            image_shape=[28, 28],
            truth=[[float(i % 10)] for i in range(len(drawn))],
            predicted=[[float((i + 3) % 10)] for i in range(len(drawn))],
        ),
    ]
    result = TaskResult(
        task=TaskId.MNIST_CLASSIFICATION,
        file="03_mnist_classification.ipynb",
        points=100,
        max_points=100,
        status=TaskStatus.MARKED,
        criteria=criteria(),
        timing=Timing(wall_s=169, training_s=121),
        notes=["Stand-in digits (scikit-learn) were used, not MNIST."],
        model=ModelResult(parameters=1_528_106, layers=[f"Conv2d(16, 16) number {i}" for i in range(55)]),
        held_out=HeldOutResult(
            metric="accuracy",
            value=0.962,
            unit="",
            baseline=0.114,
            reference=0.95,
            method=Method.PREDICT,
            n=1000,
            low=0.9,
            high=0.99,
        ),
    )
    return TaskReport(result=result, curve=curve(2.3, 0.12, baseline=2.303), pictures=pictures)


def ellipse_task() -> TaskReport:
    """Task 4 with ellipses drawn over their images."""
    noise = np.random.default_rng(2)
    images, truth, predicted = [], [], []
    for _ in range(8):
        row, column = noise.integers(36, 92, 2)
        radii = noise.integers(8, 32, 2)
        y, x = np.mgrid[:128, :128]
        inside = ((y - row) / radii[0]) ** 2 + ((x - column) / radii[1]) ** 2 < 1
        image = np.where(inside[..., None], noise.integers(0, 255, 3), noise.integers(0, 255, 3)).astype(np.uint8)
        images.append(image.tobytes())
        truth.append([float(row), float(column), *map(float, radii)])
        predicted.append([value + float(noise.normal(0, 3)) for value in truth[-1]])
    result = TaskResult(
        task=TaskId.ELLIPSE_REGRESSION,
        file="04_ellipse_regression.ipynb",
        points=70,
        max_points=100,
        status=TaskStatus.NEEDS_REVIEW,
        criteria=criteria(
            {
                "held-out": (0, Status.NEEDS_REVIEW, "The model's size and its predictions do not agree.", "", ""),
                "data": (0, Status.HARNESS_ERROR, "The grader could not tell.", "", ""),
            }
        ),
        held_out=HeldOutResult(
            metric="rmse",
            value=4.1,
            unit="px",
            baseline=17.0,
            reference=2.6,
            method=Method.RECORDED_VALIDATION,
            n=200,
            low=0.9,
            high=0.99,
            others={"iou": 0.81, "rmse row radius": 3.9},
        ),
        timing=Timing(wall_s=412.0),
    )
    return TaskReport(
        result=result,
        curve=curve(0.3, 0.001, baseline=None, loss="binary_cross_entropy"),
        pictures=[Picture(kind="ellipses", images=images, image_shape=[128, 128, 3], truth=truth, predicted=predicted)],
    )


def contradicted_task() -> TaskReport:
    """All points, and two pairs of facts that do not go together."""
    slow = "The log says 600,000 optimiser steps, yet the run used 0.3 s of processor time."
    shared = "The log says that 61 rows were shared, yet it counts only 60 of them."
    found = [ContradictionResult(id=n, sentence=s) for n, s in (("steps-and-time", slow), ("shared-rows", shared))]
    result = species_task(points=100).result
    return TaskReport(result=result.model_copy(update={"contradictions": found, "status": TaskStatus.NEEDS_REVIEW}))


def half_task() -> TaskReport:
    """A notebook that stops half way."""
    waiting = (0.0, Status.BLOCKED, "Nothing to look at yet.", "", "")
    missed = {
        "runs": (
            4.0,
            Status.PARTIAL,
            "7 of 12 cells ran.",
            "5 cells stopped with an error.",
            "Start with the first error below.",
        ),
        "training-loop": (
            0.0,
            Status.FAIL,
            "No optimiser step was seen.",
            "A training loop calls backward and step for every batch.",
            "Fill in the body of your training function, then run one epoch.",
        ),
        "validation-loop": waiting,
        "convergence": waiting,
        "held-out": waiting,
    }
    trace = (
        "Traceback (most recent call last)\n  Cell In[7], line 3\n"
        "----> 3 train_one_epoch(model, loader)\nNameError: name 'loader' is not defined"
    )
    error = CellError(name="NameError", message="name 'loader' is not defined", traceback=trace)
    cells = [
        CellRecord(index=12, status=CellStatus.ERROR, error=error),
        CellRecord(index=14, status=CellStatus.TIMEOUT),
    ]
    result = TaskResult(
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="01_penguin_classification.ipynb",
        points=44,
        max_points=100,
        status=TaskStatus.MARKED,
        criteria=criteria(missed),
        cells=cells,
        timing=Timing(wall_s=5.0),
    )
    return TaskReport(result=result)


def hostile_task() -> TaskReport:
    """Hostile text in every place that a submission reaches."""
    error = CellError(name=HOSTILE[:150], message=HOSTILE, traceback=HOSTILE * 3)
    result = TaskResult(
        task=TaskId.PENGUINS_CLASSIFICATION,
        file=HOSTILE,
        points=0,
        max_points=100,
        status=TaskStatus.MARKED,
        criteria=[
            criterion("runs", HOSTILE, 0, 100, Status.FAIL, aim=HOSTILE, found=HOSTILE, gap=HOSTILE, next=HOSTILE)
        ],
        cells=[CellRecord(index=0, status=CellStatus.ERROR, error=error)],
        timing=Timing(wall_s=1.0),
        notes=[HOSTILE],
        model=ModelResult(parameters=3, layers=[HOSTILE]),
        held_out=HeldOutResult(
            metric=HOSTILE,
            value=1e300,
            unit=HOSTILE,
            baseline=0,
            reference=1,
            method=Method.PREDICT,
            n=1,
            low=0.9,
            high=0.99,
            others={HOSTILE: 1.0},
        ),
    )
    pictures = [
        Picture(kind="confusion", classes=[HOSTILE], matrix=[[1]]),
        Picture(
            kind="scatter",
            unit=HOSTILE,
            truth=[[1.0], [float("nan")], [2.0]],
            predicted=[[1e308], [float("inf")], [-1e308]],
        ),
        Picture(
            kind="digits",
            classes=[HOSTILE],
            images=[b"short", bytes(784)],
            image_shape=[28, 28],
            truth=[[0.0], [0.0]],
            predicted=[[0.0], [float("nan")]],
        ),
        Picture(
            kind="ellipses",
            images=[bytes(12)],
            image_shape=[2, 2, 3],
            truth=[[1.0, 1.0, 1.0, 1.0]],
            predicted=[[float("nan"), 1e308, -1.0, 1.0]],
        ),
    ]
    loss = CurveData(
        train=[(1.0, 1e308), (2.0, float("nan")), (3.0, -1.0)],
        valid=[(2.0, float("inf"))],
        loss=HOSTILE,
        baseline=1e-300,
    )
    return TaskReport(result=result, curve=loss, pictures=pictures)


def students() -> list[StudentReport]:
    """A small class of every kind."""
    unread = TaskResult(
        task=TaskId.PENGUINS_REGRESSION,
        file="02_penguin_regression.ipynb",
        points=0,
        max_points=100,
        status=TaskStatus.UNREADABLE,
        criteria=[],
        timing=Timing(wall_s=0),
        notes=["The file is not a notebook: it is cut short."],
    )
    lost = TaskResult(
        task=TaskId.MNIST_CLASSIFICATION,
        file="03.ipynb",
        points=0,
        max_points=100,
        status=TaskStatus.HARNESS_ERROR,
        criteria=[],
        timing=Timing(wall_s=0),
        notes=["The sandbox could not be started."],
    )
    return [
        StudentReport(student="Ada Lovelace", tasks=[species_task(), mass_task(), digits_task(), ellipse_task()]),
        StudentReport(student="Half Finished", tasks=[half_task()]),
        StudentReport(
            student="Élodie 王",
            tasks=[species_task(points=100), TaskReport(result=unread), TaskReport(result=lost)],
            problems=["notes.docx is neither a notebook nor a Python file."],
        ),
        StudentReport(student=HOSTILE_NAME, tasks=[hostile_task()]),
        StudentReport(student="nobody", tasks=[]),
    ]
