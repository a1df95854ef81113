"""The bubblewrap policy as data: what is bound, in which order, what is hidden, and that nothing of the host leaks."""

import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from grader.limits import RunLimits
from grader.sandbox import policy
from grader.sandbox.policy import Interpreter, bubblewrap_argv, inside
from grader.sandbox.protocol import JobLayout, JobSpec

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="bubblewrap is for Linux")


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    """A virtual environment below a home folder, made from an installation below another."""
    venv, base = tmp_path / "home" / "venv", tmp_path / "opt" / "python3"
    for folder in (venv / "bin", base / "bin", venv / "lib" / "site-packages" / "grader"):
        folder.mkdir(parents=True)
    return Interpreter(venv / "bin" / "python", (venv, base), venv / "lib" / "site-packages" / "grader")


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    """A job."""
    layout = JobLayout(tmp_path / "job")
    for folder in (layout.work, layout.out, layout.run, layout.world, layout.heldout):
        folder.mkdir(parents=True)
    limits = RunLimits(memory_bytes=2**30, disk_bytes=2**20)
    return JobSpec(layout=layout, argv=["python", "x.py"], cwd=layout.work, env={"A": "b"}, limits=limits)


def triples(argv: list[str], option: str) -> list[tuple[str, str]]:
    """Both arguments of every occurrence of a two-argument option."""
    return [(argv[i + 1], argv[i + 2]) for i, word in enumerate(argv) if word == option]


def place(argv: list[str], *words: str) -> int:
    """Where a run of words begins."""
    return next(i for i in range(len(argv)) if tuple(argv[i : i + len(words)]) == words)


def test_every_namespace_is_new_and_no_right_is_kept(spec: JobSpec, interpreter: Interpreter) -> None:
    """The promises that need no mount."""
    argv = bubblewrap_argv(spec, interpreter)
    for word in ("user", "pid", "ipc", "uts", "net"):
        assert f"--unshare-{word}" in argv
    for word in ("--new-session", "--die-with-parent", "--clearenv", "--disable-userns"):
        assert word in argv
    place(argv, "--cap-drop", "ALL")
    place(argv, "--uid", "1000")


def test_only_the_jobs_own_folders_are_writable(spec: JobSpec, interpreter: Interpreter) -> None:
    """Work, out and run; worlds are read-only; the rest of the host is bound read-only or not at all."""
    argv = bubblewrap_argv(spec, interpreter)
    layout = spec.layout
    writable = {(str(layout.work), "/job/work"), (str(layout.out), "/job/out"), (str(layout.run), "/job/run")}
    assert set(triples(argv, "--bind")) == writable
    assert {(str(layout.world), "/job/world"), (str(layout.heldout), "/job/heldout")} <= set(triples(argv, "--ro-bind"))
    assert "--dev-bind" not in argv
    assert argv.index("--") > place(argv, "--remount-ro", "/")


def test_no_home_no_root_and_no_whole_etc(spec: JobSpec, interpreter: Interpreter) -> None:
    """Of the host only system folders, a few files of /etc and the interpreter's prefixes are seen."""
    argv = bubblewrap_argv(spec, interpreter)
    sources = {s for o in ("--ro-bind", "--ro-bind-try", "--bind") for s, _ in triples(argv, o)}
    allowed = (*policy.SYSTEM_FOLDERS, *(str(p) for p in interpreter.prefixes), str(spec.layout.base))
    own = {*(f"/proc/{name}" for name in policy.KERNEL_SETTINGS), "/dev/null"}
    assert all(s.startswith("/etc/") or s.startswith(allowed) for s in sources - own)
    assert not {"/", "/etc", "/home", "/root", "/tmp", "/run", "/var"} & sources
    assert not {"/etc/passwd", "/etc/shadow", "/etc/resolv.conf"} & sources


def test_users_and_hosts_are_made_up(spec: JobSpec, interpreter: Interpreter) -> None:
    """Names that programs look up exist, none of them the host's."""
    shown = {t: s for s, t in triples(bubblewrap_argv(spec, interpreter), "--ro-bind-try")}
    for name in ("passwd", "group", "hosts"):
        assert shown[f"/etc/{name}"] == str(spec.layout.base / "etc" / name)
    assert "root" not in "".join(policy.IDENTITY.values())


def test_packages_of_the_users_own_are_seen_without_the_rest_of_the_home(spec: JobSpec, tmp_path: Path) -> None:
    """``pip install --user`` puts them into the home folder; a grader among them is hidden."""
    site_packages = tmp_path / "home" / ".local" / "lib" / "python3" / "site-packages"
    package = site_packages / "grader"
    package.mkdir(parents=True)
    own = Interpreter(Path("/usr/bin/python3"), (Path("/usr"),), package, user_site=site_packages)
    argv = bubblewrap_argv(spec, own)
    bound = place(argv, "--ro-bind", str(site_packages), str(site_packages))
    assert bound < place(argv, "--tmpfs", str(package))
    assert not any(source == str(tmp_path / "home") for source, _ in triples(argv, "--ro-bind"))


def test_the_interpreter_is_bound_after_the_private_tmp(spec: JobSpec, interpreter: Interpreter) -> None:
    """An environment below /tmp would be covered otherwise."""
    argv = bubblewrap_argv(spec, interpreter)
    for prefix in interpreter.prefixes:
        assert place(argv, "--ro-bind", str(prefix), str(prefix)) > place(argv, "--tmpfs", "/tmp")


