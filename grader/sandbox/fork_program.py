"""The program of the fork server: imports the heavy packages once, then forks a child into each job's sandbox.

Run by its path (``python fork_program.py SOCKET MODULE...``) with an environment that holds nothing of the grader's;
it imports nothing of ``grader``, and no code of a submission before the fork. A request comes over a Unix socket: one
JSON object and the descriptors it names. The child first joins every namespace of a sandbox that bubblewrap has made,
gives up all capabilities, and only then, as a process of that sandbox, becomes the job's Python.
"""

import atexit
import ctypes
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import traceback
from typing import Any

NAMESPACES = {  # what setns(2) calls them
    "user": 0x1000_0000,
    "mnt": 0x0002_0000,
    "pid": 0x2000_0000,
    "ipc": 0x0800_0000,
    "uts": 0x0400_0000,
    "net": 0x4000_0000,
    "cgroup": 0x0200_0000,
}
REQUIRED = ("user", "mnt", "pid", "ipc", "uts", "net")
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 22, 24, 38, 47
FILTER_MODE, AMBIENT_CLEAR_ALL = 2, 4
CAPABILITY_VERSION = 0x2008_0522  # _LINUX_CAPABILITY_VERSION_3
CAPSET = {"x86_64": 126, "aarch64": 91}
MAX_REQUEST = 1 << 20
GO = b"!"
DESCRIPTORS = 3  # the sandbox (a pidfd), where to write how the job ended, its stdout and stderr
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Import, say that it is so, serve until the grader closes our stdin."""
    place, modules = sys.argv[1], sys.argv[2:]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry and os.path.abspath(entry) != here]
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as problem:  # noqa: BLE001  what is not installed or broken is met again by who needs it
            sys.stderr.write(f"{name}: {type(problem).__name__}\n")
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:  # a fork would copy their locks but not them
        sys.exit(f"Importing left {threads} threads.")
    import gc

    gc.collect()
    gc.freeze()
    job = serve(place)
    if job is not None:
        become(job)


def serve(place: str) -> dict[str, Any] | None:
    """Answer requests; returns only in a forked child, with its job, and None once the grader has gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children between us and a job are not waited for
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(place)
        listener.listen(64)
        os.write(1, b"ready\n")
        while True:
            readable, _, _ = select.select([listener.fileno(), 0], [], [])
            if 0 in readable and not os.read(0, 1):
                return None
            if listener.fileno() in readable:
                job = answer(listener)
                if job is not None:
                    return job


def answer(listener: socket.socket) -> dict[str, Any] | None:
    """Take one request and fork for it. The job in the new process of the sandbox, None in the server."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(10)
        try:
            request, descriptors = receive(connection)
        except (OSError, ValueError):
            return None
        try:
            child = os.fork()
        except OSError as problem:
            say(connection, error=f"it could not fork: {problem.strerror}")
            child = -1
        if child == 0:
            listener.close()
            return between(request, descriptors, connection)
        for descriptor in descriptors:
            os.close(descriptor)
    return None


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A request: its length, the descriptors, then the JSON object."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, DESCRIPTORS)
    size = struct.unpack("<I", head)[0] if len(head) == 4 else 0
    if not 0 < size <= MAX_REQUEST or len(descriptors) != DESCRIPTORS:
        for descriptor in descriptors:
            os.close(descriptor)
        raise ValueError("no request")
    content = b""
    while len(content) < size:
        piece = connection.recv(size - len(content))
        if not piece:
            raise ValueError("half a request")
        content += piece
    return json.loads(content), descriptors


def say(connection: socket.socket, **words: object) -> None:
    """Answer the grader."""
    try:
        connection.sendall(json.dumps(words).encode() + b"\n")
    except OSError:
        return


def between(request: dict[str, Any], descriptors: list[int], connection: socket.socket) -> dict[str, Any]:
    """The process between the server and the job: it joins the sandbox, forks the job, and passes on how that ended.

    It stands outside the sandbox's process namespace and its control group, so that nothing inside can see or signal it
    and no limit ends it: a job whose parent is gone might never be reaped, nor its namespace.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sandbox, ending, output = descriptors
    try:
        os.setsid()
        join(sandbox, int(request["process"]))
        give_up_capabilities()
        child = os.fork()
    except (OSError, KeyError, ValueError) as problem:
        say(connection, error=f"{type(problem).__name__}: {problem}")
        os._exit(1)
    if child == 0:
        os.close(sandbox)
        os.close(ending)
        connection.settimeout(None)
        if connection.recv(1) != GO:  # sent once this process is in the job's control group
            os._exit(1)
        request["output"] = output
        return request
    say(connection, pid=child)
    connection.close()
    os.close(output)
    os.close(sandbox)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    try:
        os.write(ending, f"{code if code >= 0 else 128 - code}\n".encode())
    finally:
        os._exit(0)


