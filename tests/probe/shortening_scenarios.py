"""Small trainings in many manners, some of which are cut short; prints what became of each, as one JSON document.

Run in a process of its own, since the probe patches torch: ``python shortening_scenarios.py FOLDER``.
"""

import copy
import hashlib
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, TensorDataset

folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
torch.set_num_threads(1)
y = torch.arange(400) % 3
X = 0.2 * torch.randn(400, 4, generator=torch.Generator().manual_seed(1)) + torch.eye(4)[y]  # clearly apart
GRAMS = 4000 + X[:, :1] * 600 + X[:, 1:2] * 400
ACCURACY = {"metric": "accuracy", "level": 0.95, "baseline": 0.35, "outputs": 3}
MASS = {"metric": "mae", "level": 250.0, "baseline": 6000.0, "outputs": 1, "spread": [float(GRAMS.std())]}
LONG = 40
SCENARIOS = {}
RESULT = {}


def scenario(converged=ACCURACY, budget=None, work=None):
    def register(function):
        SCENARIOS[function.__name__] = (function, {"converged": converged, "budget_s": budget, "work": work})
        return function

    return register


class Log:
    """What the student's code itself sees, epoch by epoch: batches, right answers of so many, the net at its end."""

    def __init__(self):
        self.batches, self.losses, self.figures, self.nets = [], [], [], []
        self.more = {}

    def epoch(self, losses, figure, model):
        self.batches.append(len(losses))
        self.losses += losses
        self.figures.append(figure)
        self.nets.append([value.clone() for value in model.state_dict().values()])

    def moves(self):
        """Whether the net changed from each epoch to the next."""
        pairs = zip(self.nets, self.nets[1:], strict=False)
        return [not all(torch.equal(a, b) for a, b in zip(one, two, strict=True)) for one, two in pairs]


def net(outputs=3):
    return nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, outputs))


def data(targets=y, *, valid=80, size=40, **more):
    first = DataLoader(TensorDataset(X[:200], targets[:200]), size, shuffle=True, **more)
    return first, DataLoader(TensorDataset(X[200 : 200 + valid], targets[200 : 200 + valid]), 25)


def adam(model, rate=2e-2):
    return torch.optim.Adam(model.parameters(), rate)


def train_epoch(model, loader, optimiser, loss=F.cross_entropy, each=lambda: None):
    model.train()
    losses = []
    for a, b in loader:
        optimiser.zero_grad()
        value = loss(model(a), b)
        value.backward()
        optimiser.step()
        losses.append(value.item())
        each()
    return losses


@torch.no_grad()
def judge(model, loader, loss=F.cross_entropy):
    model.eval()
    right = count = 0
    for a, b in loader:
        out = model(a)
        loss(out, b)
        wanted = b.argmax(1) if b.dim() > 1 else b
        right, count = right + int((out.argmax(1) == wanted).sum()), count + len(b)
    return [right, count]


def school(log, model=None, loaders=None, *, optimiser=None, epochs=LONG, loss=F.cross_entropy, after=lambda: None):
    """The course's loop."""
    model = net() if model is None else model
    train, valid = loaders or data()
    optimiser = optimiser or adam(model)
    for _ in range(epochs):
        losses = train_epoch(model, train, optimiser, loss)
        log.epoch(losses, judge(model, valid, loss), model)
        after()
    return model


@scenario()
def course(log):
    school(log)


@scenario(converged=None)
def course_in_full(log):
    school(log)


@scenario(converged=None)
def course_until_the_cut(log):
    school(log, epochs=RESULT["course"]["cuts"][0]["epochs"])


@scenario()
def much_validation(log):
    school(log, loaders=data(valid=200))


@scenario()
def one_hot(log):
    """Softmax before binary cross entropy, classes in another order."""
    targets = F.one_hot((y + 1) % 3, 3).float()
    school(log, loaders=data(targets), loss=lambda out, b: F.binary_cross_entropy(out.softmax(1), b))


@scenario()
def loss_of_its_own(log):
    """Nothing reaches a loss function of torch: targets are known from the loader."""
    school(log, loss=lambda out, b: -(out.log_softmax(1) * F.one_hot(b, 3)).sum(1).mean())


def mass(log, targets):
    school(log, net(1), data(targets), loss=F.mse_loss)


@scenario(converged=MASS)
def mass_in_means(log):
    mass(log, GRAMS / GRAMS.mean())