def test_an_installed_grader_is_hidden_after_the_interpreter_is_bound(spec: JobSpec, interpreter: Interpreter) -> None:
    """Else the rubric's private part and the reference solutions could be read."""
    argv = bubblewrap_argv(spec, interpreter)
    assert place(argv, "--tmpfs", str(interpreter.package)) > place(argv, "--ro-bind", str(interpreter.prefixes[0]))


def test_folders_that_are_to_be_hidden_are_hidden_only_where_they_would_be_seen(
    spec: JobSpec, interpreter: Interpreter
) -> None:
    """A class that lies inside the environment is; one elsewhere needs nothing; the environment itself stays."""
    venv = interpreter.prefixes[0]
    (venv / "class" / "ana").mkdir(parents=True)
    (venv.parent / "class").mkdir()
    argv = bubblewrap_argv(replace(spec, hides=[venv / "class", venv.parent / "class", venv, venv.parent]), interpreter)
    hidden = [argv[i + 1] for i, word in enumerate(argv) if word == "--tmpfs"]
    assert str(venv / "class") in hidden
    assert not {str(venv.parent / "class"), str(venv), str(venv.parent)} & set(hidden)


def test_copies_of_the_graders_files_are_hidden_too(spec: JobSpec, interpreter: Interpreter, tmp_path: Path) -> None:
    """An editable install lies in the checkout, and its bundled rubrics and solutions in the environment as well."""
    site_packages = interpreter.prefixes[0] / "lib" / "site-packages"
    (site_packages / "grader" / "_data").mkdir(parents=True)
    (tmp_path / "other" / "grader").mkdir(parents=True)
    assert policy._copies([site_packages, tmp_path / "other"]) == (site_packages / "grader",)
    argv = bubblewrap_argv(spec, replace(interpreter, copies=(site_packages / "grader",)))
    bound = place(argv, "--ro-bind", str(interpreter.prefixes[0]))
    assert bound < place(argv, "--tmpfs", str(site_packages / "grader"))


def test_masks_and_hides_come_last_and_the_probe_has_its_place(tmp_path: Path, interpreter: Interpreter) -> None:
    """What the job asks for."""
    layout = JobLayout(tmp_path / "job")
    probe = layout.base / "probe" / "grader_probe"
    data = interpreter.prefixes[0] / "lib" / "data"
    data.mkdir(parents=True)
    shown = tmp_path / "shown.csv"
    spec = JobSpec(
        layout=layout, argv=["x"], cwd=layout.work, read_only=[probe], masks={data / "p.csv": shown}, hides=[data]
    )
    argv = bubblewrap_argv(spec, interpreter)
    assert (str(probe), "/probe/grader_probe") in triples(argv, "--ro-bind")
    bound = place(argv, "--ro-bind", str(interpreter.prefixes[0]))
    assert bound < place(argv, "--tmpfs", str(data)) < place(argv, "--ro-bind", str(shown), str(data / "p.csv"))


def test_the_environment_is_made_up_not_inherited(
    spec: JobSpec, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of the host, the job's own ones set."""
    monkeypatch.setenv("A_SECRET", "s3cret")
    argv = bubblewrap_argv(spec, interpreter)
    assert "s3cret" not in " ".join(argv)
    variables = dict(triples(argv, "--setenv"))
    assert variables["A"] == "b"
    assert variables["HOME"] == "/tmp"


def test_older_bubblewrap_gets_no_option_it_does_not_know(spec: JobSpec, interpreter: Interpreter) -> None:
    """Options and their words go, the mounts stay."""
    argv = bubblewrap_argv(spec, interpreter, lacks=("--size", "--perms", "--disable-userns"))
    assert not {"--size", "--perms", "--disable-userns", "1777"} & set(argv)
    place(argv, "--tmpfs", "/tmp")


def test_graphics_devices_only_for_a_run_that_asks(spec: JobSpec, interpreter: Interpreter) -> None:
    """CPU runs see no GPU."""
    assert not any("nvidia" in word for word in bubblewrap_argv(spec, interpreter))
    asks = JobSpec(layout=spec.layout, argv=spec.argv, cwd=spec.cwd, device="cuda")
    assert "/dev/nvidiactl" in bubblewrap_argv(asks, interpreter)


def test_limits_are_lowered_before_the_command(spec: JobSpec, interpreter: Interpreter) -> None:
    """The command comes last, started by a shell that sets limits and replaces itself."""
    argv = bubblewrap_argv(spec, interpreter)
    assert argv[-2:] == ["python", "x.py"]
    script = argv[argv.index("--") + 3]
    for words in ("ulimit -c 0", "ulimit -f 2048", "ulimit -n 1024", 'exec "$@"'):
        assert words in script


def test_names_inside(tmp_path: Path) -> None:
    """Job and probe paths change, others do not."""
    layout = JobLayout(tmp_path)
    assert inside(layout, layout.work / "a" / "b.py") == PurePosixPath("/job/work/a/b.py")
    assert inside(layout, tmp_path / "probe" / "grader_probe") == PurePosixPath("/probe/grader_probe")
    assert inside(layout, Path("/usr/lib")) == PurePosixPath("/usr/lib")


def test_installations_behind_links_are_found(tmp_path: Path) -> None:
    """venv -> alias -> the real installation: all three must be visible for the interpreter to start."""
    real, alias, venv = tmp_path / "real", tmp_path / "alias", tmp_path / "venv"
    (real / "bin").mkdir(parents=True)
    (real / "bin" / "python").touch()
    (venv / "bin").mkdir(parents=True)
    alias.symlink_to(real)
    (venv / "bin" / "python").symlink_to(alias / "bin" / "python")
    assert alias in policy._link_folders(venv / "bin" / "python")
