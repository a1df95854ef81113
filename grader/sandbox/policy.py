"""Says, as data, what a bubblewrap job may see and do: the argument list, the environment, the rlimits."""

import os
import site
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import grader
from grader.limits import GIB, KIB, MIB, RunLimits
from grader.sandbox.protocol import JobLayout, JobSpec

JOB = PurePosixPath("/job")
PROBE = PurePosixPath("/probe")
UID = "1000"
TMP_BYTES = 512 * MIB  # private /tmp, held in memory
SHM_BYTES = 512 * MIB  # private /dev/shm, for DataLoader workers
OPEN_FILES = 1024
DATA_SLACK = 2 * GIB  # address space of one process beyond the memory limit, since much of it is never touched
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "fonts", "mime.types", "nsswitch.conf")
CHECKOUT = ("rubrics", "reference_solutions", "submissions", "templates", "tests", ".git")  # beside the package
UNSHARED = ("user", "pid", "ipc", "uts", "net", "cgroup-try")
ISOLATING = (  # what needs no path
    *(f"--unshare-{name}" for name in UNSHARED),
    *("--new-session", "--die-with-parent", "--uid", UID, "--gid", UID, "--hostname", "grader"),
    *("--cap-drop", "ALL", "--disable-userns"),
)
OPTIONAL = {"--disable-userns": 0, "--size": 1, "--perms": 1}  # newer options and how many words follow each
KERNEL_SETTINGS = (  # of /proc, with the files of root's: to a grader that root runs they would be open for writing
    *("acpi", "asound", "bus", "driver", "fs", "irq", "mtrr", "pressure", "scsi", "sys", "sysrq-trigger"),
)
KERNEL_SECRETS = (  # of /proc, readable for root alone
    *("iomem", "kallsyms", "kcore", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "pagetypeinfo"),
    *("sched_debug", "slabinfo", "timer_list", "vmallocinfo"),
)
IDENTITY = {  # files of /etc that are made up, none of the host's users or names
    "passwd": f"student:x:{UID}:{UID}:student:/tmp:/bin/sh\n",
    "group": f"student:x:{UID}:\n",
    "hosts": "127.0.0.1 localhost grader\n::1 localhost\n",
}
NVIDIA = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps")

# ulimit's units: -c, -f 512-byte blocks; -d KiB. A limit that the shell does not know is left out, the watchdog stays.
LIMITED = (
    "ulimit -c 0; ulimit -n {files}; ulimit -f {blocks} 2>/dev/null; {more}"
    'echo 1000 >/proc/self/oom_score_adj 2>/dev/null; exec "$@"'
)


@dataclass(frozen=True)
class Interpreter:
    """Where the Python in use lives; all paths absolute."""

    executable: Path
    prefixes: tuple[Path, ...]
    package: Path = field(default_factory=lambda: Path(grader.__file__).resolve().parent)
    user_site: Path | None = None  # packages that `pip install --user` put into the home folder
    copies: tuple[Path, ...] = ()  # further folders with the grader's files: an editable install copies rubrics

    @classmethod
    def current(cls) -> "Interpreter":
        """The running interpreter: its environment, the installation it was made from, and where links lead."""
        named = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix), *_link_folders(Path(sys.executable))]
        prefixes = tuple(dict.fromkeys([*named, *(p.resolve() for p in named)]))
        own = Path(site.getusersitepackages())
        return cls(
            Path(sys.executable),
            prefixes,
            user_site=own if site.ENABLE_USER_SITE and own.is_dir() else None,
            copies=_copies([Path(entry) for entry in sys.path if entry]),
        )