@scenario(converged=MASS)
def mass_standardised(log):
    mass(log, -(GRAMS - GRAMS.mean()) / GRAMS.std())


@scenario()
def below_the_level(log):
    school(log, loaders=data((y + (torch.arange(400) % 4 == 0)) % 3))


LAX = ACCURACY | {"level": 0.5}


@scenario(LAX, work=1e6)
def far_past_and_dear(log):
    recorder.STATE.shortening._work._done = 10.0  # as if so much had been done
    school(log)


@scenario(LAX, work=1e6)
def far_past_and_cheap(log):
    school(log)


@scenario()
def one_cycle(log):
    model, (train, valid) = net(), data()
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    cycle = OneCycleLR(optimiser, 0.1, epochs=LONG, steps_per_epoch=len(train))
    plateau = ReduceLROnPlateau(optimiser, patience=3)
    for _ in range(LONG):
        losses = train_epoch(model, train, optimiser, each=cycle.step)
        log.epoch(losses, judge(model, valid), model)
        plateau.step(losses[-1])
    log.more["rate"] = optimiser.param_groups[0]["lr"]


@scenario()
def best_state(log):
    """Early stopping by hand: the best weights are kept, put back at the end, and judged in the same cell."""
    model, (train, valid) = net(), data(valid=200)
    optimiser, best, kept = adam(model), 0, None
    schedule = CosineAnnealingLR(optimiser, LONG)
    for _ in range(LONG):
        log.epoch(train_epoch(model, train, optimiser), figure := judge(model, valid), model)
        schedule.step()
        if figure[0] / figure[1] > best:
            best, kept = figure[0] / figure[1], copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    log.more["judged"] = judge(model, valid)
    log.more["kept"] = all(torch.equal(a, b) for a, b in zip(kept.values(), model.state_dict().values(), strict=True))


@scenario()
def whole_in_the_end(log):
    """Both sides are judged after the loop, in its cell, and sizes are relied on."""
    loaders = data(valid=200)
    model = school(log, loaders=loaders)
    log.more["judged"] = [judge(model, loader)[1] for loader in loaders]


@scenario()
def by_next(log):
    """A loop that raises if a loader ends early."""
    model, (train, valid) = net(), data()
    optimiser = adam(model)
    for _ in range(LONG):
        batches = iter(train)
        losses = train_epoch(model, (next(batches) for _ in range(len(train))), optimiser)
        log.epoch(losses, judge(model, valid), model)


@scenario()
def accumulation(log):
    model, (train, valid) = net(), data()
    optimiser = adam(model)
    for _ in range(LONG):
        model.train()
        losses = []
        for i, (a, b) in enumerate(train):
            loss = F.cross_entropy(model(a), b) / 2
            loss.backward()
            losses.append(loss.item())
            if i % 2:
                optimiser.step()
                optimiser.zero_grad()
        log.epoch(losses, judge(model, valid), model)
        if len(log.batches) == RESULT.get("accumulation", {}).get("until"):
            break
    next_cell()
    log.more["until"] = recorder.STATE.shortening.claims[0]["epochs"] if recorder.STATE.shortening.claims else None
    log.more["gradients"] = [float(p.grad.sum()) for p in model.parameters()]


@scenario(converged=None)
def accumulation_in_full(log):
    """Only as long as the other one was trained."""
    accumulation(log)


@scenario()
def closure(log):
    model, (train, valid) = net(), data(size=200)
    optimiser = torch.optim.LBFGS(model.parameters(), 0.1, max_iter=2)
    for _ in range(20):
        for a, b in train:

            def again():
                optimiser.zero_grad()
                value = F.cross_entropy(model(a), b)  # noqa: B023  used at once
                value.backward()
                return value

            losses = [optimiser.step(again).item()]
        log.epoch(losses, judge(model, valid), model)


@scenario()
def two_nets_at_once(log):
    (train, valid), nets = data(), (net(), net())
    optimisers = [adam(model) for model in nets]
    for _ in range(LONG):
        for model, optimiser in zip(nets, optimisers, strict=True):
            losses = train_epoch(model, train, optimiser)
        log.epoch(losses, judge(nets[1], valid), nets[1])


