"""Notebooks that take a GPU or widgets for granted run without them; the probe patches torch, so each in a process."""

import subprocess
import sys

import pytest
import torch

from grader.probe.elsewhere import _asks

START = """
from types import SimpleNamespace
import torch
from torch import nn
from grader.probe import elsewhere, shims
def cell(text):
    elsewhere.on_cell_start(SimpleNamespace(raw_cell=text))
to = torch.Tensor.to
"""
WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


def run(source):
    done = subprocess.run([sys.executable, "-c", START + source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


USES = [
    "nn.Linear(2, 2).cuda().weight",
    "nn.Linear(2, 2).to('cuda').weight",
    "nn.Linear(2, 2).to(device=torch.device('cuda:0')).weight",
    "torch.ones(2).cuda(0, non_blocking=True)",
    "torch.ones(2).to('cuda:0', torch.float64)",
    "torch.ones(2).to(device='mps')",
    "torch.tensor([1.0], device='cuda', requires_grad=True)",
    "torch.randn(2, 3, device=torch.device('cuda'))",
    "torch.zeros_like(torch.ones(2), device='cuda')",
    "(torch.set_default_device('cuda'), torch.cuda.synchronize(), torch.ones(1))[-1]",
]


@WITHOUT_GPU
def test_without_a_gpu_the_processor_takes_its_place_once_a_cell_asks_for_one():
    run(
        "cell('a = 1'); cell(None); elsewhere.on_cell_start()\n"
        "assert torch.Tensor.to is to\n"
        "cell('x.cuda()')\n"
        "assert torch.ones(2).to(torch.int64).dtype is torch.int64\n"
        "assert torch.ones(2).to('cpu', torch.float64).dtype is torch.float64\n"
        "assert not shims.NOTES\n"
        "assert torch.ones(2).to('cuda', torch.float64).dtype is torch.float64\n"
        f"for use in {USES!r}:\n"
        "    shims.NOTES.clear()\n"
        "    assert eval(use).device.type == 'cpu', use\n"
        "    assert shims.NOTES, use\n"
        "import functools, pickle\n"
        "assert pickle.loads(pickle.dumps(functools.partial(torch.zeros, 2)))().shape == (2,)\n"
        "assert pickle.loads(pickle.dumps(torch.tensor)) is torch.tensor\n"
        "from torch.jit._builtins import _find_builtin\n"
        "assert _find_builtin(torch.zeros_like) == 'aten::zeros_like'  # in code that is scripted\n"
    )


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ('device = "cuda" if torch.cuda.is_available() else "cpu"', False),
        ('device = torch.device(\n    "cuda"\n    if torch.cuda.is_available()\n    else "cpu"\n)', False),
        ("model = Net()", False),
        ('device = torch.device("cuda:0")', True),
        ("batch.cuda()", True),
        ("if torch.cuda.is_available():\n    model.cuda()", True),
        ('device = torch.device("cuda" if use_cuda else "cpu")', False),
        ('if device.type == "cuda":\n    pass', False),
        ('if "cuda" in str(device):\n    pass', False),
    ],
)
def test_who_looks_first_is_left_alone(text, asks):
    assert _asks(text) == asks


def test_progress_bars_are_plain_ones_where_there_are_no_widgets():
    run(
        "import tqdm.notebook as bars\n"
        "own, bars.IProgress = bars.tqdm, object\n"
        "elsewhere._plain_bars(bars)\n"
        "assert bars.tqdm is own\n"
        "bars.IProgress = None\n"
        "elsewhere.install()\n"
        "from tqdm.notebook import tqdm, trange\n"
        "assert list(tqdm(range(3), display=False, desc='x')) == [0, 1, 2]\n"
        "assert list(trange(2, leave=False)) == [0, 1]\n"
    )
