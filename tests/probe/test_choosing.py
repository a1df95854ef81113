"""The net that was trained last is marked, unless it was but a look, or was there to compare with."""

import itertools
from types import SimpleNamespace

import pytest
from torch import nn

from grader.probe import choosing, recorder

DATA = object()
SEEN = {"_count": 10, "_bad": 0}
MSE = [{"kind": "mse", "phase": "eval"}, {"kind": "mse", "phase": "train"}]
L1 = [{"kind": "l1", "phase": "eval"}, {"kind": "l1", "phase": "train"}]


@pytest.fixture(autouse=True)
def same_kind(monkeypatch):
    monkeypatch.setattr(recorder.STATE, "losses", SimpleNamespace(entries=lambda _: MSE))


def net(*, epochs, loss, judged=None, data=DATA, each=10, rows=range(50), module=None, seen=200):
    """``epochs`` of ``each`` steps, the training loss at the end, and the loss on validation ``data`` if any."""
    loader = None if data is None else SimpleNamespace(dataset=data)
    source = None if data is None else SimpleNamespace(record=SimpleNamespace(loader=loader))
    passes = []
    for epoch in range(1, epochs + 1):
        passes.append({"phase": "train", "step": each * epoch, "loss": loss, **SEEN, "_source": source})
        if judged is not None:
            passes.append({"phase": "eval", "step": each * epoch, "loss": judged, **SEEN, "_source": source})
    evaluation = None if judged is None else SimpleNamespace(loader=loader, sample=SimpleNamespace(hashes=set(rows)))
    return SimpleNamespace(
        number=1,
        steps=each * epochs,
        passes=passes,
        module=module or nn.Linear(3, 2),
        train_sample=SimpleNamespace(hashes=set(range(seen))),
        validation=lambda: evaluation,
        sees_new_data=lambda found: found is not None,
    )


def marked(*nets):
    trainings = [SimpleNamespace(model=one) for one in nets]
    return nets.index(choosing.meant(trainings).model)


def test_the_last_one_is_marked():
    assert choosing.meant([]) is None
    assert marked(net(epochs=20, loss=0.1, judged=0.2), net(epochs=20, loss=0.1, judged=0.21)) == 1
    assert marked(net(epochs=20, loss=0.1, judged=0.2), net(epochs=20, loss=0.1, judged=0.3)) == 1


def test_one_epoch_of_a_fresh_net_is_but_a_look():
    good = net(epochs=20, loss=0.1, judged=0.2)
    assert marked(good, net(epochs=1, loss=0.9)) == 0
    assert marked(good, net(epochs=3, loss=0.9, judged=1.0)) == 0


def test_a_short_training_that_is_better_is_marked():
    assert marked(net(epochs=20, loss=0.9, judged=0.9), net(epochs=2, loss=0.1)) == 1
    assert marked(net(epochs=20, loss=0.1, judged=0.9), net(epochs=2, loss=0.2, judged=0.3)) == 1


def test_a_training_that_was_mended_is_marked_though_it_is_shorter():
    assert marked(net(epochs=200, loss=0.1, judged=0.2), net(epochs=30, loss=0.15, judged=0.3)) == 1


def test_a_net_that_nobody_judged_is_no_better_than_the_last():
    assert marked(net(epochs=20, loss=0.1), net(epochs=1, loss=0.9)) == 1


def test_a_baseline_to_compare_with_is_not_marked():
    good, baseline = net(epochs=20, loss=0.1, judged=0.1), net(epochs=20, loss=0.9, judged=0.9)
    assert marked(good, baseline) == 0
    assert marked(baseline, good) == 1
    assert marked(net(epochs=5, loss=2.0, judged=2.0), good, baseline) == 1


def test_only_losses_on_the_same_data_and_of_the_same_kind_are_compared(monkeypatch):
    good, others = net(epochs=20, loss=0.1, judged=0.1), {"data": object(), "rows": range(30, 80)}
    assert marked(good, net(epochs=20, loss=0.9, judged=0.9, **others)) == 1
    kinds = itertools.cycle([MSE, L1])
    monkeypatch.setattr(recorder.STATE, "losses", SimpleNamespace(entries=lambda _: next(kinds)))
    assert marked(good, net(epochs=20, loss=0.9, judged=0.9)) == 1
    assert marked(good, net(epochs=2, loss=0.9)) == 1


def test_validation_data_that_is_made_anew_for_each_net_is_known_by_its_rows():
    """A search over learning rates, of which the last is too low."""
    for data in (None, object()):
        nets = [net(epochs=20, loss=loss, judged=loss, data=data) for loss in (0.3, 0.1, 0.9)]
        assert marked(*nets) == 1


def test_a_last_fit_to_all_data_is_judged_by_an_earlier_fold():
    folds = [net(epochs=20, loss=0.11, judged=0.2, rows=range(10 * i, 10 * i + 10)) for i in range(5)]
    assert marked(*folds, net(epochs=20, loss=0.1)) == 4
    assert marked(*folds, net(epochs=20, loss=0.05)) == 5  # it is better than they were
    assert marked(*folds, net(epochs=20, loss=0.1, module=nn.Linear(3, 7))) == 5


def test_a_net_that_learnt_a_few_rows_by_heart_stands_for_no_other():
    check, real = net(epochs=200, loss=0.0, judged=2.9, seen=16), net(epochs=60, loss=0.1)
    assert marked(check, real) == 1


def test_without_a_loader_nobody_knows_what_an_epoch_is():
    """All calls of a training in a row are one pass then."""
    baseline = net(epochs=1, each=1000, loss=0.7, judged=0.68, data=None)
    assert marked(baseline, net(epochs=1, each=200, loss=0.9, judged=0.7, data=None)) == 1
    assert marked(baseline, net(epochs=1, each=1000, loss=0.9, data=None)) == 1


def test_passes_without_a_loss_say_nothing_of_it():
    """The last net is looked at once more, for its accuracy."""
    baseline, good = net(epochs=20, loss=0.6, judged=0.68), net(epochs=20, loss=0.2, judged=0.29)
    look = good.passes[-1] | {"loss": None, "_count": 0}
    good.passes.append(look)
    assert marked(baseline, good) == 1


def test_more_of_the_same_net_stays_the_last():
    first, second = net(epochs=50, loss=0.1, judged=0.1), net(epochs=50, loss=0.1, judged=0.12)
    again = SimpleNamespace(model=second)
    trainings = [SimpleNamespace(model=first), SimpleNamespace(model=second), again]
    assert choosing.meant(trainings) is again


def test_weights_of_no_net_are_left_alone():
    assert choosing.outweighs(None, net(epochs=1, loss=1.0)) is False
    assert choosing.outweighs(net(epochs=9, loss=0.1, judged=0.1), None) is False


def test_a_last_net_whose_loss_is_no_number_does_much_worse():
    assert marked(net(epochs=20, loss=0.1, judged=0.1), net(epochs=20, loss=None, judged=None)) == 1
    broken = net(epochs=20, loss=None, judged=0.5)
    for one in broken.passes:
        one["loss"] = None
    assert marked(net(epochs=20, loss=0.1, judged=0.1), broken) == 0
