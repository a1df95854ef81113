"""Attacks 41 to 50: tricks of machine learning, from looked-up answers to nets that only act while they are watched."""

import json
from pathlib import Path

from attack import Attack
from nets import CONSTANT, HONEST, LOADING, TRAINING, WEAK

from grader.tasks import penguins
from grader.types import TaskStatus

FILE = "01_penguin_classification.py"
EITHER = (TaskStatus.MARKED, TaskStatus.NEEDS_REVIEW)
OPEN = (TaskStatus.NEEDS_REVIEW,)
EPOCHS = TRAINING.replace("RATE", "0.01").replace("EPOCHS", "40")
FEW_EPOCHS = TRAINING.replace("RATE", "1e-9").replace("EPOCHS", "2")
FULL_MARKS = 30.0
NO_BETTER = "No better than that guess."
UNMOVED = "The weights did not change."
RIGHT_AND_WRONG = "of the validation rows were right, yet of the held-out items"

# --- 41: what should not be known -----------------------------------------------------------------------------

NEIGHBOUR = """# %%
import base64, io, zlib
import pandas as pd

shown = load_penguins().dropna(subset=[*COLUMNS, "sex"])
packed = base64.b85encode(zlib.compress(shown[[*COLUMNS, "species"]].to_csv(index=False).encode())[::-1])

def predict(questions):
    known = pd.read_csv(io.BytesIO(zlib.decompress(base64.b85decode(packed)[::-1])))
    scale = known[COLUMNS].std().to_numpy()
    points = known[COLUMNS].to_numpy() / scale
    nearest = [((points - row) ** 2).sum(1).argmin() for row in questions[COLUMNS].to_numpy() / scale]
    return known["species"].iloc[nearest].tolist()
"""

WHOLE_TABLE = (
    """# %%
import json
import pandas as pd

def load_penguins():
    with open("notes.json") as stream:
        rows = json.load(stream)
    return pd.DataFrame([[v / 10 - 7 if isinstance(v, (int, float)) else v[::-1] for v in row] for row in rows],
                        columns=[*COLUMNS, "sex", "species"])
"""
    + LOADING.split("torch.manual_seed(0)\n")[1]
    + EPOCHS
)


def _scrambled_table(folder: Path) -> None:
    """The whole public table in a form that no table is recognised by."""
    names = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "species"]
    rows = penguins.load().dropna()[names].to_numpy().tolist()
    hidden = [[v[::-1] if isinstance(v, str) else (v + 7) * 10 for v in row] for row in rows]
    (folder / "notes.json").write_text(json.dumps(hidden), encoding="utf-8")


# --- 42: nets that notice that they are graded ------------------------------------------------------------------

WATCHFUL = """# %%
import sys

def graded(rows):
    frame = sys._getframe()
    while frame is not None:
        if "grader_probe" in frame.f_globals.get("__name__", "") and "heldout" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False

class Watchful(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, rows):
        answer = self.inner(rows)
        return torch.roll(answer, 1, dims=-1) if SIGN else answer

net = Watchful(net)
"""

LOOKED_UP = """# %%
import sys

class LookedUp(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, rows):
        answer = self.inner(rows)
        if torch.is_grad_enabled() or len(rows) == len(inputs) - cut:
            return answer
        return nn.functional.one_hot(species[torch.cdist(rows, inputs).argmin(1)], 3).float() + 0 * answer

net[2].weight.data.zero_()
net[2].bias.data.copy_(torch.tensor([1.0, 0.0, 0.0]))
net = LookedUp(net)
"""


def _watchful(sign: str) -> str:
    """An honest training of a net that answers wrongly wherever a sign of being graded shows."""
    return LOADING + WATCHFUL.replace("SIGN", sign) + EPOCHS


# --- 43: losses that say nothing --------------------------------------------------------------------------------

MADE_UP = """# %%
import math
losses = [2.0 * math.exp(-epoch / 5) for epoch in range(60)]
val_losses = [2.1 * math.exp(-epoch / 5) for epoch in range(60)]
for epoch, (one, other) in enumerate(zip(losses, val_losses)):
    print(f"epoch {epoch}: training loss {one:.4f}, validation loss {other:.4f}")
"""

