"""A fork server for all tests of this folder; it imports next to nothing, since no job here needs more."""

from collections.abc import Iterator

import pytest

from grader.sandbox.forks import fork_server
from grader.sandbox.policy import environment


@pytest.fixture(scope="session")
def forks() -> Iterator[str]:
    """Its address."""
    with fork_server(environment({}), ("json",)) as address:
        if address is None:
            pytest.skip("no fork server can be had here")
        yield address
