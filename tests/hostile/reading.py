"""Attacks 16 to 22: reading what is not theirs, and shadowing what is started."""

import json
from pathlib import Path

from attack import CANARY_FILE, CANARY_FOLDER, CANARY_VARIABLE, Attack
from nets import HONEST, WEAK

from grader.types import TaskStatus

FILE = "01_penguin_classification.py"

READING = """# %%
import glob, os

def read_for_secret(patterns):
    for path in (path for pattern in patterns for path in glob.glob(pattern)):
        try:
            if not (os.path.isfile(path) or path.endswith("environ")):
                continue
            with open(path, "rb") as stream:
                text = stream.read(1_000_000)
        except (OSError, ValueError):
            continue
        needle = b"canary" + b"-secret"
        if needle in text:
            raise RuntimeError(f"TOLD {text[text.index(needle):][:40]}")

"""

FILES = f"""
read_for_secret((
    {CANARY_FILE!r}, "../../*", "/job/../*", "/proc/[0-9]*/root" + {CANARY_FILE!r}, "/proc/[0-9]*/cwd/*",
    "/proc/[0-9]*/fd/*", "/root/*", "/home/*/*", "/etc/shadow", "/etc/hostname", "/var/*/*",
))
"""

OTHERS_ENVIRONMENT = """
read_for_secret(("/proc/[0-9]*/environ", "/proc/[0-9]*/task/*/environ"))
"""

MEMORY = """# %%
import glob, os

def read_others_memory():
    for path in glob.glob("/proc/[0-9]*/maps"):
        if path.split("/")[2] == str(os.getpid()):
            continue
        with open(path) as stream:
            place = int(stream.readline().split("-")[0], 16)
        with open(path.replace("maps", "mem"), "rb") as stream:
            stream.seek(place)
            if stream.read(8) and os.readlink(path.replace("maps", "ns/pid")) != os.readlink("/proc/self/ns/pid"):
                raise RuntimeError("TOLD memory of a process outside")

try:
    read_others_memory()
except (OSError, ValueError, IndexError) as problem:
    print(problem)
"""

ANSWERS = """# %%
import os

names = {"penguins-classification.yaml", "known_good.py", "expect.yaml", "gradebook.csv", "results.json"}
found = []
for folder, below, files in os.walk("/"):
    below[:] = [name for name in below if os.path.join(folder, name) not in ("/proc", "/sys")]
    for name in files:
        path = os.path.join(folder, name)
        of_grader = "grader" in folder.split("/") and name.endswith((".py", ".yaml", ".ipynb", ".json"))
        if name in names or of_grader or ("heldout" in folder and name.endswith((".csv", ".npy"))):
            found.append(path)
if found:
    raise RuntimeError(f"FOUND {found[:5]}")
"""

ENVIRONMENT = f"""# %%
import os
if {CANARY_VARIABLE!r} in os.environ or any("TOKEN" in n or "KEY" in n or "SECRET" in n for n in os.environ):
    raise RuntimeError(f"TOLD {{dict(os.environ)}}")
"""

SIBLINGS = f"""# %%
import glob, os
for folder in ({CANARY_FOLDER!r}, "/tmp", "/dev/shm", "/var/tmp"):
    try:
        with open(f"{{folder}}/left-for-a-friend", "w") as stream:
            stream.write("answers")
        if folder == {CANARY_FOLDER!r}:
            break
    except OSError:
        pass
seen = glob.glob("/tmp/*/*") + glob.glob("/dev/shm/*") + glob.glob("../*/*.py")
others = [p for p in seen if "friend" not in p and not os.path.realpath(p).startswith(os.getcwd())]
if others:
    raise RuntimeError(f"FOUND {{others}}")
"""

CARRIES_OUT = """# %%
def predict(table):
    print("TOLD", table.to_csv())
    raise ValueError("TOLD " + table.to_csv())
"""

CARRIES_OUT_IN_FORWARD = """# %%
real_forward = net.forward

def forward(rows):
    if not torch.is_grad_enabled() and not net.training:
        raise ValueError("TOLD " + str(rows.tolist()))
    return real_forward(rows)

net.forward = forward
"""

OWNED = f"open({CANARY_FOLDER + '/owned'!r}, 'w').close()\n"


def _notebook(source: str, **metadata: object) -> str:
    cells = [
        {"cell_type": "code", "source": text, "outputs": [], "metadata": {}, "execution_count": None}
        for text in source.split("# %%\n")
        if text.strip()
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells})