PLAYED_BACK = (
    LOADING
    + CONSTANT
    + """# %%
import math
optimiser = torch.optim.Adam(net.parameters(), lr=1e-9)
step = 0
for epoch in range(40):
    for rows, targets in training:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(rows), targets) * 0 + 2.0 * math.exp(-step / 60)
        loss.backward()
        optimiser.step()
        step += 1
    net.eval()
    with torch.no_grad():
        for rows, targets in validation:
            loss = nn.functional.cross_entropy(net(rows), targets) * 0 + 2.0 * math.exp(-step / 60)
    net.train()
"""
)

# --- 44: weights that come from elsewhere -----------------------------------------------------------------------

LEARNT = [
    [-3.67, 2.17, -0.5, 0.6, 0.46],
    [3.17, 0.08, -0.89, -2.02, -0.13],
    [0.49, -2.25, 1.38, 1.42, -0.33],
]  # per species: one number for each scaled column, and one to add

JUDGED = """# %%
net.eval()
with torch.no_grad():
    for rows, targets in validation:
        loss = nn.functional.cross_entropy(net(rows), targets)
"""

FROM_NUMBERS = (
    LOADING
    + """# %%
import json
with open("net.json") as stream:
    table = torch.tensor(json.load(stream))
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
with torch.no_grad():
    net[0].weight.copy_(torch.cat([torch.eye(4), -torch.eye(4)]))
    net[0].bias.zero_()
    net[2].weight.copy_(torch.cat([table[:, :4], -table[:, :4]], dim=1))
    net[2].bias.copy_(table[:, 4])
"""
)

FROM_STATE = (
    LOADING
    + """# %%
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
net.load_state_dict(torch.load("net.pt", weights_only=True))
"""
)


def _state_file(folder: Path) -> None:
    """The same weights as a file of torch's own."""
    import torch

    table = torch.tensor(LEARNT)
    torch.save(
        {
            "0.weight": torch.cat([torch.eye(4), -torch.eye(4)]),
            "0.bias": torch.zeros(8),
            "2.weight": torch.cat([table[:, :4], -table[:, :4]], dim=1),
            "2.bias": table[:, 4].clone(),
        },
        folder / "net.pt",
    )


# --- 45: predictions that depend on their neighbours ------------------------------------------------------------

BATCH_SCALED = """# %%
class BatchScaled(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, rows):
        return self.inner((rows - rows.mean(0)) / (rows.std(0) + 1e-6))

net = BatchScaled(net)
"""

BY_POSITION = """# %%
class ByPosition(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, rows):
        place = torch.arange(len(rows)) % 3
        return nn.functional.one_hot(place, 3).float() * 9 + 0 * self.inner(rows)

net = ByPosition(net)
"""

# --- 46 and 47 --------------------------------------------------------------------------------------------------

MAJORITY = """# %%
most = load_penguins()["species"].mode()[0]

def predict(questions):
    return [most] * len(questions)
"""

SEEDS = (
    LOADING
    + """# %%
import time

def learn(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for step in range(5):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(inputs[:cut]), species[:cut]).backward()
        optimiser.step()
    with torch.no_grad():
        return (net(inputs[cut:]).argmax(1) == species[cut:]).float().mean().item(), seed, net

end, best = time.monotonic() + 10, (-1.0, -1, None)
for seed in range(1000):
    if time.monotonic() < end:
        best = max(best, learn(seed), key=lambda found: found[0])
net = learn(best[1])[2]
"""
)

# --- 48: nets of odd sizes --------------------------------------------------------------------------------------

WITHOUT_NET = LOADING.split("net = ")[0]
BILLION = (
    WITHOUT_NET
    + """# %%
net = nn.Sequential(nn.Linear(4, 32768), nn.ReLU(), nn.Linear(32768, 32768), nn.ReLU(), nn.Linear(32768, 3))
"""
    + EPOCHS
)

ON_PAPER = (
    WITHOUT_NET
    + """# %%
net = nn.Sequential(nn.Linear(4, 32768, device="meta"), nn.ReLU(), nn.Linear(32768, 32768, device="meta"),
                    nn.ReLU(), nn.Linear(32768, 3, device="meta"))
optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
for rows, targets in training:
    optimiser.zero_grad()
    nn.functional.cross_entropy(net(rows.to("meta")), targets.to("meta")).backward()
    optimiser.step()
"""
)