def _copies(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Packages of the grader's name in these folders that hold its bundled files."""
    found = [folder.resolve() / grader.__name__ for folder in folders]
    return tuple(path for path in found if (path / "_data").is_dir())


def _link_folders(executable: Path) -> list[Path]:
    """Installations that the interpreter's chain of links passes through (``X`` of ``X/bin/python``)."""
    found, step = [], executable
    for _ in range(16):
        if not step.is_symlink():
            break
        step = step.parent / os.readlink(step)
        if step.parent.name == "bin":
            found.append(Path(os.path.normpath(step.parent.parent)))
    return [p for p in found if p != Path("/")]


def bubblewrap_argv(
    spec: JobSpec, interpreter: Interpreter, *, program: str = "bwrap", lacks: Sequence[str] = ()
) -> list[str]:
    """The whole command line for ``spec``. Later mounts cover earlier ones, so the order is part of the policy.

    ``lacks``: those of :data:`OPTIONAL` that the installed bubblewrap is too old to know; they are left out.
    """
    argv = [program, *ISOLATING]
    argv += ["--clearenv", *_words("--setenv", environment(spec.env).items())]
    argv += _system() + _devices(spec.device) + ["--size", str(TMP_BYTES), "--perms", "1777", "--tmpfs", "/tmp"]
    argv += _identity(spec.layout) + _python(interpreter) + _hidden(interpreter, spec) + _masked(spec)
    argv += _job(spec.layout) + _read_only(spec)
    argv += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(inside(spec.layout, spec.cwd)), "--"]
    command = limited(spec.limits, spec.argv, count_processes=True, bound_data=spec.device == "cpu")
    return [*without(argv, lacks), *command]


def without(argv: Sequence[str], lacks: Sequence[str]) -> list[str]:
    """``argv`` less the options in ``lacks`` and the words that belong to them."""
    kept: list[str] = []
    skip = 0
    for word in argv:
        if skip:
            skip -= 1
        elif word in lacks:
            skip = OPTIONAL[word]
        else:
            kept.append(word)
    return kept


def inside(layout: JobLayout, path: Path) -> PurePosixPath:
    """``/job/...`` for a path of the job, ``/probe/...`` for one below its ``probe`` folder, else the path itself."""
    if path.is_relative_to(layout.base / "probe"):
        return PROBE / path.relative_to(layout.base / "probe").as_posix()
    if path.is_relative_to(layout.base):
        return JOB / path.relative_to(layout.base).as_posix()
    return PurePosixPath(path.as_posix())


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Every variable there is inside: a fixed few and those of the job, none of the host's."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        **user_base(),
        **extra,
    }


def limited(limits: RunLimits, argv: Sequence[str], *, count_processes: bool, bound_data: bool = False) -> list[str]:
    """``argv`` started by a shell that lowers the resource limits first (a fork hook is not safe with threads)."""
    more = ""
    if count_processes:  # counted for each user namespace; threads count too
        more += f"ulimit -u {limits.tasks} 2>/dev/null || ulimit -p {limits.tasks} 2>/dev/null; "
    if bound_data:
        more += f"ulimit -d {(limits.memory_bytes + DATA_SLACK) // KIB} 2>/dev/null; "
    script = LIMITED.format(files=OPEN_FILES, blocks=_blocks(limits), more=more)
    return ["/bin/sh", "-c", script, "sh", *argv]


def rlimits(limits: RunLimits, *, bound_data: bool = False) -> dict[str, int]:
    """The same limits as :func:`limited` sets for a job of bubblewrap, by the names of the module ``resource``."""
    found = {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_FSIZE": _blocks(limits) * 512,
        "RLIMIT_NPROC": limits.tasks,
    }
    if bound_data:
        found["RLIMIT_DATA"] = (limits.memory_bytes + DATA_SLACK) // KIB * KIB
    return found


def _blocks(limits: RunLimits) -> int:
    """The largest file, in ulimit's blocks of 512 bytes."""
    return max(1, limits.disk_bytes // 512)


def _words(option: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [word for left, right in pairs for word in (option, left, right)]


def _bind(path: str | Path, target: str | PurePosixPath | Path | None = None) -> list[str]:
    return ["--ro-bind", str(path), str(target if target is not None else path)]


def _system() -> list[str]:
    words: list[str] = []
    for name in SYSTEM_FOLDERS:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), name]
        elif path.exists():
            words += _bind(path)
    for name in ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return [*words, *_proc()]


