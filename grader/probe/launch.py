"""Starts the kernel inside the sandbox: the probe first, then ipykernel on the connection file it was given."""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """``launch.py CONNECTION_FILE SETTINGS_FILE``."""
    connection, settings_file = sys.argv[1], sys.argv[2]
    here = Path(__file__).resolve().parent
    sys.path[:] = [p for p in sys.path if p and Path(p).resolve() != here]
    sys.path.insert(0, str(here.parent))
    settings = json.loads(Path(settings_file).read_text(encoding="utf-8"))
    import grader_probe  # type: ignore[import-not-found]
    from ipykernel.kernelapp import IPKernelApp

    grader_probe.start(settings)
    os.chdir(settings.get("cwd", settings["work"]))
    sys.path[1:1] = [*settings.get("import_roots", []), os.getcwd()]
    app = IPKernelApp.instance()
    app.initialize(["-f", connection, "--IPKernelApp.parent_handle=0", "--HistoryManager.enabled=False"])  # type: ignore[no-untyped-call]
    from grader_probe import absent, elsewhere, recorder, screens

    assert app.shell is not None
    app.shell.InteractiveTB.set_mode("Plain")  # the usual mode takes half a minute over a recursion without end
    screens.attach(app.shell, app.kernel)
    sys.argv = [settings.get("file", "")]
    if settings.get("kind") in ("script", "module") and settings.get("file"):
        app.shell.user_ns["__file__"] = settings["file"]
    app.shell.ast_transformers.append(absent.Imports())
    app.shell.events.register("pre_run_cell", elsewhere.on_cell_start)
    app.shell.events.register("pre_run_cell", recorder.on_cell_start)
    app.shell.events.register("post_run_cell", recorder.on_cell_end)
    app.start()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