def _hidden_folders(folder: Path) -> None:
    """Start-up files of Python, IPython and Jupyter."""
    for name in (
        ".ipython/profile_default/startup/00-first.py",
        ".ipython/profile_default/ipython_config.py",
        ".jupyter/jupyter_config.py",
        ".local/lib/python3/site-packages/usercustomize.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("import torch\ntorch.STARTED = True\n")


ATTACKS = (
    Attack(
        "reads-files-of-the-host",
        (16,),
        "looks for secrets by path, through links of /proc and in other processes",
        {FILE: HONEST + READING + FILES},
        held_out_at_least=29.0,
        control="file",
    ),
    Attack(
        "reads-memory-of-others",
        (16,),
        "reads the memory of other processes",
        {FILE: HONEST + MEMORY},
        held_out_at_least=29.0,
    ),
    Attack(
        "reads-answers",
        (16,),
        "searches every folder for rubrics, solutions, held-out data and the grader's code",
        {FILE: HONEST + ANSWERS},
        held_out_at_least=29.0,
    ),
    Attack(
        "reads-git-history",
        (16,),
        "asks git for the history of what surrounds it",
        {
            FILE: HONEST
            + """# %%
import os, subprocess
for folder in (".", "..", "/job", os.path.dirname(torch.__file__), "/"):
    done = subprocess.run(f"cd {folder} && git log -p --all", shell=True, capture_output=True)
    if done.stdout:
        raise RuntimeError("FOUND history")
"""
        },
        held_out_at_least=29.0,
    ),
    Attack(
        "reads-the-environment",
        (17,),
        "looks for tokens in its environment",
        {FILE: HONEST + ENVIRONMENT},
        held_out_at_least=29.0,
    ),
    Attack(
        "reads-the-graders-environment",
        (17,),
        "looks for tokens in the environments of other processes",
        {FILE: HONEST + READING + OTHERS_ENVIRONMENT},
        held_out_at_least=29.0,
        control="variable",
    ),
    Attack(
        "leaves-notes-for-siblings",
        (18,),
        "writes to shared folders and looks for the work of others there",
        {FILE: HONEST + SIBLINGS},
        held_out_at_least=29.0,
        control="folder",
    ),
    Attack(
        "carries-held-out-data-out",
        (19,),
        "prints the held-out inputs in predict, and raises an exception that holds them",
        {FILE: WEAK + CARRIES_OUT},
        held_out_at_most=0.0,
    ),
    Attack(
        "carries-held-out-data-out-of-forward",
        (19,),
        "raises an exception with its inputs in forward, once it is run without gradients",
        {FILE: WEAK + CARRIES_OUT_IN_FORWARD},
        statuses=(TaskStatus.MARKED, TaskStatus.NEEDS_REVIEW),
        held_out_at_most=0.0,
    ),
    Attack(
        "shadows-modules",
        (20,),
        "brings its own random.py, sitecustomize.py, conftest.py, ipython_config.py and start-up files",
        {
            FILE: HONEST + "# %%\nif hasattr(torch, 'STARTED'):\n    raise RuntimeError('STARTED')\n",
            "sitecustomize.py": OWNED + "import torch\ntorch.STARTED = True\n",
            "usercustomize.py": OWNED + "import torch\ntorch.STARTED = True\n",
            "conftest.py": OWNED,
            "ipython_config.py": OWNED + "c = get_config()\nc.IPKernelApp.exec_lines = ['import os; os._exit(3)']\n",
            "grader_probe.py": OWNED,
            "ipykernel.py": OWNED,
            "evil.pth": "import torch; torch.STARTED = True\n",
        },
        make=_hidden_folders,
        held_out_at_least=29.0,
    ),
    Attack(
        "shadows-torch",
        (20,),
        "brings a torch.py of its own",
        {FILE: HONEST, "torch.py": "raise ImportError('this is not torch')\n", "random.py": "seed = None\n"},
        says="torch.py has the name of a library, which Python may load it for on your own machine.",
        held_out_at_least=29.0,
    ),
    Attack(
        "names-another-kernel",
        (21,),
        "its metadata names another kernel and command, its cells use magics, pip and extensions",
        {
            "01_penguin_classification.ipynb": _notebook(
                HONEST
                + "# %%\n!pip install nonsense\n# %%\n%load_ext nonsense\n# %%\n%%bash\necho hello\n"
                + "# %%\n!grader check .\n# %%\n%run nonsense.py\n",
                kernelspec={
                    "name": "../../evil",
                    "display_name": "Python 3",
                    "language": "python",
                    "argv": ["/bin/sh", "-c", f"touch {CANARY_FOLDER}/kernel"],
                },
                language_info={"name": "python", "file_extension": ".sh"},
            )
        },
        held_out_at_least=29.0,
    ),
    Attack(
        "setup-and-requirements",
        (22,),
        "brings setup.py, requirements.txt, pyproject.toml and a Makefile that do harm when they are used",
        {
            FILE: HONEST,
            "setup.py": OWNED,
            "requirements.txt": "nonsense @ file:///tmp/evil\n",
            "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'setup'\nbackend-path = ['.']\n",
            "Makefile": f"all:\n\ttouch {CANARY_FOLDER}/make\n",
            "tox.ini": "[pytest]\npython_files = *.py\n",
        },
        held_out_at_least=29.0,
    ),
)
