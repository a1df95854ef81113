"""Builds the filter of system calls for a bubblewrap job: what no namespace separates is refused."""

import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK; the network namespace confines them. No AF_VSOCK.
X32 = 0x4000_0000  # calls of the x32 table have this bit, and would pass a filter by number
ALLOW, ERRNO = 0x7FFF_0000, 0x0005_0000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD, BPF_JMP: JEQ, JGE, JSET, BPF_RET
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
NO_SUCH_CALL = (  # programs fall back on other calls when they are told that these do not exist
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),  # opens sockets past any filter
    "clone3",  # its flags lie in memory, where no filter can look
)
NEW_NAMESPACE = 0x7E02_0000  # CLONE_NEW{USER,PID,NET,NS,IPC,UTS,CGROUP} among the flags of clone


@dataclass(frozen=True)
class Table:
    """Numbers of one architecture, from Linux' ``audit.h`` and ``unistd.h``."""

    architecture: int
    socket: int
    clone: int
    refused: Mapping[str, int]


REFUSED = """
add_key 248 217, request_key 249 218, keyctl 250 219, perf_event_open 298 241, bpf 321 280, userfaultfd 323 282,
ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, kcmp 312 272, mount 165 40, umount2 166 39,
pivot_root 155 41, chroot 161 51, unshare 272 97, setns 308 268, init_module 175 105, delete_module 176 106,
finit_module 313 273, kexec_load 246 104, reboot 169 142, open_by_handle_at 304 265, swapon 167 224, swapoff 168 225,
acct 163 89, quotactl 179 60, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
open_tree 428 428, move_mount 429 429, fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433,
clone3 435 435, mount_setattr 442 442
"""  # name, number on x86_64, number on aarch64


def _refused(column: int) -> Mapping[str, int]:
    return {call.split()[0]: int(call.split()[column]) for call in REFUSED.split(",")}


TABLES = {
    "x86_64": Table(0xC000_003E, socket=41, clone=56, refused=_refused(1)),
    "aarch64": Table(0xC000_00B7, socket=198, clone=220, refused=_refused(2)),
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
    flags = [(LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 0, 1, NEW_NAMESPACE), _refuse(errno.EPERM), (RETURN, 0, 0, ALLOW)]
    steps += [(EQUAL, 0, len(flags), table.clone), *flags]
    steps += [(EQUAL, 1, 0, table.socket), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, FIRST_ARGUMENT)]
    steps += _only(FAMILIES)
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def _only(allowed: Sequence[int]) -> list[tuple[int, int, int, int]]:
    pairs = [step for value in allowed for step in ((EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW))]
    return [*pairs, _refuse(errno.EAFNOSUPPORT)]


def _refuse(number: int) -> tuple[int, int, int, int]:
    return (RETURN, 0, 0, ERRNO | number)