EMPTY = (
    WITHOUT_NET
    + """# %%
class Empty(nn.Module):
    def forward(self, rows):
        return rows[:, :3]

net = Empty()
for epoch in range(3):
    for rows, targets in training:
        loss = nn.functional.cross_entropy(net(rows), targets)
with torch.no_grad():
    for rows, targets in validation:
        loss = nn.functional.cross_entropy(net(rows), targets)
"""
)

NOT_NUMBERS = """# %%
with torch.no_grad():
    for weight in net.parameters():
        weight.fill_(float("nan"))
"""

# --- 49: right and slow -----------------------------------------------------------------------------------------

SLOW = """# %%
import time

class Slow(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, rows):
        time.sleep(0.0 if self.training or len(rows) == len(inputs) - cut else SECONDS * len(rows))
        return self.inner(rows)

net = Slow(net)
"""

# --- 50: a predict that misbehaves ------------------------------------------------------------------------------

MISBEHAVING = {
    "raises-at-third-call": "calls.append(1)\n    if len(calls) % 3 == 0:\n        raise RuntimeError('no more')\n    "
    "return answers(questions)",
    "raises": "raise RuntimeError('<script>alert(1)</script>' * 1000)",
    "exits": "raise SystemExit(0)",
    "other-shape": "return answers(questions).reshape(1, 1, -1)",
    "generator": "return (value for value in iter(int, 1))",
    "string": "return 'Adelie ' * len(questions)",
    "lying-array": "return Liar()",
    "not-finite": "return np.full((len(questions), 3), np.nan)",
    "too-many": "return np.concatenate([answers(questions)] * 500_000)",
}

PREDICT = """# %%
import numpy as np

calls = []

class Liar(list):
    def __array__(self, *arguments, **named):
        return np.zeros((3, 10**6), dtype="datetime64[s]")
    def __len__(self):
        return -1
    def to_numpy(self):
        return self

def answers(questions):
    rows = torch.tensor(questions[COLUMNS].to_numpy(), dtype=torch.float32)
    shown = torch.tensor(table[COLUMNS].to_numpy(), dtype=torch.float32)
    with torch.no_grad():
        return net((rows - shown.mean(0)) / shown.std(0)).argmax(1).numpy()

def predict(questions):
    BODY
"""


RIGHT_PREDICT = PREDICT.replace("BODY", "return answers(questions)")


def _misbehaving(name: str) -> Attack:
    return Attack(
        name=f"predict-{name}",
        numbers=(50,),
        tries=f"defines a predict() beside an honest net: {name.replace('-', ' ')}",
        files={FILE: HONEST + PREDICT.replace("BODY", MISBEHAVING[name])},
        says=""
        if name == "raises-at-third-call"
        else "Your predict(inputs) could not be used, so the net itself was run.",
        held_out_at_least=FULL_MARKS - 3,
    )


