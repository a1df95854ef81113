"""Attacks 1 to 15: forging marks, by files, by patches, by objects that lie, by ending early."""

import os
from pathlib import Path

from attack import CANARY_FILE, Attack
from forgeries import (
    ALWAYS_EQUAL,
    CLOCKS,
    DIES_AFTER_VALIDATION,
    DOUBLE_KEYS,
    FORGED_FILES,
    FORGED_MESSAGES,
    GC_WALK,
    INFINITE,
    LARGE_MESSAGES,
    LYING_TENSORS,
    NO_PREDICTIONS_BUT_OWN,
    NONSENSE_MESSAGES,
    NUMBERS,
    PATCHED,
    PATCHED_WRITERS,
    READS_PICKLES,
    RELINKED_SOCKETS,
    UNPICKLED,
)
from nets import HONEST, WEAK

from grader.types import TaskStatus

FILE = "01_penguin_classification.py"
EITHER = (TaskStatus.MARKED, TaskStatus.NEEDS_REVIEW)


def _links(folder: Path) -> None:
    """Links and a FIFO in the place of files that are written or read."""
    (folder / "evidence.json").symlink_to("/etc/passwd")
    (folder / "settings.json").symlink_to("../../../../../../etc/passwd")
    os.mkfifo(folder / "results.json")


