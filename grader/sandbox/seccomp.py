"""Builds the filter of system calls for a bubblewrap job: what no namespace separates is refused."""

import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK; the network namespace confines them. No AF_VSOCK.
X32 = 0x4000_0000  # calls of the x32 table have this bit, and would pass a filter by number
ALLOW, ERRNO = 0x7FFF_0000, 0x0005_0000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_RET|K
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
NO_SUCH_CALL = ("io_uring_setup", "io_uring_enter", "io_uring_register")  # opens sockets past any filter


@dataclass(frozen=True)
class Table:
    """Numbers of one architecture, from Linux' ``audit.h`` and ``unistd.h``."""

    architecture: int
    socket: int
    refused: Mapping[str, int]


IO_URING = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}
TABLES = {
    "x86_64": Table(
        0xC000_003E,
        41,
        {"add_key": 248, "request_key": 249, "keyctl": 250, "perf_event_open": 298, "bpf": 321, "userfaultfd": 323}
        | IO_URING,
    ),
    "aarch64": Table(
        0xC000_00B7,
        198,
        {"add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241, "bpf": 280, "userfaultfd": 282}
        | IO_URING,
    ),
}


def program(machine: str | None = None) -> bytes | None:
    """The filter as bubblewrap's ``--seccomp`` reads it (an array of ``struct sock_filter``).

    None for a processor that has no table here; the namespaces hold all the same.
    """
    table = TABLES.get(machine or platform.machine())
    if table is None:
        return None
    steps: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, table.architecture),
        _refuse(errno.ENOSYS),  # another table of calls, e.g. that of 32-bit programs
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        _refuse(errno.ENOSYS),
    ]
    for name, number in table.refused.items():
        steps += [(EQUAL, 0, 1, number), _refuse(errno.ENOSYS if name in NO_SUCH_CALL else errno.EPERM)]
    steps += [(EQUAL, 1, 0, table.socket), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, FIRST_ARGUMENT)]
    steps += _only(FAMILIES)
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def _only(allowed: Sequence[int]) -> list[tuple[int, int, int, int]]:
    pairs = [step for value in allowed for step in ((EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW))]
    return [*pairs, _refuse(errno.EAFNOSUPPORT)]


def _refuse(number: int) -> tuple[int, int, int, int]:
    return (RETURN, 0, 0, ERRNO | number)
