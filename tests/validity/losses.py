"""Losses for classes and for numbers, each with what the net's answer must go through before it."""

from tests.validity.recipe import Loss

INDEX = "($out.argmax(dim=1) == $y).sum().item()"
ONE_HOT = "($out.argmax(1) == $y.argmax(1)).sum().item()"
BOTH = ("from torch import nn", "import torch.nn.functional as F")

CROSS_ENTROPY = Loss("cross entropy", "$crit = nn.CrossEntropyLoss()", right=INDEX)
CROSS_ENTROPY_FUNCTION = Loss("cross entropy, a function", "", "F.cross_entropy($out, $y)", right=INDEX, imports=BOTH)
AVERAGED = Loss(
    "cross entropy, an average judged",
    "$crit = nn.CrossEntropyLoss()",
    out="($net if $net.training else average)($x)",
    right=INDEX,
    imports=("from torch import nn", "import copy"),
)
COMPILED = Loss(
    "cross entropy, trained compiled",
    "$crit = nn.CrossEntropyLoss()",
    out="(quick if $net.training else $net)($x)",
    right=INDEX,
)
SMOOTHED = Loss("cross entropy, smoothed", "$crit = nn.CrossEntropyLoss(label_smoothing=0.05)", right=INDEX)
SOFT_CROSS_ENTROPY = Loss("cross entropy, one-hot", "$crit = nn.CrossEntropyLoss()", right=ONE_HOT)
LIKELIHOOD_INSIDE = Loss("NLL, log_softmax inside", "$crit = nn.NLLLoss()", right=INDEX)
LIKELIHOOD_OUTSIDE = Loss(
    "NLL, log_softmax outside",
    "$crit = nn.NLLLoss()",
    out="torch.log_softmax($net($x), dim=1)",
    right=INDEX,
)
LOG_OF_SOFTMAX = Loss(
    "NLL, log of softmax",
    "$crit = nn.NLLLoss()",
    "$crit(torch.log($out + 1e-9), $y)",
    "$net($x).softmax(dim=1)",
    right=INDEX,
)
BINARY_OUTSIDE = Loss("BCE, softmax outside", "$crit = nn.BCELoss()", out="$net($x).softmax(1)", right=ONE_HOT)
BINARY_INSIDE = Loss("BCE, softmax inside", "$crit = nn.BCELoss()", right=ONE_HOT)
BINARY_LOGITS = Loss("BCE with logits", "$crit = nn.BCEWithLogitsLoss()", right=ONE_HOT)
SQUARED_ONE_HOT = Loss("MSE, one-hot", "$crit = nn.MSELoss()", out="torch.softmax($net($x), 1)", right=ONE_HOT)
OWN_CROSS_ENTROPY = Loss(
    "own cross entropy",
    "",
    "cross_entropy_by_hand($out, $y)",
    right=INDEX,
    parts="""\
def cross_entropy_by_hand(scores, classes):
    scores = scores - scores.max(dim=1, keepdim=True).values
    log_p = scores - scores.exp().sum(dim=1, keepdim=True).log()
    return -log_p[torch.arange(len(classes)), classes].mean()""",
)

SQUARED = Loss("MSE", "$crit = nn.MSELoss()")
SQUARED_FUNCTION = Loss("MSE, a function", "", "F.mse_loss($out, $y)", imports=BOTH)
ABSOLUTE = Loss("L1", "$crit = nn.L1Loss()")
HUBER = Loss("Huber", "$crit = nn.HuberLoss(delta=0.5)")
SMOOTH = Loss("SmoothL1", "$crit = nn.SmoothL1Loss()")
BINARY_NUMBER = Loss("BCE on numbers", "$crit = nn.BCELoss()", out="$net($x).sigmoid()")
OWN_SQUARED = Loss("own MSE", "", "(($out - $y) ** 2).mean()")
OWN_ROOT = Loss("own RMSE", "", "torch.sqrt(torch.mean(($out - $y) ** 2) + 1e-8)")
EXPONENTIAL_OUTPUT = Loss("MSE, exp outside", "$crit = nn.MSELoss()", out="$net($x).exp()")
SIGMOID_OUTSIDE = Loss("MSE, sigmoid outside", "$crit = nn.MSELoss()", out="torch.sigmoid($net($x))")
