"""Submissions of the mass exercise with one mistake each."""

from dataclasses import replace

from tests.validity import dense, losses, mass
from tests.validity import optimisers as by
from tests.validity.mistakes import LEARNS, NOT_BACK_TO_TRAINING, UNTRAINED, ZERO_MISSING, but, judged_on_training
from tests.validity.model import Case

P = "penguin-mass-"


def cases() -> list[Case]:
    """All of them."""
    entropy = replace(losses.CROSS_ENTROPY, right="")
    arrays = mass.arrays("kg")
    first = replace(
        arrays,
        cells=(*arrays.cells, "batch_of_x, batch_of_y = next(iter($train))"),
        train="for $x, $y in [(batch_of_x, batch_of_y)] * 7:",
    )
    leak = (mass.SIZES, mass.SIZES.replace("]", ', "body_mass_g"]'))
    return [
        but(P + "slices-mean", P + "zero-grad-missing", "training", LEARNS, update=ZERO_MISSING),
        but(P + "course-mean", P + "trained-in-eval-mode", "training", LEARNS, habits=NOT_BACK_TO_TRAINING),
        judged_on_training(P + "split-root", P + "judged-on-training"),
        but(P + "rows-flat", P + "blown-up", "loss", LEARNS, net=dense.functional(5, 1, act="torch.tanh")),
        but(
            P + "arrays-kg", P + "mass-among-inputs", "inputs", {"held-out"}, net=dense.sequential(9, 1), edits=(leak,)
        ),
        but(P + "arrays-kg", P + "no-activation", "architecture", net=dense.sequential(8, 1, act="Identity")),
        but(P + "arrays-kg", P + "two-outputs", "outputs", LEARNS | {"loss"}, net=dense.sequential(8, 2)),
        but(P + "course-huber", P + "lr-too-low", "convergence", LEARNS, optimiser=by.adam("1e-7")),
        but(P + "rows-listed", P + "lr-too-high", "convergence", LEARNS, optimiser=by.sgd("50")),
        but(P + "course-mean", P + "two-epochs", "convergence", LEARNS, epochs=2, optimiser=by.adam("1e-3")),
        but(P + "course-huber", P + "cross-entropy", "loss", LEARNS | {"training"}, loss=entropy),
        but(P + "stream", P + "never-trained", "training", UNTRAINED | {"architecture", "outputs"}, epochs=0),
        but(P + "arrays-kg", P + "one-batch", "batches", LEARNS, data=first),
        but(P + "rows-fixed", P + "no-negative-answers", "held-out", LEARNS, out="torch.relu($net($x))"),
    ]
