"""Attacks 36 to 40: names, notebooks and texts that act on who reads them."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from attack import Attack
from nets import HONEST, WEAK

from grader.types import TaskStatus

FILE, NOTEBOOK = "01_penguin_classification.py", "01_penguin_classification.ipynb"
UNREADABLE = (TaskStatus.UNREADABLE,)
SCRIPT = "<script>window.pwned=1</script>"
IMAGE = "<img src=x onerror=window.pwned=1>"
VECTOR = "<svg/onload=window.pwned=1><a href=javascript:window.pwned=1>click</a></svg>"
BREAKOUT = "</script></style></title></textarea>--></pre>"
ANSI = "\x1b[31mred\x1b[0m\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\x1b]0;title\x07\x9b2J"
FORMULA = "=cmd|'/C calc'!A0"
WORKFLOW = "::error file=a,line=1::owned"
MARKUP = "]]><evil/> &lt;b&gt; \u202egnp.exe \u2066hidden\u2069"


def notebook(*sources: str, **metadata: object) -> dict[str, object]:
    """A notebook of format 4."""
    cells = [
        {"cell_type": "code", "source": s, "outputs": [], "metadata": {}, "execution_count": None} for s in sources
    ]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}


def cells_of(script: str) -> list[str]:
    """The cells of a script."""
    return [text for text in script.split("# %%\n") if text.strip()]


def as_bytes(content: bytes) -> Callable[[Path], None]:
    """Writes the notebook file with this content."""

    def make(folder: Path) -> None:
        (folder / NOTEBOOK).write_bytes(content)

    return make


NAMES = (
    b"line\nbreak\r\n::error::x.py",
    b"<script>window.pwned=1<.py",
    b"<img src=x onerror=window.pwned=1>.ipynb",
    b"=cmd|' C calc'!A0.py",
    "ana\u202eyp.bpyni.py".encode(),
    b"n" * 252 + b".py",
    b"\x1b[31mred\x1b]0;x\x07\xc2\x9b2J.py",
    b"::error file=a,line=1::owned.py",
    b"##[error]owned ##vso[task.complete].py",
    b"caf\xe9.py",
    b"+1+1.ipynb",
)
"""Names of files; those of notebooks cannot be read, and sentences say so by name."""


def odd_names(folder: Path) -> None:
    """Older work for the same task under odd names, so that a sentence names it; and notebooks that are none."""
    for name in NAMES:
        path = os.path.join(os.fsencode(folder), name)
        with open(path, "wb") as stream:
            stream.write(b"{" if name.endswith(b".ipynb") else WEAK.encode())
        os.utime(path, (1_000_000_000, 1_000_000_000))


def raising(text: str) -> str:
    """A cell whose exception says this, by its message and by its class name."""
    return f"# %%\nraise type({text!r}, (Exception,), {{}})({text!r})\n"


def _duplicate_ids() -> str:
    document = notebook(*cells_of(HONEST), language_info={"name": "python"})
    document["nbformat_minor"] = 5
    for cell in document["cells"]:  # type: ignore[attr-defined]
        cell["id"] = "same"
        cell["attachments"] = {"a.png": {"image/png": "A" * 100_000, "text/html": SCRIPT}}
    return json.dumps(document)


CLASS_NAMES = f"""
class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 3)
    def forward(self, x):
        return self.inner(x)

Odd.__name__ = Odd.__qualname__ = {SCRIPT + ANSI + FORMULA!r}
TensorDataset = type({IMAGE!r}, (TensorDataset,), {{}})
class Loss(nn.CrossEntropyLoss):
    pass

