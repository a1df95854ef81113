"""Cells that failed for what surrounds the code: a package, a network, a GPU, a folder or a data file that is not here,
or a plot."""

import re
from collections.abc import Sequence

from grader.evidence.model import CellError, CellRecord
from grader.types import CellStatus

NETWORK = (
    "URLError",
    "HTTPError",
    "ConnectionError",
    "gaierror",
    "MaxRetryError",
    "SSLError",
    "ConnectionRefusedError",
    "NewConnectionError",
)
NETWORK_WORDS = (
    "name resolution",
    "network is unreachable",
    "urlopen error",
    "name or service not known",
    "failed to establish",
)
GPU_WORDS = (
    "found no nvidia driver",
    "not compiled with cuda enabled",
    "no cuda gpus are available",
    "no cuda-capable device",
    "torch.cuda.is_available() is false",
    "not linked with support for mps",
    "mps backend is supported",
    "without mps backend",
    "cuda driver version is insufficient",
)
PLOTTING = ("/matplotlib/", "/seaborn/", "/umap/", "/plotly/", "\\matplotlib\\", "\\seaborn\\")
ELSEWHERE = re.compile(r"(?:^|[\s'\"])(?:/(?:content|kaggle|mnt|home|Users|Volumes)(?:/|['\"]|$)|[A-Za-z]:[\\/])")
NOT_FOUND = (
    "no such file",
    "read-only file system",
    "permission denied",
    "parent directory",
    "not a directory",
    "non-existent directory",
)
DATA_FILE = re.compile(
    r"(?:No such file or directory: '|^)"
    r"([^'\n]{0,150}\.(?:csv|tsv|txt|data|xlsx?|parquet|feather|npy|npz|gz|zip))(?:'| not found\.?)$",
    re.IGNORECASE,
)
WRITES = re.compile(
    r"open\([^\n]{0,300}[\"'][wax]b?\+?[\"']|\.to_(?:csv|excel|json|parquet|feather|pickle)\(|\.(?:dump|save\w{0,20})\("
)
ASKED = re.compile(r"(?<![\w.])input\(")
MISSING = re.compile(r"(?:No module named|Missing optional dependency) '([\w.-]{1,80})'")
EMPTY_ANSWER = re.compile(r"(?:invalid literal for int\(\) with base 10|could not convert string to float): ''$")
UNDEFINED = re.compile(r"name '(\w{1,60})' is not defined")
ABSENT = re.compile(r"\b(?:Absent(?:Log)?|UnseenBar)\b")  # what stands for something of a package that is not there
CALLED = "CalledProcessError"  # another program failed
CUT = "BudgetSpent"  # ends a loop whose budget is spent
HERE = frozenset(  # a part that one of these does not have is no package that is missing
    {"torch", "torchvision", "numpy", "pandas", "matplotlib", "sklearn", "skimage", "scipy", "PIL", "palmerpenguins"}
)
SPELT = HERE | {"seaborn", "ml_workshop", "random", "pathlib", "collections", "functools", "itertools", "dataclasses"}
SHORTEST = 5  # letters of a name in which a slip of one of them is known for what it is
FAILED = (CellStatus.ERROR, CellStatus.TIMEOUT)


def lack(cell: CellRecord) -> str:
    """In words, what a cell failed for want of on this machine: a package, the network, a GPU, a folder, a data file, a
    language, somebody at the keyboard; empty if nothing."""
    if cell.error is None:
        return ""
    message = cell.error.message.lower()
    if cell.error.name in NETWORK or any(words in _text(cell) for words in NETWORK_WORDS):
        return "the network"
    if any(words in message for words in GPU_WORDS):
        return "a GPU"
    if EMPTY_ANSWER.search(cell.error.message) and ASKED.search(cell.error.traceback):
        return "somebody's answer at the keyboard"
    return _place(cell.error.message) or _file(cell.error) or _package(cell)


