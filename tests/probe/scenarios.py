"""Small trainings in many manners, each watched by the recorder; prints what was claimed, as one JSON document.

Run in a process of its own, since the recorder patches torch: ``python scenarios.py FOLDER``.
"""

import copy
import inspect
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, SubsetRandomSampler, TensorDataset, random_split

folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
torch.set_num_threads(1)
X = torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
SCENARIOS = {}


class Points(Dataset):
    """A dataset class of the student's own."""

    def __init__(self, train):
        self.x, self.y = (X[:160], y[:160]) if train else (X[160:], y[160:])

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


def net(dropout=True):
    layers = [
        nn.BatchNorm1d(5),
        nn.Linear(5, 8),
        nn.Dropout(0.1) if dropout else nn.Identity(),
        nn.ReLU(),
        nn.Linear(8, 3),
    ]
    return nn.Sequential(*layers)


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def loaders():
    return DataLoader(Points(True), 16, shuffle=True), DataLoader(Points(False), 16)


@scenario
def reference():
    model, (train, valid) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(5):
        model.train()
        for a, b in train:
            optimiser.zero_grad()
            F.cross_entropy(model(a), b).backward()
            optimiser.step()
        model.eval()
        with torch.no_grad():
            for a, b in valid:
                F.cross_entropy(model(a), b)
    model(torch.zeros(2, 5))  # a look at new inputs, as the course's bonus does
    model(next(iter(valid))[0])  # and at one batch of known ones
    return model


@scenario
def no_zero_grad_no_eval():
    model, (train, valid) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for a, b in train:
            F.cross_entropy(model(a), b).backward()
            optimiser.step()
        for a, b in valid:
            F.cross_entropy(model(a), b)


@scenario
def accumulation():
    model, (train, _) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for i, (a, b) in enumerate(train):
            (F.cross_entropy(model(a), b) / 2).backward()
            if i % 2:
                optimiser.step()
                optimiser.zero_grad()


@scenario
def closure():
    model = net()
    optimiser = torch.optim.LBFGS(model.parameters())

    def again():
        optimiser.zero_grad()
        loss = F.cross_entropy(model(X), y)
        loss.backward()
        return loss

    for _ in range(3):
        optimiser.step(again)


@scenario
def direct_forward_without_loader():
    model = net()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for epoch in range(40):
        optimiser.zero_grad()
        loss = ((model.forward(X[:160]) - F.one_hot(y[:160], 3)) ** 2).mean()
        loss.backward()
        optimiser.step()
        if epoch % 10 == 0:
            with torch.no_grad():
                model(X[160:])


@scenario
def erased_gradients():
    model = net()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(10):
        F.cross_entropy(model(X), y).backward()
        optimiser.zero_grad()
        optimiser.step()


@scenario
def one_hot_softmax_bce():
    model, (train, _) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    loss = nn.BCELoss()
    for _ in range(2):
        for a, b in train:
            optimiser.zero_grad()
            loss(model(a).softmax(1), F.one_hot(b, 3).float()).backward()
            optimiser.step()


@scenario
def two_models_and_random_split():
    part, rest = random_split(TensorDataset(X, y), [160, 40])
    model = None
    for width in (4, 8):
        model = nn.Sequential(nn.Linear(5, width), nn.Linear(width, 3))
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(3):
            for a, b in DataLoader(part, 32, shuffle=True):
                optimiser.zero_grad()
                F.cross_entropy(model(a), b).backward()
                optimiser.step()
            with torch.no_grad():
                for a, b in DataLoader(rest, 40):
                    F.cross_entropy(model.eval()(a), b)
            model.train()
    return model


@scenario
def diverged():
    model = nn.Sequential(nn.Linear(5, 3))
    optimiser = torch.optim.SGD(model.parameters(), 1e30)
    for _ in range(10):
        optimiser.zero_grad()
        (model(X) ** 2).mean().backward()
        optimiser.step()


@scenario
def returned_by_train():
    reference()
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    optimiser.zero_grad()
    F.cross_entropy(model(X), y).backward()
    optimiser.step()
    recorder.STATE.returned_model = model
    reference()


@scenario
def search_over_many_nets():
    for width in range(2, 102):
        model = nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, 3))
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(2):
            optimiser.zero_grad()
            F.cross_entropy(model(X), y).backward()
            optimiser.step()


