"""Nets for rows of a table, written in different ways. ``end``: what the last layer's numbers go through in the net."""

from tests.validity.recipe import Net

FUNCTIONAL = ("from torch import nn", "import torch.nn.functional as F")
LAYERS = {
    "": "",
    "log-softmax": "\n    nn.LogSoftmax(dim=1),",
    "softmax": "\n    nn.Softmax(dim=1),",
    "sigmoid": "\n    nn.Sigmoid(),",
    "flat": "\n    nn.Flatten(0),",
}
CALLS = {
    "": "{}",
    "log-softmax": "torch.log_softmax({}, dim=1)",
    "softmax": "torch.softmax({}, dim=1)",
    "sigmoid": "torch.sigmoid({})",
    "flat": "{}.squeeze(1)",
}


def sequential(n_in: int, n_out: int, *, act: str = "ReLU", hidden: int = 32, norm: bool = False, end: str = "") -> Net:
    """A ``Sequential`` with two hidden layers."""
    first = f"\n    nn.BatchNorm1d({n_in})," if norm else ""
    make = f"""\
$net = nn.Sequential({first}
    nn.Linear({n_in}, {hidden}),
    nn.{act}(),
    nn.Linear({hidden}, {hidden // 2}),
    nn.{act}(),
    nn.Linear({hidden // 2}, {n_out}),{LAYERS[end]}
)
$net"""
    return Net(f"sequential, {act}", make)


def wide(n_in: int, n_out: int, *, act: str = "Tanh", end: str = "") -> Net:
    """A ``Sequential`` with one wide hidden layer."""
    make = f"""\
hidden_units = 100
$net = nn.Sequential(nn.Linear({n_in}, hidden_units), nn.{act}(), nn.Linear(hidden_units, {n_out}),{LAYERS[end]}
)
print("weights:", sum(w.numel() for w in $net.parameters()))"""
    return Net(f"one wide layer, {act}", make)


def blocks(n_in: int, n_out: int, *, p: float = 0.1, end: str = "") -> Net:
    """Blocks of linear, batch norm, dropout and leaky ReLU behind a batch norm of the inputs."""
    parts = f"""\
class $Net(nn.Module):
    '''Two hidden blocks.'''

    def __init__(self, n_features={n_in}, n_answers={n_out}, width=16):
        super().__init__()
        self.start = nn.BatchNorm1d(n_features)
        self.hidden = nn.Sequential(*self.block(n_features, width), *self.block(width, width))
        self.end = nn.Linear(width, n_answers)

    def block(self, n, m):
        return [nn.Linear(n, m), nn.BatchNorm1d(m), nn.Dropout({p}), nn.LeakyReLU(0.1)]

    def forward(self, $x):
        answer = self.end(self.hidden(self.start($x)))
        return {CALLS[end].format("answer")}"""
    return Net("class with blocks", "$net = $Net()", parts)


def functional(n_in: int, n_out: int, *, act: str = "F.relu", end: str = "") -> Net:
    """Layers in the constructor, activations as functions."""
    last = CALLS[end].format("self.layer3(t)")
    parts = f"""\
class $Net(nn.Module):
    def __init__(self):
        super($Net, self).__init__()
        self.layer1 = nn.Linear({n_in}, 24)
        self.layer2 = nn.Linear(24, 24)
        self.layer3 = nn.Linear(24, {n_out})

    def forward(self, t):
        t = {act}(self.layer1(t))
        t = {act}(self.layer2(t))
        return {last}"""
    return Net(f"class, {act}", "$net = $Net()\nprint($net)", parts, FUNCTIONAL)


def listed(n_in: int, n_out: int, *, widths: str = "40, 20, 10", end: str = "") -> Net:
    """Layers made in a loop."""
    parts = f"""\
class $Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.steps = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])

    def forward(self, v):
        for step in self.steps[:-1]:
            v = F.elu(step(v))
        v = self.steps[-1](v)
        return {CALLS[end].format("v")}"""
    return Net("list of layers", f"$net = $Net([{n_in}, {widths}, {n_out}])", parts, FUNCTIONAL)


def residual(n_in: int, n_out: int, *, end: str = "") -> Net:
    """Hidden layers that add to what they are given."""
    parts = f"""\
class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, h):
        return h + self.inner(h)


class $Net(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.into = nn.Linear({n_in}, width)
        self.body = nn.Sequential(Residual(width), Residual(width), nn.LayerNorm(width))
        self.out_of = nn.Linear(width, {n_out})

    def forward(self, rows):
        found = self.out_of(self.body(torch.nn.functional.gelu(self.into(rows))))
        return {CALLS[end].format("found")}"""
    return Net("residual, GELU", "$net = $Net()", parts)


def subclass(n_in: int, n_out: int, *, act: str = "SiLU") -> Net:
    """A subclass of ``Sequential``."""
    parts = f"""\
def dense(a, b, p=0.05):
    return nn.Sequential(nn.Linear(a, b), nn.{act}(), nn.Dropout(p))


class $Net(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(dense(a, 32), dense(32, 32), nn.Linear(32, b))"""
    return Net(f"subclass of Sequential, {act}", f"$net = $Net({n_in}, {n_out})", parts)


def linear(n_in: int, n_out: int) -> Net:
    """A single layer."""
    return Net("linear", f"$net = nn.Linear({n_in}, {n_out})")


def weights(n_in: int, n_out: int) -> Net:
    """Tensors of weights and a function, without any module. ``parameters`` lists them."""
    parts = f"""\
W1 = (torch.randn({n_in}, 20) * 0.3).requires_grad_()
b1 = torch.zeros(20, requires_grad=True)
W2 = (torch.randn(20, {n_out}) * 0.3).requires_grad_()
b2 = torch.zeros({n_out}, requires_grad=True)


def $net(rows):
    return torch.tanh(rows @ W1 + b1) @ W2 + b2"""
    return Net("tensors and a function", "weights = [W1, b1, W2, b2]", parts)
