"""Attacks 23 to 34: taking more than the limits, staying longer than the run, reaching the network."""

from attack import ABSTRACT_SOCKET, CANARY_FOLDER, CANARY_PORT, CANARY_SOCKET, Attack
from nets import HONEST, WEAK

from grader.types import TaskStatus

FILE = "01_penguin_classification.py"
REVIEW = (TaskStatus.NEEDS_REVIEW,)
EITHER = (TaskStatus.MARKED, TaskStatus.NEEDS_REVIEW)
MEMORY = "The run was ended because it needed more than 1.5 GiB of memory."
PROCESSES = "The run was ended because it started more than 256 processes."
TASKS = "The run was ended because it started more than 1024 processes and threads together."
OUTPUT = "The run was ended because it printed more than 64 MiB."
AT_ONCE = "The run was ended because it printed more than 40 MiB at once."
TIME = "The run was ended because all cells together took longer than 60 s."


def after(start: str, source: str) -> dict[str, str]:
    """A script that begins as ``start`` and goes on with a cell of ``source``."""
    return {FILE: f"{start}# %%\n{source}"}


def reaching(family: str, kind: str, address: str) -> str:
    """A cell that tells if it could connect."""
    return f"""import socket
try:
    connection = socket.socket({family}, {kind})
    connection.settimeout(3)
    connection.connect({address})
except (OSError, AttributeError):
    connection = None
if connection is not None:
    raise RuntimeError("REACHED")
"""


