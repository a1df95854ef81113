"""How a kernel's C library keeps memory that was freed, for the next batch of a training."""

import os

from grader.limits import MIB

KEPT_BLOCK = 256 * MIB  # blocks up to this size are kept when they are freed, larger ones go back to the system
OLD_KEPT_BLOCK = 32 * MIB  # glibc before 2.35 takes no larger number, and says nothing
LIFTED = (2, 35)
KEPT = 1024 * MIB  # of free memory at the end of the heap


def variables() -> dict[str, str]:
    """Variables for the process of a kernel, see mallopt(3); libraries other than glibc take no notice of them.

    Having freed memory cleared anew takes up to half the time of a small net on images. It comes in large pages where
    the system has them on request and the kernel is started warm (a cold one cannot ask).
    """
    block = KEPT_BLOCK if glibc_version() >= LIFTED else OLD_KEPT_BLOCK
    return {
        "MALLOC_MMAP_THRESHOLD_": str(block),
        "MALLOC_TRIM_THRESHOLD_": str(KEPT),
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }


def glibc_version() -> tuple[int, ...]:
    """Of the C library that this Python runs with, (0,) if it is another."""
    try:
        name, _, number = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return tuple(int(part) for part in number.split(".")[:2]) if name == "glibc" else (0,)
    except (AttributeError, ValueError, OSError):  # no such function, no such name, another form of number
        return (0,)
