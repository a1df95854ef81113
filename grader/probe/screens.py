"""What notebooks ask of the screen, the keyboard and the Jupyter of where they were written gets a quiet answer.

Such lines stand at the top of a cell of imports, and nothing below them would run if they failed.
"""

import functools
import sys
from contextlib import suppress
from typing import Any

from . import shims

WINDOWS = frozenset(  # matplotlib's names of what draws into windows of its own, or with controls
    {"gtk3agg", "gtk3cairo", "gtk4agg", "gtk4cairo", "macosx", "qt4agg", "qt5agg", "qt5cairo", "qtagg", "qtcairo"}
    | {"ipympl", "module://ipympl.backend_nbagg", "nbagg", "notebook", "tkagg", "tkcairo", "webagg", "widget"}
    | {"wx", "wxagg", "wxcairo"}
)
TOOLKITS = frozenset({"gtk", "gtk3", "gtk4", "osx", "qt", "qt4", "qt5", "qt6", "tk"})  # IPython's names of them
PACKAGES = ("conda", "mamba", "micromamba")  # magics that install
DEBUGGERS = frozenset({"bdb", "cmd", "pdb", "IPython.core.debugger"})
MOST_ANSWERS = 20  # a loop that waits for a certain answer would never end
NO_SCREEN = "Plots were asked for in a window or with controls, which are not there when the work is marked."
NO_STYLE = "A style of plots that is not there was left out."
NO_PACKAGES = "Packages are not installed when the work is marked."
NO_EXTENSION = "An extension of Jupyter that is not there was left out."
NO_KEYBOARD = "Questions at the keyboard were answered with an empty line."


def install() -> None:
    """Watch for matplotlib: windows and styles that it does not have are left out."""
    shims.watch("matplotlib", functools.partial(_wrap, "use", _without_windows))
    shims.watch("matplotlib.pyplot", functools.partial(_wrap, "switch_backend", _without_windows))
    for module in ("matplotlib.style.core", "matplotlib.style"):
        shims.watch(module, functools.partial(_wrap, "use", _known_styles))


def attach(shell: Any, kernel: Any) -> None:
    """Answer for the shell of a kernel: where plots go, magics of what is not there, questions."""
    shell.enable_matplotlib = functools.partial(_beside, shell, shell.enable_matplotlib)
    manager = shell.extension_manager
    manager.load_extension = functools.partial(_extended, shell, manager.load_extension)
    for name in PACKAGES:
        shell.register_magic_function(_installs_nothing, "line", name)
    shell.register_magic_function(functools.partial(_in_shell, shell), "cell", "shell")
    kernel.raw_input = Answers(kernel.raw_input)
    kernel.getpass = Answers(kernel.getpass)


def _wrap(name: str, wrapper: Any, module: Any) -> None:
    original = getattr(module, name, None)
    if original is not None and not hasattr(original, "_probe_answers"):  # some modules hand on what others define
        wrapped = functools.wraps(original)(functools.partial(wrapper, original))
        vars(wrapped)["_probe_answers"] = True
        setattr(module, name, wrapped)


def _without_windows(original: Any, *args: Any, **kwargs: Any) -> Any:
    backend = next(iter((*args, *kwargs.values())), None)  # the only argument without a default, by whatever name
    if isinstance(backend, str) and backend.lower() in WINDOWS:
        shims.note(NO_SCREEN)
        return None
    return original(*args, **kwargs)


def _known_styles(original: Any, style: Any) -> None:
    try:
        original(style)
    except OSError:  # matplotlib's word for a style that it does not know
        shims.note(NO_STYLE)
        for one in style if isinstance(style, (list, tuple)) and len(style) > 1 else ():
            _known_styles(original, one)


def _beside(shell: Any, original: Any, gui: Any = None) -> Any:
    if not isinstance(gui, str) or gui.lower() not in TOOLKITS | WINDOWS:
        with suppress(Exception):  # whatever a library for controls says that is not there
            return original(gui)
    shims.note(NO_SCREEN)
    shell.pylab_gui_select = None
    return original("inline")


def _extended(shell: Any, original: Any, name: str) -> Any:
    try:
        return original(name)
    except ModuleNotFoundError:
        shims.note(NO_EXTENSION)
        if name not in shell.magics_manager.magics["line"]:  # most bring a magic of their own name
            shell.register_magic_function(_nothing, "line", name)
        return None


def _nothing(_line: str) -> None:
    pass


def _in_shell(shell: Any, _options: str, cell: str) -> Any:
    """Colab's name of ``%%sh``; its option is about errors."""
    return shell.run_cell_magic("sh", "", cell)


def _installs_nothing(_line: str) -> None:
    shims.note(NO_PACKAGES)


class Answers:
    """Stands for ``input``: shows the question and answers with an empty line, as if somebody had pressed Enter; after
    so many, and where a debugger asks, what is in its place goes on."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self._given = 0

    def __call__(self, prompt: object = "", *args: Any, **kwargs: Any) -> Any:
        """An empty line. ``EOFError``: a debugger asks, which ends it."""
        if sys._getframe(1).f_globals.get("__name__") in DEBUGGERS:
            raise EOFError
        self._given += 1
        if self._given > MOST_ANSWERS:
            return self._original(prompt, *args, **kwargs)
        shims.note(NO_KEYBOARD)
        sys.stdout.write(f"{prompt}\n")
        return ""