def join(sandbox: int, process: int) -> None:
    """Enter every namespace that the sandbox's first process does not share with us, all at once.

    Raises ``OSError`` if one of those that isolate is not its own, or if the kernel refuses.
    """
    flags = 0
    for name, flag in NAMESPACES.items():
        if os.readlink(f"/proc/{process}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
            flags |= flag
        elif name in REQUIRED:
            raise OSError(f"the sandbox has no {name} namespace of its own")
    if LIBC.setns(sandbox, flags) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def give_up_capabilities() -> None:
    """No capability now, none to be had by any program that is started later, and no new privileges."""
    number = 0
    while LIBC.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    LIBC.prctl(PR_CAP_AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("<Ii", CAPABILITY_VERSION, 0)
    if LIBC.syscall(CAPSET[os.uname().machine], header, b"\0" * 24) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")


def become(job: dict[str, Any]) -> None:
    """Be the job's Python, as if it had just been started inside."""
    os.setpgid(0, 0)  # so that a signal to its whole group does not reach the process between
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # joining has cleared it; a program that is started has it set
    descriptor = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, descriptor), (1, job["output"]), (2, job["output"])):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(job["env"], PWD=job["cwd"])
    os.chdir(job["cwd"])
    for name, value in job["limits"].items():
        lower(getattr(resource, name), int(value))
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as stream:
        stream.write("1000")
    if job["filter"]:
        install_filter(bytes.fromhex(job["filter"]))
    require_locked(filtered=bool(job["filter"]))
    forget()
    sys.argv[:] = job["argv"]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    leave(run(sys.argv[0]))


def run(path: str) -> int:
    """Run a script as Python does; its exit code."""
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return ending.code or 0
        sys.stderr.write(f"{ending.code}\n")
        return 1
    except BaseException:  # noqa: BLE001  what the interpreter does at its top
        traceback.print_exc()
        return 1
    return 0


def leave(code: int) -> None:
    """End as the interpreter ends, without taking apart all that was imported: that takes a second."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  waits for threads, as Python does
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    os._exit(code & 0xFF)


def lower(limit: int, value: int) -> None:
    """Set a resource limit, never above what there is."""
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def install_filter(program: bytes) -> None:
    """Refuse system calls from now on; ``program`` is an array of ``struct sock_filter``."""
    steps = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    if LIBC.prctl(PR_SET_SECCOMP, FILTER_MODE, head, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def require_locked(*, filtered: bool) -> None:
    """End this process unless the kernel confirms what was given up."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
        status = dict(line.split(":\t", 1) for line in stream.read().splitlines() if ":\t" in line)
    powers = {int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
    if powers != {0} or status["NoNewPrivs"] != "1" or (filtered and status["Seccomp"] != "2"):
        os._exit(97)


def forget() -> None:
    """What packages have noted of the place where they were imported."""
    tempfile.tempdir = None
    importlib.invalidate_caches()
    sys.path_importer_cache.clear()
    matplotlib: Any = sys.modules.get("matplotlib")
    for name in ("get_configdir", "get_cachedir"):
        clear = getattr(getattr(matplotlib, name, None), "cache_clear", None)
        if clear is not None:
            clear()


if __name__ == "__main__":
    main()