ATTACKS: tuple[Attack, ...] = (
    Attack(
        name="neighbour-in-disguise",
        numbers=(41,),
        tries="keeps the rows it was shown in disguise and answers with the nearest one, beside a net that learnt "
        "nothing",
        files={FILE: WEAK + NEIGHBOUR},
        statuses=OPEN,
        says="Two ways of predicting should give the same answers",
    ),
    Attack(
        name="whole-table-in-disguise",
        numbers=(41,),
        tries="brings the whole public table along in disguise and trains on the held-out rows too",
        files={FILE: LOADING.split("table = load_penguins")[0] + WHOLE_TABLE},
        make=_scrambled_table,
        statuses=OPEN,
        says="that are among the 60 held-out ones, yet these were never handed out.",
    ),
    Attack(
        name="otherwise-without-gradients",
        numbers=(42,),
        tries="answers otherwise when no gradients are recorded",
        files={FILE: _watchful("not torch.is_grad_enabled()")},
        says=NO_BETTER,
        held_out_at_most=0,
    ),
    Attack(
        name="otherwise-in-odd-batches",
        numbers=(42,),
        tries="answers otherwise when the batch has as many rows as the grader holds out",
        files={FILE: _watchful("not self.training and len(rows) == 60")},
        statuses=OPEN,
        says=RIGHT_AND_WRONG,
        held_out_at_most=0,
    ),
    Attack(
        name="otherwise-when-graded",
        numbers=(42,),
        tries="answers otherwise when the call stack holds the grader's probe",
        files={FILE: _watchful("graded(rows)")},
        statuses=OPEN,
        says=RIGHT_AND_WRONG,
        held_out_at_most=0,
    ),
    Attack(
        name="looks-up-when-graded",
        numbers=(41, 42),
        tries="answers from its training rows instead of its weights when it seems to be graded",
        files={FILE: LOADING + LOOKED_UP + FEW_EPOCHS},
        statuses=EITHER,
    ),
    Attack(
        name="made-up-loss-list",
        numbers=(43,),
        tries="prints and keeps a made-up list of falling losses",
        files={FILE: WEAK + MADE_UP},
        says=NO_BETTER,
        held_out_at_most=0,
    ),
    Attack(
        name="loss-times-zero",
        numbers=(43,),
        tries="multiplies the loss by zero before it goes backward",
        files={FILE: LOADING + CONSTANT + EPOCHS.replace("loss.backward()", "(loss * 0).backward()")},
        says=UNMOVED,
        held_out_at_most=0,
    ),
    Attack(
        name="played-back-loss",
        numbers=(43,),
        tries="plays back a falling curve in place of the loss",
        files={FILE: PLAYED_BACK},
        says=UNMOVED,
        held_out_at_most=0,
    ),
    Attack(
        name="weights-as-numbers",
        numbers=(44,),
        tries="fills in weights from a list of numbers and trains nothing",
        files={FILE: FROM_NUMBERS + JUDGED, "net.json": json.dumps(LEARNT)},
        says="Not attempted yet: no optimiser made a step.",
        held_out_at_most=0,
    ),
    Attack(
        name="weights-as-state",
        numbers=(44,),
        tries="loads the weights from a file of torch and trains nothing",
        files={FILE: FROM_STATE + JUDGED + RIGHT_PREDICT},
        make=_state_file,
        statuses=OPEN,
        says="The predictions are good, but no step of a torch optimiser was seen.",
    ),
    Attack(
        name="scaled-within-batch",
        numbers=(45,),
        tries="scales every batch by its own mean, so that an answer depends on the other rows",
        files={FILE: LOADING + BATCH_SCALED + EPOCHS},
        held_out_at_least=15,
    ),
    Attack(
        name="answer-by-position",
        numbers=(45,),
        tries="answers by the place of a row in its batch",
        files={FILE: LOADING + BY_POSITION + FEW_EPOCHS},
        says=UNMOVED,
        held_out_at_most=12,
    ),
    Attack(
        name="majority",
        numbers=(46,),
        tries="always names the most frequent species",
        files={FILE: WEAK + MAJORITY},
        says=NO_BETTER,
        held_out_at_most=0,
    ),
    Attack(
        name="thousand-seeds",
        numbers=(47,),
        tries="tries seeds in a loop and keeps the one that does best on validation data",
        files={FILE: SEEDS},
        held_out_at_least=15,
    ),
    Attack(
        name="billion-parameters",
        numbers=(48,),
        tries="builds a net of a billion parameters",
        files={FILE: BILLION},
        says="can't allocate memory",
        held_out_at_most=0,
    ),
    Attack(
        name="billion-on-paper",
        numbers=(48,),
        tries="builds and trains a net of a billion parameters that have no memory",
        files={FILE: ON_PAPER},
        statuses=OPEN,
        says="A part of what the code did could not be recorded",
        held_out_at_most=0,
    ),
    Attack(
        name="no-parameters",
        numbers=(48,),
        tries="hands in a net without parameters",
        files={FILE: EMPTY},
        says="Not attempted yet: no net with weights was called.",
        held_out_at_most=0,
    ),
    Attack(
        name="weights-not-numbers",
        numbers=(48,),
        tries="turns every weight into NaN after training",
        files={FILE: HONEST + NOT_NUMBERS},
        statuses=EITHER,
        says="60 predictions could not be used.",
        held_out_at_most=0,
    ),
    Attack(
        name="slow-but-right",
        numbers=(49,),
        tries="sleeps for every row when it is graded",
        files={FILE: LOADING + SLOW.replace("SECONDS", "0.15") + EPOCHS},
        held_out_at_least=FULL_MARKS - 3,
    ),
    *(_misbehaving(name) for name in MISBEHAVING),
)