Loss.__name__ = {FORMULA!r}
"""


def _with_odd_classes() -> str:
    text = HONEST.replace("net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))", CLASS_NAMES)
    return text.replace("criterion = nn.CrossEntropyLoss()", "net = Odd()\ncriterion = Loss()")


ATTACKS = (
    Attack(
        "name-with-script",
        (36,),
        "a student's folder is named like a script",
        {FILE: WEAK},
        folder="<script>window.pwned=1<\u2215script>",
    ),
    Attack(
        "name-with-newline", (36,), "a newline in the student's folder", {FILE: WEAK}, folder="ana\nben\r\n::error::x"
    ),
    Attack("name-with-formula", (36, 39), "a formula as the student's folder", {FILE: WEAK}, folder="=1+1|cmd"),
    Attack(
        "name-with-override",
        (36,),
        "a right-to-left override in the folder",
        {FILE: WEAK},
        folder="ana\u202excod.bpyni",
    ),
    Attack("name-of-255-bytes", (36,), "a folder name as long as can be", {FILE: WEAK}, folder="n" * 255),
    Attack(
        "name-with-escapes", (36,), "terminal sequences in the folder", {FILE: WEAK}, folder="\x1b[31mana\x1b]0;x\x07"
    ),
    Attack(
        "name-with-command",
        (36, 40),
        "a command to continuous integration as the folder of a student whose work cannot be read",
        {NOTEBOOK: "{"},
        folder="::error file=a::owned ##[error]b",
        statuses=UNREADABLE,
        says="is not a readable notebook",
    ),
    Attack(
        "files-with-odd-names",
        (36, 39, 40),
        "files whose names are markup, formulas, commands, 255 bytes, no text, or hold control characters",
        {FILE: HONEST},
        make=odd_names,
        says="is not valid text; give the file another name.",
        held_out_at_least=29.0,
    ),
    Attack(
        "work-with-an-odd-name",
        (36,),
        "the file to be marked is named with markup, a newline, escapes and an override",
        {"01_penguin_classification <img src=x onerror=window.pwned=1>\n::error::x\x1b[31m\u202e.py": HONEST},
        held_out_at_least=29.0,
    ),
    Attack("name-that-climbs", (36,), "a folder that looks like a way out", {FILE: WEAK}, folder="ana\\..\\..\\etc"),
    Attack(
        "notebook-that-is-none",
        (37,),
        "a notebook that is no JSON",
        make=as_bytes(b'{"cells": [{"cell_type": "code", "source": '),
        statuses=UNREADABLE,
        says="is not a readable notebook",
    ),
    Attack(
        "notebook-nested",
        (37,),
        "a notebook nested without end",
        make=as_bytes(b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        statuses=UNREADABLE,
        says="is nested too deeply for a notebook",
    ),
    Attack(
        "notebook-without-cells",
        (37,),
        "a notebook without cells, for a command of its own",
        {
            NOTEBOOK: json.dumps(
                notebook(kernelspec={"name": "../../bin/sh", "display_name": SCRIPT, "argv": ["sh", "-c", "id"]})
            )
        },
        says="has no cell with code",
        held_out_at_most=0.0,
    ),
    Attack(
        "notebook-with-one-id",
        (37,),
        "a notebook whose cells share one id and carry attachments",
        {NOTEBOOK: _duplicate_ids()},
        held_out_at_least=29.0,
    ),
    Attack(
        "notebook-of-another-language",
        (37,),
        "a notebook of another language",
        {NOTEBOOK: json.dumps(notebook("x <- 1", kernelspec={"name": "ir", "language": "R", "display_name": SCRIPT}))},
        statuses=UNREADABLE,
        says="is a notebook for R; only Python notebooks can be graded.",
    ),
    Attack(
        "notebook-in-utf-16",
        (37,),
        "a notebook in another encoding",
        make=as_bytes(json.dumps(notebook(*cells_of(HONEST))).encode("utf-16")),
        held_out_at_least=29.0,
    ),
    Attack(
        "notebook-with-wrong-bytes",
        (37,),
        "a notebook that says it is UTF-8 and is not",
        make=as_bytes(
            json.dumps(notebook("# \u00e9", *cells_of(HONEST)), ensure_ascii=False).encode("latin-1"),
        ),
        says="is not UTF-8; it was read as Windows-1252",
        held_out_at_least=29.0,
    ),
    Attack(
        "notebook-huge",
        (37,),
        "a notebook of seventy megabytes",
        make=as_bytes(json.dumps(notebook("x = 1" + " " * 70_000_000)).encode()),
        statuses=UNREADABLE,
        says="more than the 64 MB allowed; clear the outputs of all cells and save it again.",
    ),
    Attack(
        "scripts-in-exceptions",
        (38,),
        "markup in names and messages of exceptions and in what is shown",
        {
            FILE: WEAK
            + raising(SCRIPT + IMAGE)
            + raising(VECTOR + BREAKOUT)
            + f"# %%\nfrom IPython.display import HTML, display\ndisplay(HTML({SCRIPT!r}))\nprint({IMAGE!r})\n"
        },
        says="<script>window.pwned=1</script>",
    ),
    Attack(
        "escapes-in-exceptions",
        (38,),
        "terminal sequences, links and titles in exceptions",
        {FILE: WEAK + raising(ANSI) + f"# %%\nprint({ANSI!r})\n"},
        says="redlink",
    ),
    Attack(
        "scripts-in-class-names",
        (38, 39),
        "markup, terminal sequences and formulas in names of layers, data sets and losses",
        {FILE: _with_odd_classes()},
        held_out_at_least=25.0,
    ),
    Attack(
        "formulas-in-exceptions",
        (39,),
        "formulas in exceptions",
        {FILE: WEAK + raising(FORMULA) + raising("@SUM(1+1)") + raising("\t=1+1")},
    ),
    Attack(
        "workflow-commands",
        (40,),
        "commands to continuous integration, ends of CDATA and control characters in exceptions and prints",
        {
            FILE: WEAK
            + raising(WORKFLOW + "\n::set-output name=a::b ##[error]c ##vso[task.complete]d")
            + raising(MARKUP + "\0\x08\x7f\ud800")
            + f"# %%\nimport sys\nprint({WORKFLOW!r})\nprint({WORKFLOW!r}, file=sys.stderr)\n"
        },
    ),
)
