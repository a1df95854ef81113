"""How many jobs run at once: by processors, memory, and the share of a device."""

import pytest

from grader.batch.workers import NEED, Machine, choose_workers, this_machine
from grader.limits import GIB
from grader.types import Device

PLENTY = 64 * GIB


def test_one_job_for_each_processor() -> None:
    """Where nothing else limits them, and nothing has to be explained."""
    choice = choose_workers(Machine(4, PLENTY))
    assert (choice.workers, choice.reason) == (4, "")


@pytest.mark.parametrize(("free", "workers"), [(0, 1), (GIB, 1), (3 * GIB, 2), (PLENTY, 8)])
def test_no_more_than_fit_into_memory(free: int, workers: int) -> None:
    """One at least, and the sentence says that memory decides."""
    choice = choose_workers(Machine(8, free))
    assert choice.workers == workers
    assert ("Memory limits" in choice.reason) == (workers < 8)


def test_who_asks_for_a_number_gets_it() -> None:
    """Whatever the processors and the memory."""
    assert choose_workers(Machine(2, 0), asked=6).workers == 6


@pytest.mark.parametrize(("declared", "asked", "workers"), [(2, None, 2), (1, 5, 1), (9, None, 4)])
def test_a_gpu_is_shared_by_a_declared_number(declared: int, asked: int | None, workers: int) -> None:
    """Also by those who ask for more; a processor that is free does not make the device larger."""
    choice = choose_workers(Machine(4, PLENTY, Device.CUDA), asked=asked, device_jobs=declared)
    assert choice.workers == workers
    assert ("--device-jobs" in choice.reason) == (workers == declared)


def test_this_machine_has_something() -> None:
    """Figures that a decision can be made by."""
    machine = this_machine(Device.CPU)
    assert machine.processors >= 1
    assert machine.memory > 0
    assert set(NEED) == {Device.CPU, Device.MPS, Device.CUDA}