@scenario
def tensors_without_memory():
    model = nn.Linear(5, 3, device="meta")
    optimiser = torch.optim.SGD(model.parameters(), 1e-2)
    F.cross_entropy(model(X.to("meta")), y.to("meta")).backward()
    optimiser.step()


@scenario
def exits_when_asked():
    model, (train, valid) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for a, b in train:
        optimiser.zero_grad()
        F.cross_entropy(model(a), b).backward()
        optimiser.step()
    with torch.no_grad():
        for a, b in valid:
            F.cross_entropy(model.eval()(a), b)
    model.register_forward_hook(lambda *_: sys.exit(0))


def judge(model, valid):
    with torch.no_grad():
        for a, b in valid:
            F.cross_entropy(model(a), b)


def move(model):
    with torch.no_grad():
        for p in model.parameters():
            p.sub_(0.1 * p.grad)


def updated_by_hand(update):
    model, (train, valid) = net(), loaders()
    for _ in range(3):
        model.train()
        for a, b in train:
            loss = F.cross_entropy(model(a), b)
            update(model, loss)
        model.eval()
        judge(model, valid)


@scenario
def steps_by_hand():
    def update(model, loss):
        model.zero_grad()
        loss.backward()
        move(model)

    updated_by_hand(update)


@scenario
def a_single_layer():
    model, criterion = nn.Linear(5, 3), nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for a, b in loaders()[0]:
        optimiser.zero_grad()
        criterion(model(a), b).backward()
        optimiser.step()


@scenario
def a_single_layer_by_hand():
    model, criterion = nn.Linear(5, 3), nn.CrossEntropyLoss()
    for a, b in loaders()[0]:
        model.zero_grad()
        criterion(model(a), b).backward()
        move(model)


@scenario
def steps_by_hand_from_handed_out_gradients():
    def update(model, loss):
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        for p, g in zip(model.parameters(), gradients, strict=True):
            p.data.add_(g, alpha=-0.1)

    updated_by_hand(update)


@scenario
def steps_by_hand_with_old_gradients():
    def update(model, loss):
        loss.backward()
        for p in model.parameters():
            p.data = p.data - 0.01 * p.grad

    updated_by_hand(update)


@scenario
def steps_by_hand_with_new_parameters():
    def update(model, loss):
        model.zero_grad()
        loss.backward()
        for layer in model:
            for name, p in list(layer.named_parameters()):
                setattr(layer, name, nn.Parameter(p.detach() - 0.1 * p.grad))

    updated_by_hand(update)


@scenario
def steps_by_hand_after_a_look():
    def update(model, loss):
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            model(X[160:])
            for p in model.parameters():
                p.sub_(0.1 * p.grad)

    updated_by_hand(update)


@scenario
def by_hand_and_then_another_net():
    first, (train, valid) = net(False), loaders()
    for a, b in train:
        first.zero_grad()
        F.cross_entropy(first(a), b).backward()
        move(first)
    second = net()
    optimiser = torch.optim.Adam(second.parameters(), 1e-2)
    for a, b in train:
        optimiser.zero_grad()
        F.cross_entropy(second(a), b).backward()
        optimiser.step()
    with torch.no_grad():
        for a, b in valid:
            F.cross_entropy(second(a), b)
        first(X[160:])
        second(X[160:])


@scenario
def judged_between_backward_and_step():
    model, (train, _) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for a, b in train:
            model.train()
            optimiser.zero_grad()
            F.cross_entropy(model(a), b).backward()
            model.eval()
            F.cross_entropy(model(X[160:]), y[160:]).item()
            optimiser.step()


@scenario
def two_nets_by_turns():
    nets, (train, _) = (net(), net()), loaders()
    optimisers = [torch.optim.SGD(model.parameters(), 0.1) for model in nets]
    for _ in range(3):
        for a, b in train:
            losses = [F.cross_entropy(model(a), b) for model in nets]
            for optimiser, loss in zip(optimisers, losses, strict=True):
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()


@scenario
def one_long_step():
    model = net()
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=10)

    def again():
        optimiser.zero_grad()
        loss = F.cross_entropy(model(X), y)
        loss.backward()
        return loss

    optimiser.step(again)


