"""Honest trainings in unusual manners, watched by the recorder; prints what it claims of each, as one JSON document.

Run in a process of its own, since the recorder patches torch: ``python odd_trainings.py FOLDER``.
"""

import copy
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
torch.set_num_threads(1)
import grader_probe  # noqa: E402

out = folder / "out"
out.mkdir()
places = dict.fromkeys(("work", "world", "heldout", "out"), str(out))
settings = {"task": "penguins-classification", "seed": 3, **places}
grader_probe.start(settings)
from grader_probe import recorder  # noqa: E402

X = torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
MANNERS = {}


def manner(function):
    MANNERS[function.__name__] = function
    return function


def net():
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def batches(size=16):
    return DataLoader(TensorDataset(X[:160], y[:160]), size, shuffle=True)


def train(model, optimiser, epochs=3, size=16, loss=F.cross_entropy):
    for _ in range(epochs):
        for a, b in batches(size):
            optimiser.zero_grad()
            loss(model(a), b).backward()
            optimiser.step()


@manner
def three_optimisers_one_after_the_other():
    model = net()
    for rate in (0.1, 0.01, 0.001):
        train(model, torch.optim.Adam(model.parameters(), rate))


@manner
def search_for_a_learning_rate_and_weights_put_back():
    model = net()
    before = copy.deepcopy(model.state_dict())
    optimiser = torch.optim.SGD(model.parameters(), 1e-3)
    for _ in range(3):
        train(model, optimiser, 1)
        optimiser.param_groups[0]["lr"] *= 10
    model.load_state_dict(before)


@manner
def tied_weights_and_frozen_layers():
    model = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3))
    model[2].weight = model[0].weight
    model[4].weight.requires_grad_(False)
    train(model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2))


@manner
def encoder_and_head_with_one_optimiser():
    encoder, head = nn.Sequential(nn.Linear(5, 8), nn.ReLU()), nn.Linear(8, 3)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 1e-2)
    train(lambda a: head(encoder(a)), optimiser)


@manner
def two_optimisers_for_two_parts():
    model = net()
    one, other = torch.optim.SGD(model[0].parameters(), 0.1), torch.optim.Adam(model[3].parameters(), 0.01)
    for a, b in batches():
        one.zero_grad()
        other.zero_grad()
        F.cross_entropy(model(a), b).backward()
        one.step()
        other.step()


@manner
def several_losses_at_once():
    model = net()

    def loss(given, b):
        one_hot = F.one_hot(b, 3).float()
        return F.cross_entropy(given, b) + F.mse_loss(given.softmax(1), one_hot) + F.l1_loss(given, one_hot)

    train(model, torch.optim.Adam(model.parameters(), 1e-2), loss=loss)


@manner
def gradients_of_forty_batches_for_one_step():
    model, optimiser = net(), None
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    for i, (a, b) in enumerate(list(batches(4)) * 4):
        F.cross_entropy(model(a), b).backward()
        if i % 40 == 39:
            optimiser.step()
            optimiser.zero_grad()


@manner
def line_search_over_everything():
    model = net()
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=40, line_search_fn="strong_wolfe")

    def again():
        optimiser.zero_grad()
        loss = F.cross_entropy(model(X), y)
        loss.backward()
        return loss

    for _ in range(4):
        optimiser.step(again)


@manner
def one_item_at_a_time_many_steps():
    model = nn.Linear(5, 3)
    train(model, torch.optim.SGD(model.parameters(), 0.05), epochs=6, size=1)


@manner
def batches_of_many_sizes():
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for size in range(2, 60):
        optimiser.zero_grad()
        F.cross_entropy(model(X[:size]), y[:size]).backward()
        optimiser.step()


@manner
def learning_rate_of_nothing():
    model = net()
    train(model, torch.optim.SGD(model.parameters(), 0.0), epochs=25)


@manner
def huge_targets_that_fall_at_once():
    model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
    optimiser = torch.optim.Adam(model.parameters(), 0.5)
    train(model, optimiser, epochs=12, loss=lambda given, b: F.mse_loss(given[:, 0], 1000.0 * b.float() + 4000))


@manner
def loss_below_zero():
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    train(model, optimiser, epochs=8, loss=lambda given, b: F.nll_loss(given.softmax(1), b))


@manner
def an_error_between_loss_and_step():
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        try:
            optimiser.zero_grad()
            F.cross_entropy(model(X), y).backward()
            optimiser.step(lambda: 1 / 0)
        except ZeroDivisionError:
            continue


@manner
def a_new_head_for_a_trained_net():
    model = net()
    train(model, torch.optim.Adam(model.parameters(), 1e-2))
    model[3] = nn.Linear(8, 3)
    train(model, torch.optim.Adam(model[3].parameters(), 1e-2))


@manner
def many_short_trainings():
    for seed in range(70):
        torch.manual_seed(seed)
        model = nn.Linear(5, 3)
        train(model, torch.optim.SGD(model.parameters(), 0.1), epochs=1, size=80)


@manner
def judged_after_every_step_and_on_what_it_learnt():
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(4):
        for a, b in batches():
            optimiser.zero_grad()
            F.cross_entropy(model(a), b).backward()
            optimiser.step()
            with torch.no_grad():
                F.cross_entropy(model.eval()(X), y)
            model.train()


@manner
def averaged_weights_are_the_result():
    model = net()
    average = torch.optim.swa_utils.AveragedModel(model)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        train(model, optimiser, 1)
        average.update_parameters(model)
    average(X)


@manner
def sizes_told_by_the_first_batch():
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))
    model(X)
    train(model, torch.optim.Adam(model.parameters(), 1e-2))


@manner
def weights_moved_without_an_optimiser():
    model = net()
    for _ in range(3):
        for a, b in batches():
            model.zero_grad()
            F.cross_entropy(model(a), b).backward()
            with torch.no_grad():
                for p in model.parameters():
                    p.sub_(0.1 * p.grad)


@manner
def an_optimiser_of_the_students_own():
    class Momentum:
        def __init__(self, parameters):
            self.weights = [(p, torch.zeros_like(p)) for p in parameters]

        def step(self):
            for p, speed in self.weights:
                speed.mul_(0.9).sub_(p.grad, alpha=0.05)
                p.data += speed

        def zero_grad(self):
            for p, _ in self.weights:
                p.grad = None

    model = net()
    train(model, Momentum(list(model.parameters())))


seen = recorder.STATE.sources
result = {}
for name, run in MANNERS.items():
    seen.__init__()
    recorder.STATE.__init__()
    recorder.STATE.sources = seen
    recorder.STATE.settings = settings
    torch.manual_seed(0)
    run()
    grader_probe.collect()
    result[name] = json.loads((out / "evidence.json").read_text())
print(json.dumps(result))