def _place(message: str) -> str:
    """The folder or setting of the system that a message says is not there; empty if it says no such thing."""
    lower = message.lower()
    if any(words in lower for words in NOT_FOUND) and ELSEWHERE.search(message):
        return "a folder of another machine"
    if "read-only file system" in lower:
        return "a folder that can be written to"
    return "a language of the system" if "unsupported locale" in lower else ""


def _file(error: CellError) -> str:
    """The data file to be read that an error says is not there; empty if it says no such thing. A checkpoint, which the
    code would write itself, is none."""
    found = DATA_FILE.search(error.message) if error.name == "FileNotFoundError" else None
    if found is None or WRITES.search(error.traceback):
        return ""
    name = found[1].rpartition("/")[2] if found[1].startswith("/") else found[1]  # as of a path made from __file__
    return f"the file “{name}”"


def lacks_file(cell: CellRecord) -> bool:
    """Whether a data file is what a cell failed for want of, and not the folder of another machine that it lies in."""
    return cell.error is not None and lack(cell) == _file(cell.error) != ""


def _package(cell: CellRecord) -> str:
    """The package that a cell failed for want of; empty if it did not."""
    if cell.error is None:
        return ""
    if cell.error.name in ("TypeError", "ValueError", "AttributeError") and ABSENT.search(cell.error.message):
        return "a package"
    if cell.error.name not in ("ModuleNotFoundError", "ImportError"):
        return ""
    missing = MISSING.search(cell.error.message)
    if missing is None or ("." in missing[1] and missing[1].split(".")[0] in HERE) or meant(cell):
        return ""
    return f"the package “{missing[1]}”"


def meant(cell: CellRecord) -> str:
    """The package whose name is misspelt in what ``cell`` imports; empty if it misses none, or another."""
    missing = MISSING.search(cell.error.message) if cell.error is not None else None
    name = missing[1].split(".")[0] if missing is not None else ""
    return "torch" if name == "pytorch" else next((known for known in sorted(SPELT) if _slip(name, known)), "")


def _slip(name: str, known: str) -> bool:
    """Whether only the case is wrong, a letter is missing, too many or another one, or two have changed places. One
    more at the end makes the name of another package, such as ``pathlib2``."""
    if name.lower() == known.lower():
        return name != known
    start = _alike(name, known)
    end = _alike(name[start:][::-1], known[start:][::-1])
    put, right = name[start : len(name) - end], known[start : len(known) - end]
    if len(known) < SHORTEST or start == len(known):
        return False
    return max(len(put), len(right)) <= 1 or (len(put) == 2 and put == right[::-1])


def _alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def undefined(cell: CellRecord) -> str:
    """The name that ``cell`` asked for and nobody had made; empty if that is not why it failed."""
    found = UNDEFINED.search(cell.error.message) if cell.error is not None and cell.error.name == "NameError" else None
    return found[1] if found is not None else ""


def excused(cell: CellRecord) -> bool:
    """Whether a failure comes from what is missing (see :func:`lack`), an import, a plot, another program that was
    called, a program that ends itself, or the grader, which ended a loop."""
    if cell.error is None:
        return False
    return (
        cell.error.name == CUT
        or bool(lack(cell))
        or cell.error.name in ("ModuleNotFoundError", "ImportError", "SystemExit", CALLED)
        or _plots(cell)
    )


def stopping(cells: Sequence[CellRecord]) -> CellRecord | None:
    """The cell that failed first, if this machine lacks what it needs. Plots, other programs and what is tagged as
    showing an error are left aside."""
    first = next((c for c in cells if c.status in FAILED and (lack(c) or not _beside(c))), None)
    return first if first is not None and lack(first) else None


def _beside(cell: CellRecord) -> bool:
    return cell.may_fail or _plots(cell) or (cell.error is not None and cell.error.name == CALLED)


def _plots(cell: CellRecord) -> bool:
    return any(part in _text(cell) for part in PLOTTING)


def _text(cell: CellRecord) -> str:
    return f"{cell.error.message} {cell.error.traceback}".lower() if cell.error is not None else ""