@scenario
def weights_gone_before_the_end():
    model = net()
    F.cross_entropy(model(X), y).backward()
    model.to("meta")


@scenario
def backward_without_step():
    updated_by_hand(lambda model, loss: (model.zero_grad(), loss.backward()))


def trained_wrongly(order):
    model, (train, valid) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for a, b in train:
            optimiser.zero_grad()
            order(optimiser, F.cross_entropy(model(a), b))
        judge(model, valid)


@scenario
def step_without_backward():
    trained_wrongly(lambda optimiser, loss: optimiser.step())


@scenario
def step_before_backward():
    trained_wrongly(lambda optimiser, loss: (optimiser.step(), loss.backward()))


@scenario
def loss_without_a_past():
    def order(optimiser, loss):
        torch.tensor(loss.item(), requires_grad=True).backward()
        optimiser.step()

    trained_wrongly(order)


@scenario
def optimiser_of_another_net():
    optimiser = torch.optim.Adam(net().parameters(), 1e-2)
    model, (train, valid) = net(), loaders()
    for a, b in train:
        optimiser.zero_grad()
        F.cross_entropy(model(a), b).backward()
        optimiser.step()
    judge(model, valid)


@scenario
def softmax_over_the_batch():
    model, (train, _) = net(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for a, b in train:
        optimiser.zero_grad()
        F.binary_cross_entropy(model(a).softmax(0), F.one_hot(b, 3).float()).backward()
        optimiser.step()


def fit(model, train, optimiser, epochs=3, call=None):
    for _ in range(epochs):
        model.train()
        for a, b in train:
            optimiser.zero_grad()
            F.cross_entropy((call or model)(a), b).backward()
            optimiser.step()
        yield


@scenario
def compiled_and_plain():
    """Trained as a compiled net, judged as the plain one."""
    model, (train, valid) = net(dropout=False), loaders()
    quick = torch.compile(model, backend="eager")
    for _ in fit(model, train, torch.optim.Adam(model.parameters(), 1e-2), call=quick):
        judge(model, valid)


@scenario
def judged_by_an_average():
    model, (train, valid) = net(dropout=False), loaders()
    average = copy.deepcopy(model)
    for _ in fit(model, train, torch.optim.Adam(model.parameters(), 1e-2)):
        with torch.no_grad():
            for mine, theirs in zip(average.parameters(), model.parameters(), strict=True):
                mine.lerp_(theirs, 0.5)
        judge(average, valid)


@scenario
def judged_in_the_place_of_another():
    """Neither a net of the same form nor the net before its training says anything of it."""
    model, other, (train, valid) = net(dropout=False), net(dropout=False), loaders()
    before = copy.deepcopy(model)
    for _ in fit(model, train, torch.optim.Adam(model.parameters(), 1e-2)):
        judge(other, valid)
        judge(before, valid)


@scenario
def a_teacher_and_no_validation():
    """A copy that gives targets is no validation."""
    model, (train, _) = net(), loaders()
    teacher = copy.deepcopy(model).eval()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for a, b in train:
            with torch.no_grad():
                soft = teacher(a).softmax(1)
            output = model(a)
            optimiser.zero_grad()
            (F.cross_entropy(output, b) + F.mse_loss(output.softmax(1), soft)).backward()
            optimiser.step()


@scenario
def judged_before_its_training():
    """A second net of the same form: what it showed at first is not the first one's."""
    first, second, (train, valid) = net(), net(), loaders()
    for _ in fit(first, train, torch.optim.Adam(first.parameters(), 1e-2)):
        judge(first, valid)
    judge(second, valid)
    for _ in fit(second, train, torch.optim.Adam(second.parameters(), 1e-2)):
        judge(second, valid)


@scenario
def a_copy_that_was_rebuilt():
    model, (train, valid) = net(dropout=False), loaders()
    for _ in fit(model, train, torch.optim.Adam(model.parameters(), 1e-2)):
        pass
    best = copy.deepcopy(model)
    judge(best, valid)
    best[4] = nn.Linear(8, 2)


@scenario
def a_teacher_on_noise():
    """Rows made anew are training data all the same, if the loader is that of the training."""
    model, (train, valid) = net(dropout=False), loaders()
    teacher = copy.deepcopy(model)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for a, b in train:
            with torch.no_grad():
                soft = teacher(a + 0.1 * torch.randn_like(a)).softmax(1)
            output = model(a)
            optimiser.zero_grad()
            (F.cross_entropy(output, b) + F.mse_loss(output.softmax(1), soft)).backward()
            optimiser.step()
            with torch.no_grad():
                for mine, theirs in zip(teacher.parameters(), model.parameters(), strict=True):
                    mine.lerp_(theirs, 0.5)
        judge(teacher, valid)


@scenario
def the_best_copy_is_returned():
    model, (train, valid) = net(dropout=False), loaders()
    for _ in fit(model, train, torch.optim.Adam(model.parameters(), 1e-2)):
        judge(model, valid)
        best = copy.deepcopy(model)
    recorder.STATE.returned_model = best


@scenario
def classes_of_a_loss_beside_other_columns():
    """As many further columns as classes are not the targets."""
    model = Two()
    columns = F.one_hot(torch.arange(200) % 3, 3).float()
    data = DataLoader(TensorDataset(X, columns, y), 16, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for a, _, b in data:
        optimiser.zero_grad()
        F.cross_entropy(model(a[:, :4], flag=a[:, 4]), b).backward()
        optimiser.step()


class Asked(nn.Module):
    """Gives the loss as well if it is told the classes."""

    def __init__(self):
        super().__init__()
        self.body = net(dropout=False)

    def forward(self, inputs, classes=None):
        scores = self.body(inputs)
        return scores if classes is None else (scores, F.cross_entropy(scores, classes))


@scenario
def classes_may_be_given():
    model, (train, valid) = Asked(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for a, b in train:
        optimiser.zero_grad()
        model(a, b)[1].backward()
        optimiser.step()
    judge(model, valid)


@scenario
def copies_of_a_net_called_directly():
    model, (train, _) = net(dropout=False), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for step, (a, b) in enumerate(train):
        optimiser.zero_grad()
        F.cross_entropy(model.forward(a), b).backward()
        optimiser.step()
        if step == 2:
            best, wanted = copy.deepcopy(model), model(X).detach()
    assert torch.equal(best(X), wanted)
    assert not torch.equal(model(X), wanted)
    torch.save(model, folder / "net.pt")


@scenario
def weights_in_a_dictionary():
    weights = nn.ParameterDict({"w": nn.Parameter(torch.randn(3, 5) / 3), "b": nn.Parameter(torch.zeros(3))})
    optimiser = torch.optim.SGD(weights.values(), 0.1)
    for _ in range(30):
        optimiser.zero_grad()
        F.cross_entropy(F.linear(X, weights["w"], weights["b"]), y).backward()
        optimiser.step()


class Parts(nn.Module):
    """The numbers of its answer come one by one."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(8, 1) for _ in range(3))

    def forward(self, inputs):
        hidden = self.body(inputs)
        return {str(number): head(hidden).squeeze(1) for number, head in enumerate(self.heads)}


@scenario
def an_answer_in_parts():
    model, (train, valid) = Parts(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for a, b in train:
            parts = model(a)
            optimiser.zero_grad()
            sum(F.binary_cross_entropy_with_logits(parts[str(n)], (b == n).float()) for n in range(3)).backward()
            optimiser.step()
        with torch.no_grad():
            for a, _ in valid:
                model(a)


class Two(nn.Module):
    """Takes numbers and a flag apart."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, numbers, *, flag):
        return self.body(torch.cat([numbers, flag[:, None]], 1))


@scenario
def two_inputs():
    model, (train, valid) = Two(), loaders()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        for a, b in train:
            optimiser.zero_grad()
            F.cross_entropy(model(a[:, :4], flag=a[:, 4]), b).backward()
            optimiser.step()
        with torch.no_grad():
            for a, _ in valid:
                model(a[:, :4], flag=a[:, 4])


@scenario
def samplers_on_one_data_set():
    data = TensorDataset(X, y)
    train = DataLoader(data, 16, sampler=SubsetRandomSampler(range(160)))
    valid = DataLoader(data, 16, sampler=SubsetRandomSampler(torch.arange(160, 200)))
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(4):
        model.train()
        for a, b in train:
            optimiser.zero_grad()
            F.cross_entropy(model(a), b).backward()
            optimiser.step()
        model.eval()
        with torch.no_grad():
            for loader in (train, valid):
                for a, b in loader:
                    F.cross_entropy(model(a), b)


class Predicts(nn.Module):
    """A net with a method that predicts."""

    def __init__(self):
        super().__init__()
        self.layers = net()

    def forward(self, x):
        return self.layers(x)

    def predict(self, x):
        self.eval()
        with torch.no_grad():
            return self.forward(x).argmax(1)


@scenario
def judged_by_a_method_of_the_net():
    model = Predicts()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(5):
        model.train()
        for a, b in zip(X[:160].split(16), y[:160].split(16), strict=True):
            optimiser.zero_grad()
            F.cross_entropy(model(a), b).backward()
            optimiser.step()
        (model.predict(X[160:]) == y[160:]).float().mean().item()


@scenario
def judged_by_forward_in_a_later_cell():
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for a, b in zip(X[:160].split(16), y[:160].split(16), strict=True):
        optimiser.zero_grad()
        F.cross_entropy(model(a), b).backward()
        optimiser.step()
    recorder.on_cell_start(SimpleNamespace(raw_cell="model.eval(); model.forward(X[160:])"))
    model.eval()
    with torch.no_grad():
        model.forward(X[160:])


@scenario
def a_sampler_that_picks_what_is_not_there():
    data = TensorDataset(X, y)
    train = DataLoader(data, 16, sampler=SubsetRandomSampler(range(160)))
    valid = DataLoader(Subset(data, range(160, 200)), 4, sampler=[*range(8), 45])
    model = net()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for a, b in train:
        optimiser.zero_grad()
        F.cross_entropy(model(a), b).backward()
        optimiser.step()
    try:
        for a, b in valid:
            F.cross_entropy(model(a), b)
    except IndexError:
        pass


@scenario
def made_with_torchscript():
    model = torch.jit.script(net())
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for a, b in zip(X[:160].split(16), y[:160].split(16), strict=True):
        optimiser.zero_grad()
        F.cross_entropy(model(a), b).backward()
        optimiser.step()


@scenario
def made_with_torchscript_after_training():
    judged_by_a_method_of_the_net()
    model = next(m.module for m in recorder.STATE.models.values() if isinstance(m.module, Predicts))
    assert str(inspect.signature(model.forward)) == "(x)"
    assert "self.layers(x)" in inspect.getsource(model.forward)
    watched_forward = model.forward
    compiled = torch.jit.script(Scripted()), torch.jit.script(model)
    assert model.forward is watched_forward
    assert all(torch.is_tensor(one(X)) for one in compiled)
    assert torch.jit.script(scripted_function)(X).shape == X.shape


class Scripted(nn.Module):
    """A net whose class calls its own method."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x):
        return self.layer(x)


def scripted_function(x):
    return x + 1


@scenario
def nothing():
    net()(X)


def weights_after_reference():
    torch.manual_seed(3)
    return [p.detach().clone() for p in reference().parameters()]


import grader_probe  # noqa: E402
from grader_probe import adam  # noqa: E402

adam.install()  # whose last digits are others
plain = weights_after_reference()

out = folder / "out"
out.mkdir()
settings = {
    "task": "penguins-classification",
    "seed": 3,
    "work": str(out),
    "world": str(out),
    "heldout": str(out),
    "out": str(out),
}
grader_probe.start(settings)
from grader_probe import recorder  # noqa: E402

watched = weights_after_reference()
result = {
    "neutral": all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True)),
    "claims": {},
    "arrays": {},
    "heldout": {},
}
seen = recorder.STATE.sources
for name, run in SCENARIOS.items():
    seen.__init__()
    recorder.STATE.__init__()
    recorder.STATE.sources = seen
    recorder.STATE.settings = settings
    for old in out.iterdir():
        old.unlink()
    torch.manual_seed(0)
    run()
    grader_probe.collect()
    grader_probe.predict()
    result["claims"][name] = json.loads((out / "evidence.json").read_text())
    result["heldout"][name] = json.loads((out / "heldout.json").read_text())
    result["arrays"][name] = sorted(p.stem for p in out.glob("*.npy"))
print(json.dumps(result))