@scenario()
def one_net_after_the_other(log):
    loaders = data(valid=200)
    for _ in range(2):
        model = school(log, loaders=loaders)
        next_to_nothing = [v.clone() for v in model.state_dict().values()]
    log.more["last"] = all(torch.equal(a, b) for a, b in zip(next_to_nothing, log.nets[-1], strict=True))


@scenario()
def another_optimiser(log):
    """The same net goes on with an optimiser that gathers gradients of several batches."""
    model = net()
    loaders = data(valid=200)
    school(log, model, loaders)
    finer = torch.optim.SGD(model.parameters(), 1e-3)
    finer.zero_grad()
    for a, b in loaders[0]:
        F.cross_entropy(model.train()(a), b).backward()
    finer.step()
    log.epoch([], [0, 1], model)


@scenario()
def teacher(log):
    """The student learns from another net, whose calls come last before each backward pass."""
    model, master, (train, valid) = net(), net(), data()
    optimiser = adam(model)
    for _ in range(LONG):
        model.train()
        losses = []
        for a, b in train:
            out = model(a)
            with torch.no_grad():
                master(a)
            optimiser.zero_grad()
            value = F.cross_entropy(out, b)
            value.backward()
            optimiser.step()
            losses.append(value.item())
        log.epoch(losses, judge(model, valid), model)


@scenario()
def cell_after_cell(log):
    model, loaders = net(), data()
    optimiser = adam(model)
    for _ in range(3):
        school(log, model, loaders, optimiser=optimiser, epochs=30)
        next_cell()


@scenario()
def without_validation(log):
    model, (train, _) = net(), data()
    optimiser = adam(model)
    for _ in range(LONG):
        log.epoch(train_epoch(model, train, optimiser), [0, 1], model)


@scenario()
def without_validation_but_a_test(log):
    """No validation in the loop; what the net does on new data after it, in the same cell, is on record."""
    model, (train, test) = net(), data()
    optimiser = adam(model)
    for _ in range(LONG):
        log.epoch(train_epoch(model, train, optimiser), [0, 1], model)
    log.more["judged"] = judge(model, test)


@scenario()
def judged_on_training_data(log):
    train, _ = data()
    school(log, loaders=(train, train))


@scenario()
def judged_every_third_epoch(log):
    model, (train, valid) = net(), data()
    optimiser = adam(model)
    for epoch in range(LONG):
        losses = train_epoch(model, train, optimiser)
        log.epoch(losses, judge(model, valid) if epoch % 3 == 0 else [0, 1], model)


@scenario()
def judged_in_training_mode(log):
    model, (train, valid) = net(), data()
    optimiser = adam(model)
    for _ in range(LONG):
        losses = train_epoch(model, train, optimiser)
        for a, b in valid:
            F.cross_entropy(model(a), b)
        log.epoch(losses, [0, 1], model)


@scenario()
def judged_as_one_tensor(log):
    model, (train, _) = net(), data()
    optimiser = adam(model)
    for _ in range(LONG):
        losses = train_epoch(model, train, optimiser)
        with torch.no_grad():
            F.cross_entropy(model.eval()(X[200:]), y[200:])
        log.epoch(losses, [0, 1], model)


@scenario()
def without_loader(log):
    model = net()
    optimiser = adam(model)
    for _ in range(LONG):
        losses = train_epoch(model, zip(X[:200].split(40), y[:200].split(40), strict=True), optimiser)
        log.epoch(losses, judge(model, [(X[200:], y[200:])]), model)


@scenario()
def new_loader_each_epoch(log):
    model = net()
    optimiser = adam(model)
    for _ in range(LONG):
        train, valid = data()
        log.epoch(train_epoch(model, train, optimiser), judge(model, valid), model)


@scenario()
def workers(log):
    school(log, loaders=data(num_workers=1, persistent_workers=True), epochs=24)


@scenario()
def averaged(log):
    model = net()
    mean = AveragedModel(model)
    school(log, model, after=lambda: mean.update_parameters(model))


@scenario()
def waits(log):
    """A loop that only ends once the net has moved on after it was cut."""
    model, loaders = net(), data()
    optimiser, cut = adam(model), None
    while len(log.batches) < 2_000:
        school(log, model, loaders, optimiser=optimiser, epochs=1)
        now = [p.clone() for p in model.parameters()]
        if cut is not None and not all(torch.equal(a, b) for a, b in zip(cut, now, strict=True)):
            break
        cut = now if log.batches[-1] == 1 else None


