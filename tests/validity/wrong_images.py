"""Submissions of the two exercises on images with one mistake each."""

from tests.validity import digits, ellipses
from tests.validity import optimisers as by
from tests.validity.mistakes import (
    LEARNS,
    NEVER_EVAL,
    NOT_BACK_TO_TRAINING,
    ZERO_BETWEEN,
    ZERO_MISSING,
    but,
    judged_on_training,
)
from tests.validity.model import Case

D, E = "digits-", "ellipse-"


def _digits() -> list[Case]:
    stops = ("        losses.append(loss.item())\n", "        losses.append(loss.item())\n        break\n")
    return [
        but(D + "stream", D + "no-convolution", "architecture", LEARNS, net=digits.dense()),
        but(D + "loaders", D + "softmax-before-loss", "loss", LEARNS, out="torch.softmax($net($x), dim=1)"),
        but(D + "stream", D + "zero-grad-missing", "training", LEARNS, update=ZERO_MISSING),
        but(D + "random-split", D + "zero-grad-between", "training", LEARNS, epochs=3, update=ZERO_BETWEEN),
        but(D + "coloured", D + "eval-missing", "validation", habits=NEVER_EVAL),
        judged_on_training(D + "slices", D + "judged-on-training"),
        but(D + "loaders", D + "same-files-twice", "split", {"validation"}, edits=(("train=False", "train=True"),)),
        but(
            D + "slices-residual",
            D + "black-images",
            "inputs",
            LEARNS,
            epochs=3,
            edits=(("/ 255.0", ".float() // 256"),),
        ),
        but(
            D + "slices", D + "hundred-outputs", "outputs", edits=(("nn.Linear(48 * 9, 10)", "nn.Linear(48 * 9, 100)"),)
        ),
        but(D + "own-data", D + "lr-too-low", "convergence", LEARNS, epochs=4, optimiser=by.adam("1e-7")),
        but(D + "loaders", D + "first-batch-only", "batches", LEARNS, edits=(stops,)),
    ]


def _ellipses() -> list[Case]:
    return [
        but(E + "loaders", E + "no-convolution", "architecture", LEARNS, net=ellipses.dense(), epochs=8),
        but(E + "sigmoid", E + "one-epoch", "convergence", LEARNS, epochs=1, optimiser=by.adam("1e-5")),
        judged_on_training(E + "drawn-once", E + "judged-on-training"),
        but(E + "stream", E + "zero-grad-missing", "training", LEARNS, epochs=8, update=ZERO_MISSING),
        but(E + "loaders", E + "trained-in-eval-mode", "training", LEARNS, habits=NOT_BACK_TO_TRAINING),
        but(
            E + "drawn-once",
            E + "three-numbers",
            "outputs",
            LEARNS,
            epochs=8,
            net=ellipses.contrast(answers=3),
            edits=(("F.mse_loss(out, y)", "F.mse_loss(out, y[:, :3])"),),
        ),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [*_digits(), *_ellipses()]
