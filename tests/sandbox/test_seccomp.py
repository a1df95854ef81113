"""The filter of system calls, run step by step by a small interpreter of its own."""

import errno
import struct

import pytest

from grader.sandbox.seccomp import TABLES, program

ALLOWED = 0x7FFF_0000


def verdict(content: bytes, *, number: int, architecture: int, first: int = 0) -> int:
    """What the kernel would answer: ``ALLOWED`` or the error number."""
    steps = list(struct.iter_unpack("<HBBI", content))
    data = struct.pack("<IIQ6Q", number, architecture, 0, first, 0, 0, 0, 0, 0)
    at = loaded = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x06:
            return value if value == ALLOWED else value & 0xFFFF
        if code == 0x20:
            loaded = struct.unpack_from("<I", data, value)[0]
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: loaded & value != 0}[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize("machine", sorted(TABLES))
def test_only_confined_kinds_of_sockets_can_be_made(machine: str) -> None:
    """Unix, IPv4, IPv6 and netlink belong to the network namespace; AF_VSOCK, AF_ALG, AF_PACKET do not pass."""
    table, content = TABLES[machine], program(machine)
    assert content is not None
    answers = {
        family: verdict(content, number=table.socket, architecture=table.architecture, first=family)
        for family in (1, 2, 10, 16, 17, 38, 40)
    }
    assert {family for family, answer in answers.items() if answer == ALLOWED} == {1, 2, 10, 16}
    assert answers[40] == errno.EAFNOSUPPORT


@pytest.mark.parametrize("machine", sorted(TABLES))
def test_refused_calls_and_other_tables_fail_and_the_rest_pass(machine: str) -> None:
    """Reading passes; keyrings and io_uring fail; so do x32 numbers and programs of another architecture."""
    table, content = TABLES[machine], program(machine)
    assert content is not None
    for name, number in table.refused.items():
        wanted = errno.ENOSYS if name.startswith(("io_uring", "clone3")) else errno.EPERM
        assert verdict(content, number=number, architecture=table.architecture) == wanted
    assert verdict(content, number=0, architecture=table.architecture) == ALLOWED
    assert verdict(content, number=0x4000_0000 + table.socket, architecture=table.architecture) == errno.ENOSYS
    assert verdict(content, number=0, architecture=0x4000_0003) == errno.ENOSYS


@pytest.mark.parametrize("machine", sorted(TABLES))
def test_a_process_may_be_cloned_but_no_namespace_made(machine: str) -> None:
    """Threads and forks pass by their flags; any flag of a new namespace is refused."""
    table, content = TABLES[machine], program(machine)
    assert content is not None
    thread, fork, user_namespace, network = 0x3D_0F00, 0x120_0011, 0x1000_0000, 0x4000_0000

    def answer(flags: int) -> int:
        return verdict(content, number=table.clone, architecture=table.architecture, first=flags)

    assert (answer(thread), answer(fork)) == (ALLOWED, ALLOWED)
    assert (answer(user_namespace | 17), answer(network | 17)) == (errno.EPERM, errno.EPERM)


def test_a_processor_without_a_table_has_no_filter() -> None:
    """The namespaces hold all the same."""
    assert program("riscv64") is None
