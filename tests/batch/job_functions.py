"""Functions that worker processes can import."""

import os
import time


def double(number: int) -> int:
    return 2 * number


def fail_on_two(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def die_on_two(number: int) -> int:
    if number == 2:
        os._exit(9)
    time.sleep(0.05)
    return number


def interrupt_on_two(number: int) -> int:
    if number == 2:
        raise KeyboardInterrupt
    return number


def threads_of(_: int) -> list[int]:
    """How many threads the libraries that multiply for numpy take."""
    import numpy  # noqa: F401
    import threadpoolctl

    return sorted({found["num_threads"] for found in threadpoolctl.threadpool_info()})