def _proc() -> list[str]:
    """A /proc of the job's own, without what belongs to the whole machine: user namespaces do not protect that from
    processes of the host's root, and bubblewrap covers only a part of it."""
    words = ["--proc", "/proc"]
    for name in KERNEL_SETTINGS:
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    for name in KERNEL_SECRETS:
        words += _bind("/dev/null", f"/proc/{name}") if Path("/proc", name).exists() else []
    return words


def identity_folder(layout: JobLayout) -> Path:
    """Where the backend writes :data:`IDENTITY` on the host."""
    return layout.base / "etc"


def _identity(layout: JobLayout) -> list[str]:
    return [w for name in IDENTITY for w in ("--ro-bind-try", str(identity_folder(layout) / name), f"/etc/{name}")]


def _devices(device: str) -> list[str]:
    words = ["--dev", "/dev", "--size", str(SHM_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm"]
    if device.startswith("cuda"):
        numbered = sorted(str(p) for p in Path("/dev").glob("nvidia[0-9]*"))
        for node in [*numbered, *(f"/dev/{name}" for name in NVIDIA)]:
            words += ["--dev-bind-try", node, node]
        words += ["--ro-bind-try", "/sys", "/sys"]
    return words


def _python(interpreter: Interpreter) -> list[str]:
    """Read-only binds of the interpreter's folders that the system folders do not hold already."""
    words: list[str] = []
    for prefix in _own_folders(interpreter):
        if prefix.is_dir() and not _below(prefix, SYSTEM_FOLDERS):
            words += _bind(prefix)
    return words


def _own_folders(interpreter: Interpreter) -> tuple[Path, ...]:
    return (*interpreter.prefixes, *([interpreter.user_site] if interpreter.user_site else []))


def user_base() -> dict[str, str]:
    """Variables that let Python find the user's own packages although the home folder is another."""
    return {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}


def visible_folders(interpreter: Interpreter) -> tuple[str, ...]:
    """Host folders that a job sees under their own names."""
    return (*SYSTEM_FOLDERS, *(str(p) for p in _own_folders(interpreter)))


def _hidden(interpreter: Interpreter, spec: JobSpec) -> list[str]:
    """Empty folders over the grader itself, where it lies in a visible folder, and over what the job asks to hide."""
    package = interpreter.package
    own = [package, *interpreter.copies]
    if (package.parent / "pyproject.toml").exists():
        own += [package.parent / name for name in CHECKOUT]
    words: list[str] = []
    visible = visible_folders(interpreter)
    for folder in [*own, *spec.hides]:
        for path in dict.fromkeys([folder, folder.resolve()]):
            needed = any(Path(name).is_relative_to(path) for name in visible)  # nothing would run without it
            if path.is_dir() and _below(path, visible) and not needed:
                words += ["--perms", "0555", "--size", "4096", "--tmpfs", str(path)]
    return words


def _masked(spec: JobSpec) -> list[str]:
    words: list[str] = []
    for path, shown in spec.masks.items():
        for target in dict.fromkeys([path, path.resolve()]):
            words += _bind(shown, target)
    return words


def _job(layout: JobLayout) -> list[str]:
    words = ["--dir", str(JOB)]
    for folder in (layout.work, layout.out, layout.run):
        words += ["--bind", str(folder), str(inside(layout, folder))]
    for folder in (layout.world, layout.heldout):
        words += _bind(folder, inside(layout, folder))
    return words


def _read_only(spec: JobSpec) -> list[str]:
    """Further folders of the host under their own names, those of the job under theirs (the probe: ``/probe``)."""
    words: list[str] = []
    for path in spec.read_only:
        words += _bind(path, inside(spec.layout, path))
    return words


def _below(path: Path, folders: Iterable[str]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