ATTACKS = (
    Attack(
        "writes-result-files",
        (1,),
        "writes evidence, answers and results itself before the end",
        {FILE: WEAK + FORGED_FILES + "forge()\n"},
        held_out_at_most=0.0,
    ),
    Attack(
        "writes-result-files-at-exit",
        (1, 10),
        "writes them again when the process ends",
        {FILE: WEAK + FORGED_FILES + "import atexit\natexit.register(forge)\n"},
        held_out_at_most=0.0,
    ),
    Attack(
        "result-files-in-the-way",
        (2,),
        "puts a folder, a FIFO and an unwritable file where evidence is to be written",
        {
            FILE: WEAK
            + """# %%
import glob, os
for path in glob.glob("/job/out/*"):
    os.remove(path)
os.mkdir("/job/out/evidence.json")
os.mkdir("/job/out/evidence.json/inside")
os.mkfifo("/job/out/heldout.json")
os.mkfifo("/job/out/train_inputs.npy")
open("/job/out/evidence.part", "w").close()
os.chmod("/job/out", 0o500)
"""
        },
        statuses=(TaskStatus.NEEDS_REVIEW,),
        says="evidence.json is not a regular file.",
        held_out_at_most=0.0,
    ),
    Attack(
        "result-files-are-links",
        (3,),
        "makes the evidence a link to a file of the host",
        {
            FILE: WEAK
            + f"""# %%
import glob, os
import grader_probe
for path in glob.glob("/job/out/*"):
    os.remove(path)
grader_probe.collect = grader_probe.predict = lambda: None
os.symlink({CANARY_FILE!r}, "/job/out/evidence.json")
os.symlink("/etc/passwd", "/job/out/heldout.json")
"""
        },
        make=_links,
        statuses=(TaskStatus.NEEDS_REVIEW,),
        says="evidence.json is a link, which the run was not to write.",
        held_out_at_most=0.0,
    ),
    Attack(
        "pickle-as-array",
        (4,),
        "hands back pickled objects in array files",
        {
            FILE: WEAK
            + """# %%
import numpy as np
from grader_probe import writing, heldout, claims

class Bomb:
    def __reduce__(self):
        import os
        return os.system, ("touch @CANARY_FOLDER@/unpickled",)

def forged(folder, arrays):
    for name in [*arrays, "predict_outputs", "train_inputs"]:
        np.save(f"{folder}/{name}.npy", np.array([Bomb()], dtype=object), allow_pickle=True)

heldout.write_arrays = claims.write_arrays = writing.write_arrays = forged
"""
        },
        statuses=(TaskStatus.NEEDS_REVIEW,),
        says="is not an array file in the agreed form",
        held_out_at_most=0.0,
    ),
    Attack(
        "malicious-checkpoint",
        (5,),
        "ships a checkpoint that runs code when it is read, and reads it",
        {
            FILE: WEAK + READS_PICKLES,
            "model.pt": UNPICKLED,
            "results.pkl": UNPICKLED,
            "evidence.npy": UNPICKLED,
        },
        held_out_at_most=0.0,
        control="folder",
    ),
    Attack(
        "displayhook",
        (6,),
        "replaces sys.displayhook and calls it with a mark",
        {FILE: WEAK + "# %%\nimport sys\nsys.displayhook = print\nsys.displayhook(100.0)\n100.0\n"},
        held_out_at_most=0.0,
    ),
    Attack(
        "always-equal",
        (7,),
        "answers with objects that are equal to everything",
        {FILE: WEAK + ALWAYS_EQUAL},
        held_out_at_most=0.0,
    ),
    Attack(
        "lying-tensors",
        (7,),
        "returns tensors and texts of classes of its own, whose methods lie",
        {FILE: WEAK + LYING_TENSORS},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "answers-only-for-its-own-data",
        (7, 9),
        "lets its net fail on strange data, so that answers for validation data of its own making are taken",
        {FILE: WEAK + NO_PREDICTIONS_BUT_OWN},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "dies-after-validation",
        (9, 10),
        "looks its validation answers up and ends its process, so that only these recorded answers are left",
        {FILE: WEAK + DIES_AFTER_VALIDATION},
        statuses=(TaskStatus.NEEDS_REVIEW,),
        says="These are outputs on your own validation data: the net could not be run on new data.",
        held_out_at_most=0.0,
    ),
    Attack(
        "showtraceback",
        (8,),
        "hides its exceptions by replacing the shell's traceback, and excepthook",
        {
            FILE: WEAK
            + """# %%
import sys
from IPython import get_ipython
get_ipython().showtraceback = lambda *a, **k: None
sys.excepthook = lambda *a: None
get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)

# %%
raise RuntimeError("nobody sees this")
"""
        },
        held_out_at_most=0.0,
    ),
    Attack(
        "patches-torch",
        (9,),
        "patches allclose, equal, Tensor.item, Tensor.backward, Module.__call__ and Optimizer.step",
        {FILE: PATCHED + WEAK},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "patches-what-writes",
        (9,),
        "patches json.dumps and numpy.save, so that curves, counts and answers are made up when they are written",
        {FILE: WEAK + PATCHED_WRITERS},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "patches-the-writers-for-good",
        (9,),
        "breaks json.dumps and numpy.save, on which the kernel's own messages depend",
        {
            FILE: WEAK
            + """# %%
import json, numpy
numpy.save = lambda *a, **k: None
json.dumps = lambda *a, **k: '{"points": 100}'
"""
        },
        statuses=(TaskStatus.NEEDS_REVIEW,),
        held_out_at_most=0.0,
    ),
    Attack(
        "exits-at-once",
        (10,),
        "ends the process with code 0 before anything was trained",
        {FILE: "# %%\nimport os\nos._exit(0)\n" + HONEST},
        statuses=(TaskStatus.NEEDS_REVIEW,),
        says="The program ended its own Python process before the end.",
        held_out_at_most=0.0,
    ),
    Attack(
        "exits-politely",
        (10,),
        "calls sys.exit, exit and quit in the middle; what follows still counts",
        {FILE: "# %%\nimport sys\nsys.exit(0)\n# %%\nexit()\n# %%\nquit()\n" + HONEST},
        held_out_at_least=29.0,
    ),
    Attack(
        "rewrites-the-recorder",
        (11,),
        "walks frames and objects to the observer's counts and rewrites them",
        {FILE: WEAK + GC_WALK},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "thread-that-rewrites",
        (12,),
        "a daemon thread and a child process rewrite the result files without end",
        {
            FILE: WEAK
            + FORGED_FILES
            + """
def without_end():
    while True:
        forge()
        time.sleep(0.002)

threading.Thread(target=without_end, daemon=True).start()
if os.fork() == 0:
    os.setsid()
    without_end()
"""
        },
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "forged-messages",
        (13,),
        "sends statuses and answers on the kernel's own channels, also to questions that were not asked yet",
        {FILE: WEAK + FORGED_MESSAGES},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "messages-that-are-none",
        (13,),
        "sends nonsense on the kernel's own channels",
        {FILE: WEAK + NONSENSE_MESSAGES},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "floods-with-large-messages",
        (13, 25),
        "ignores interrupts and sends messages of fifty megabytes from several threads without end",
        {FILE: WEAK + LARGE_MESSAGES},
        statuses=EITHER,
        says="The run was ended because",
        held_out_at_most=0.0,
    ),
    Attack(
        "sockets-that-are-links",
        (3, 33),
        "cuts the kernel's connections and puts links to a socket of the host where the grader would connect again",
        {FILE: WEAK + RELINKED_SOCKETS},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "numbers-that-are-none",
        (14,),
        "answers with NaN, infinities, 1e308 and negative zero",
        {FILE: WEAK + NUMBERS},
        statuses=EITHER,
        held_out_at_most=0.0,
    ),
    Attack(
        "keys-that-come-twice",
        (14,),
        "writes evidence with duplicate keys",
        {FILE: WEAK + DOUBLE_KEYS},
        statuses=(TaskStatus.NEEDS_REVIEW,),
        says="evidence.json holds a key twice in one object.",
        held_out_at_most=0.0,
    ),
    Attack(
        "infinity-in-json",
        (14,),
        "writes evidence with Infinity and points of its own",
        {FILE: WEAK + INFINITE},
        statuses=(TaskStatus.NEEDS_REVIEW,),
        says="evidence.json holds Infinity, which is no JSON number.",
        held_out_at_most=0.0,
    ),
    Attack(
        "patches-time",
        (15,),
        "makes clocks stand still and run backwards, from the start and once more at the end",
        {FILE: CLOCKS + HONEST + CLOCKS},
        statuses=EITHER,
        held_out_at_least=29.0,
    ),
)