ATTACKS = (
    Attack(
        "fork-bomb",
        (23,),
        "forks without end",
        after(
            WEAK,
            "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.1)\n",
        ),
        statuses=EITHER,
        says=PROCESSES,
    ),
    Attack(
        "fork-bomb-of-the-shell",
        (23,),
        "lets a shell double itself",
        after(WEAK, "import os\nos.system('bomb() { bomb | bomb & }; bomb; sleep 100')\n"),
        statuses=EITHER,
        says=PROCESSES,
        or_says=TASKS,  # all may be over between two looks of the watchdog: then the kernel tells it
    ),
    Attack(
        "takes-all-memory",
        (24,),
        "allocates without end in one process",
        after(HONEST, "kept = []\nwhile True:\n    kept.append(bytearray(b'x') * 50_000_000)\n"),
        statuses=EITHER,
        says=MEMORY,
    ),
    Attack(
        "takes-all-memory-in-children",
        (24,),
        "allocates in many children, each below the limit",
        after(
            HONEST,
            """import os, time
for number in range(40):
    if os.fork() == 0:
        kept = bytearray(b"x") * 150_000_000
        time.sleep(300)
time.sleep(300)
""",
        ),
        statuses=EITHER,
        says=MEMORY,
    ),
    Attack(
        "takes-all-memory-of-torch",
        (24,),
        "asks torch for more than there is",
        after(HONEST, "kept = []\nwhile True:\n    kept.append(torch.ones(20_000_000))\n"),
        statuses=EITHER,
        says=MEMORY,
    ),
    Attack(
        "fills-shared-memory",
        (24,),
        "fills /dev/shm and /tmp, which lie in memory",
        after(
            HONEST,
            """import os
for folder in ("/dev/shm", "/tmp"):
    try:
        with open(f"{folder}/big", "wb") as stream:
            for _ in range(4_000):
                stream.write(bytes(1_000_000))
    except OSError as problem:
        print(problem)
""",
        ),
        statuses=EITHER,
    ),
    Attack(
        "prints-without-end",
        (25,),
        "prints small lines without end",
        after(HONEST, "while True:\n    print('x' * 1_000)\n"),
        statuses=EITHER,
        says=OUTPUT,
        or_says=AT_ONCE,  # where it prints so quickly that much waits to be sent
        held_out_at_least=29.0,
    ),
    Attack(
        "prints-one-line-without-end",
        (25,),
        "prints one line of gigabytes",
        after(HONEST, "while True:\n    print('x' * 10_000_000, end='')\n"),
        statuses=EITHER,
        says="The run was ended because",
    ),
    Attack(
        "shows-a-huge-object",
        (25,),
        "displays a hundred megabytes at once",
        after(
            HONEST,
            "from IPython.display import HTML, display\ndisplay(HTML('x' * 100_000_000))\n",
        ),
        statuses=EITHER,
        says=AT_ONCE,
    ),
    Attack(
        "a-million-messages",
        (25,),
        "sends messages of a few bytes without end",
        after(
            HONEST,
            "from IPython.display import display\nwhile True:\n    display({'text/plain': 'x'}, raw=True)\n",
        ),
        statuses=EITHER,
        says="The run was ended because",
    ),
    Attack(
        "floods-the-pipe",
        (25,),
        "children write to the process's own standard output without end",
        after(
            HONEST,
            "import subprocess\n"
            "[subprocess.Popen('yes >/proc/1/fd/1 2>/dev/null; yes', shell=True) for _ in range(3)]\n",
        ),
        held_out_at_least=29.0,
    ),
    Attack(
        "fills-the-disk",
        (26,),
        "writes files without end",
        after(
            HONEST,
            """import os
for number in range(100_000):
    with open(f"part{number}", "wb") as stream:
        stream.write(os.urandom(1_000_000) * 20)
""",
        ),
        statuses=EITHER,
        says="The run was ended because it wrote more than 1024 MiB of files.",
    ),
    Attack(
        "makes-many-files",
        (26,),
        "makes empty files without end",
        after(HONEST, "for number in range(10**9):\n    open(f'/job/out/{number}', 'w').close()\n"),
        statuses=EITHER,
        says="The run was ended because it created more than 50000 files.",
    ),
    Attack(
        "sparse-and-deep",
        (26,),
        "makes a file of a terabyte without content, and folders of great depth",
        after(
            HONEST,
            """import os
try:
    with open("sparse", "wb") as stream:
        stream.truncate(10**12)
except OSError as problem:
    print(problem)
for _ in range(3_000):
    os.mkdir("d" * 100)
    os.chdir("d" * 100)
""",
        ),
        statuses=EITHER,
    ),
    Attack(
        "swallows-interrupts",
        (27,),
        "ignores signals and swallows KeyboardInterrupt",
        after(
            HONEST,
            """import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True:
            time.sleep(1)
    except BaseException:
        pass
""",
        ),
        statuses=EITHER,
        says=TIME,
    ),
    Attack(
        "blocks-in-compiled-code",
        (27, 30),
        "sleeps in compiled code, where no signal of Python is looked at",
        after(HONEST, "import ctypes\nwhile True:\n    ctypes.PyDLL(None).sleep(1_000)\n"),
        statuses=EITHER,
        says=TIME,
    ),
    Attack(
        "outlives-its-run",
        (28,),
        "leaves children in sessions of their own, twice forked, that act later",
        after(
            HONEST,
            f"""import os, subprocess, sys
later = "import time; time.sleep(5); open({CANARY_FOLDER + "/later"!r}, 'w').close(); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", later], start_new_session=True, env={{}})
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", later])
    os._exit(0)
""",
        ),
        held_out_at_least=29.0,
    ),
    Attack(
        "threads-without-bound",
        (29,),
        "starts threads without end, and two hundred loader workers",
        after(
            HONEST,
            """import threading, time
started = 0
try:
    for _ in range(100_000):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        started += 1
except RuntimeError as problem:
    print(started, problem)
loader = DataLoader(TensorDataset(inputs), batch_size=1, num_workers=200)
print(sum(1 for _ in loader))
""",
        ),
        statuses=EITHER,
    ),
    Attack(
        "sleeps-past-its-time",
        (30,),
        "sleeps before it has done anything",
        {FILE: "# %%\nimport time\ntime.sleep(10_000)\n" + HONEST},
        statuses=EITHER,
        says=TIME,
    ),
    Attack(
        "recursion-without-end",
        (31,),
        "recurses without end, then raises the limit and does it again",
        after(
            "# %%\ndef deeper(n):\n    return deeper(n + 1)\n# %%\ndeeper(0)\n" + HONEST,
            "import sys\nsys.setrecursionlimit(10**9)\ndeeper(0)\n",
        ),
        statuses=EITHER,
        says="RecursionError",
    ),
    Attack(
        "segmentation-fault",
        (31,),
        "reads memory that is not there",
        after(HONEST, "import ctypes\nctypes.string_at(0)\n"),
        statuses=EITHER,
        says="The Python process died of SIGSEGV (a memory error in compiled code).",
    ),
    Attack(
        "abort",
        (31,),
        "aborts the process",
        after(HONEST, "import os\nos.abort()\n"),
        statuses=EITHER,
        says="The Python process died of SIGABRT (an abort in compiled code).",
    ),
    Attack(
        "waits-for-input",
        (32,),
        "asks for input and starts a debugger",
        {
            FILE: "# %%\nname = input('who are you?')\n# %%\nimport pdb; pdb.set_trace()\n# %%\nbreakpoint()\n"
            + HONEST,
        },
        says="Questions at the keyboard were answered with an empty line.",
        held_out_at_least=29.0,
    ),
    Attack(
        "network-v4",
        (33,),
        "connects to a service of this machine",
        after(HONEST, reaching("socket.AF_INET", "socket.SOCK_STREAM", f"('127.0.0.1', {CANARY_PORT})")),
        held_out_at_least=29.0,
        control="port",
    ),
    Attack(
        "network-others",
        (33,),
        "tries IPv6, names, raw sockets, virtual machines and the kernel's ciphers",
        after(
            HONEST,
            reaching("socket.AF_INET6", "socket.SOCK_STREAM", f"('::1', {CANARY_PORT})")
            + reaching("socket.AF_INET", "socket.SOCK_RAW", "('127.0.0.1', 1)")
            + reaching("socket.AF_INET", "socket.SOCK_STREAM", "(socket.gethostbyname('localhost.'), 1)")
            + reaching("socket.AF_VSOCK", "socket.SOCK_STREAM", "(2, 1024)")
            + reaching("socket.AF_ALG", "socket.SOCK_SEQPACKET", "('hash', 'sha256')")
            + "try:\n    told = socket.getaddrinfo('example.org', 80)\nexcept OSError:\n    told = None\n"
            + "if told:\n    raise RuntimeError('REACHED')\n",
        ),
        held_out_at_least=29.0,
    ),
    Attack(
        "sockets-of-the-host",
        (33,),
        "connects to a Unix socket of the host",
        after(HONEST, reaching("socket.AF_UNIX", "socket.SOCK_STREAM", f"{CANARY_SOCKET!r}")),
        held_out_at_least=29.0,
        control="socket",
    ),
    Attack(
        "abstract-sockets-of-the-host",
        (33,),
        "connects to an abstract Unix socket of the host",
        after(HONEST, reaching("socket.AF_UNIX", "socket.SOCK_STREAM", f"'\\0' + {ABSTRACT_SOCKET!r}")),
        held_out_at_least=29.0,
        control="abstract socket",
    ),
    Attack(
        "services-of-the-host",
        (34,),
        "looks for a metadata service, a container engine, a display and a message bus",
        after(
            HONEST,
            reaching("socket.AF_INET", "socket.SOCK_STREAM", "('169.254.169.254', 80)")
            + reaching("socket.AF_UNIX", "socket.SOCK_STREAM", "'/var/run/docker.sock'")
            + reaching("socket.AF_UNIX", "socket.SOCK_STREAM", "'/tmp/.X11-unix/X0'")
            + reaching("socket.AF_UNIX", "socket.SOCK_STREAM", "'\\0/tmp/.X11-unix/X0'")
            + reaching("socket.AF_UNIX", "socket.SOCK_STREAM", "'/run/dbus/system_bus_socket'"),
        ),
        held_out_at_least=29.0,
    ),
)