@scenario(budget=0.0)
def no_time(log):
    """The time is over with the first step; a second net is not trained at all."""
    loaders = data(valid=200)
    school(log, loaders=loaders, epochs=4)
    next_cell()
    school(Log(), loaders=loaders, epochs=4)


@scenario(converged=None, budget=1e6)
def no_time_left_in_an_epoch(log):
    """The time is over after the second batch of the second epoch."""

    def each():
        if len(log.batches) == 1 and len(log.more["seen"]) == 1:
            recorder.STATE.shortening._budget = 0.0
        log.more["seen"] = [*log.more["seen"], 1] if log.batches else []

    log.more["seen"] = []
    model, (train, valid) = net(), data(valid=200)
    optimiser = adam(model)
    for _ in range(4):
        log.epoch(train_epoch(model, train, optimiser, each=each), judge(model, valid), model)


@scenario(budget=0.0)
def no_time_in_a_loop_without_an_end(log):
    coasting.ENDLESS_S, coasting.ENDLESS_ROUNDS = 0.0, 10
    model, (train, valid) = net(), data()
    optimiser = adam(model)
    try:
        while True:
            log.epoch(train_epoch(model, train, optimiser), judge(model, valid), model)
    except KeyboardInterrupt as problem:
        log.more["stopped"] = f"{type(problem).__name__}: {problem}"
    coasting.ENDLESS_S = 180.0


@scenario(budget=0.0)
def no_time_by_next(log):
    by_next(log)


@scenario(budget=0.0)
def no_time_for_a_closure(log):
    closure(log)


@scenario(budget=0.0)
def no_time_without_loader(log):
    without_loader(log)


@scenario(converged=None, work=0.0)
def no_work_allowed(log):
    no_time(log)


@scenario(converged=None, work=0.03)
def some_work_allowed(log):
    """An epoch has WHOLE steps, each of about half a thousandth of a nominal second."""
    school(log, epochs=40)


@scenario(converged=None, work=0.03)
def same_work_on_a_slow_machine(log):
    model, (train, valid) = net(), data(valid=200)
    optimiser = adam(model)
    for _ in range(40):
        losses = train_epoch(model, train, optimiser, each=lambda: time.sleep(0.001))
        log.epoch(losses, judge(model, valid), model)


@scenario(converged=None, work=0.03)
def accumulated_work(log):
    """Five passes for each step, whose gradients are added up."""
    model, (train, valid) = net(), data(valid=200)
    optimiser = adam(model)
    for _ in range(40):
        model.train()
        losses = []
        for number, (a, b) in enumerate(train):
            loss = F.cross_entropy(model(a), b)
            loss.backward()
            losses.append(loss.item())
            if number % 4 == 3:
                optimiser.step()
                optimiser.zero_grad()
        log.epoch(losses, judge(model, valid), model)


@scenario(converged={"metric": "accuracy"})
def rule_that_cannot_be_read(log):
    school(log, epochs=20)


import grader_probe  # noqa: E402

out = folder / "out"
out.mkdir()
SETTINGS = {
    "task": "penguins-classification",
    "seed": 3,
    **dict.fromkeys(("work", "world", "heldout", "out"), str(out)),
}
grader_probe.start(SETTINGS)
from grader_probe import coasting, recorder  # noqa: E402


def next_cell():
    recorder.on_cell_end()
    recorder.on_cell_start()


def outcome(run, sparing):
    """Run a scenario from a fresh state."""
    seen = recorder.STATE.sources
    seen.__init__()
    recorder.STATE.__init__()
    recorder.STATE.sources = seen
    recorder.STATE.settings = SETTINGS
    recorder.STATE.shortening.prepare({"sparing": sparing})
    for old in out.iterdir():
        old.unlink()
    torch.manual_seed(0)
    log = Log()
    recorder.on_cell_start()
    run(log)
    recorder.on_cell_end()
    grader_probe.collect()
    claims = json.loads((out / "evidence.json").read_text())
    return {
        "claims": claims,
        "cuts": claims["shortened"],
        "arrays": {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.glob("*.npy"))},
        "batches": log.batches,
        "figures": log.figures,
        "moves": log.moves(),
        "finite": all(abs(loss) < float("inf") for loss in log.losses),
        **log.more,
    }


for name, (run, sparing) in SCENARIOS.items():
    RESULT[name] = outcome(run, sparing)
print(json.dumps(RESULT))
