"""Submissions of the species exercise with one mistake each."""

from dataclasses import replace

from tests.validity import dense, species
from tests.validity import optimisers as by
from tests.validity.losses import SQUARED
from tests.validity.mistakes import (
    BACKWARD_MISSING,
    DETACHED,
    GRADIENTS_RECORDED,
    LEARNS,
    NEVER_EVAL,
    NOT_BACK_TO_TRAINING,
    STEP_FIRST,
    STEP_MISSING,
    UNTRAINED,
    ZERO_BETWEEN,
    ZERO_MISSING,
    but,
    judged_on_training,
)
from tests.validity.model import Case

P = "penguin-species-"
NET_UNSEEN = {"architecture", "outputs"}


def _loop() -> list[Case]:
    """What goes wrong between two batches."""
    learns_and_loss = LEARNS | {"loss"}
    frozen = (
        "for p in net.parameters():\n    p.requires_grad = False\nnet[-1].bias.requires_grad = True\n"
        "opt = torch.optim.Adam("
    )
    return [
        but(P + "course-blocks", P + "zero-grad-missing", "training", LEARNS, update=ZERO_MISSING),
        but(
            P + "rows-relu",
            P + "zero-grad-each-epoch",
            "training",
            LEARNS,
            update=ZERO_MISSING,
            edits=(("net.train()\n", "net.train()\n    opt.zero_grad()\n"),),
        ),
        but(P + "slices-listed", P + "zero-grad-between", "training", LEARNS, update=ZERO_BETWEEN),
        but(P + "arrays-wide", P + "backward-missing", "training", learns_and_loss, update=BACKWARD_MISSING),
        but(P + "rows-nll", P + "step-missing", "training", LEARNS, update=STEP_MISSING),
        but(P + "stream-residual", P + "step-first", "training", LEARNS, update=STEP_FIRST),
        but(P + "sklearn-trainer", P + "loss-detached", "training", learns_and_loss, update=DETACHED),
        but(
            P + "course-one-hot",
            P + "optimiser-of-another-net",
            "training",
            LEARNS,
            epochs=10,
            edits=(("lr=5e-3)\n", "lr=5e-3)\nmodel = Net()\n"),),
        ),
        but(P + "stream-logits", P + "frozen", "held-out", LEARNS, edits=(("opt = torch.optim.Adam(", frozen),)),
        but(P + "rows-relu", P + "never-trained", "training", UNTRAINED | NET_UNSEEN, epochs=0),
        but(P + "course-blocks", P + "trained-in-eval-mode", "training", LEARNS, habits=NOT_BACK_TO_TRAINING),
    ]


def _judging() -> list[Case]:
    """What goes wrong in the validation."""
    fresh = ("    network.eval()\n", "    network = NeuralNetwork()\n    network.eval()\n")
    return [
        but(P + "sklearn-one-cycle", P + "eval-missing", "validation", habits=NEVER_EVAL),
        but(P + "rows-nll", P + "gradients-recorded", "validation", habits=GRADIENTS_RECORDED),
        but(P + "rows-nll", P + "another-net-judged", "validation", {"split"}, edits=(fresh,)),
        judged_on_training(P + "pairs-own-loss", P + "judged-on-training"),
        judged_on_training(P + "slices", P + "judged-on-its-slices"),
        but(
            P + "rows-relu",
            P + "rows-on-both-sides",
            "split",
            {"validation"},
            edits=(("birds.drop(judged.index)", "birds"),),
        ),
    ]


def _loss() -> list[Case]:
    """What goes wrong between the net and the loss."""
    squashed = "torch.relu($net($x))"
    numbers = replace(SQUARED, value="$crit($out, $y.float())", right="($out.round() == $y).sum().item()")
    return [
        but(P + "rows-relu", P + "softmax-in-the-net", "loss", LEARNS, net=dense.functional(4, 3, end="softmax")),
        but(P + "sklearn-trainer", P + "softmax-before-loss", "loss", LEARNS, out="$net($x).softmax(1)"),
        but(P + "arrays-few-epochs", P + "relu-before-loss", "loss", LEARNS, out=squashed),
        but(P + "stream-logits", P + "softmax-twice", "loss", LEARNS, out="torch.softmax($net($x), dim=1)"),
        but(P + "slices-listed", P + "no-logarithm", "loss", LEARNS, out="torch.softmax($net($x), dim=1)"),
        but(
            P + "arrays-wide",
            P + "numbers-for-species",
            "loss",
            LEARNS | {"outputs"},
            net=dense.wide(4, 1, end="flat"),
            loss=numbers,
        ),
        but(P + "course-one-hot", P + "softmax-over-the-batch", "loss", LEARNS, out="$net($x).softmax(0)"),
        but(P + "rows-relu", P + "ten-outputs", "outputs", net=dense.functional(4, 10)),
    ]


def _length() -> list[Case]:
    """Too slow, too fast, too short, and nets that are none."""
    return [
        but(P + "slices-listed", P + "lr-too-low", "convergence", LEARNS, optimiser=by.adam("1e-7")),
        but(P + "slices", P + "lr-too-high", "convergence", LEARNS, optimiser=by.sgd("500")),
        but(P + "course-blocks", P + "one-epoch", "convergence", LEARNS, epochs=1, optimiser=by.adam("1e-3")),
        but(P + "arrays-full-batch", P + "no-activation", "architecture", net=dense.sequential(4, 3, act="Identity")),
    ]


def _data() -> list[Case]:
    """What goes wrong before the net."""
    arrays = species.arrays("alphabet")
    first = replace(
        arrays,
        cells=(*arrays.cells, "first_x, first_y = next(iter($train))"),
        train="for $x, $y in [(first_x, first_y)] * 8:",
    )
    one_column = (species.FOUR, '["flipper_length_mm"]')
    stops = ("        losses.append(loss.item())\n", "        losses.append(loss.item())\n        break\n")
    return [
        but(
            P + "slices",
            P + "species-among-inputs",
            "inputs",
            {"held-out"},
            net=dense.sequential(7, 3),
            edits=(('pd.get_dummies(df["sex"])', 'pd.get_dummies(df["species"])'),),
        ),
        but(P + "arrays-wide", P + "one-column", "inputs", LEARNS, net=dense.wide(1, 3), edits=(one_column,)),
        but(
            P + "arrays-wide",
            P + "shuffled-labels",
            "convergence",
            LEARNS,
            edits=(("codes.astype(", "rng.permutation(codes).astype("),),
        ),
        but(P + "arrays-wide", P + "one-batch", "batches", LEARNS, data=first),
        but(P + "pairs-own-loss", P + "first-batch-only", "batches", LEARNS, edits=(stops,)),
        but(P + "arrays-squared", P + "not-shuffled", "batches", LEARNS, edits=(("shuffle=True", "shuffle=False"),)),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [*_loop(), *_judging(), *_loss(), *_length(), *_data()]
