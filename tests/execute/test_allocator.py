"""Freed memory stays with the kernel."""

import os
import subprocess
import sys

import pytest

from grader.execute import allocator

FAULTS_OF_A_BLOCK = """
import ctypes, resource
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = library.malloc(100 * 2**20)
    ctypes.memset(block, 1, 100 * 2**20)
    library.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(allocator.glibc_version() < allocator.LIFTED, reason="glibc before 2.35, or another library")
def test_a_block_of_a_large_batch_is_not_cleared_anew() -> None:
    """100 MiB are 25,600 pages, or 50 large ones."""
    faults = [_faults(variables) for variables in ({}, allocator.variables())]
    assert faults[0] > 20
    assert faults[1] < faults[0] / 5


def _faults(variables: dict[str, str]) -> int:
    command = [sys.executable, "-c", FAULTS_OF_A_BLOCK]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"], **variables}, capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize(
    ("said", "block"),
    [
        ("glibc 2.36", allocator.KEPT_BLOCK),
        ("glibc 2.35", allocator.KEPT_BLOCK),
        ("glibc 2.34", allocator.OLD_KEPT_BLOCK),
        ("glibc 2.4", allocator.OLD_KEPT_BLOCK),
        ("glibc 2.x", allocator.OLD_KEPT_BLOCK),
        ("musl 1.2", allocator.OLD_KEPT_BLOCK),
        ("", allocator.OLD_KEPT_BLOCK),
        (None, allocator.OLD_KEPT_BLOCK),
    ],
)
def test_an_old_library_is_asked_for_no_more_than_it_takes(
    monkeypatch: pytest.MonkeyPatch, said: str | None, block: int
) -> None:
    """It would ignore the number, and then give back nearly everything."""
    monkeypatch.setattr(os, "confstr", lambda _: said, raising=False)
    assert allocator.variables()["MALLOC_MMAP_THRESHOLD_"] == str(block)


def test_a_library_that_tells_no_version_counts_as_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems without such a function or name."""

    def unknown(_: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", unknown, raising=False)
    assert allocator.glibc_version() == (0,)
    monkeypatch.delattr(os, "confstr")
    assert allocator.glibc_version() == (0,)
