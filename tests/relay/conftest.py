"""The relay's tests run on the event loop that the gateway runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
from tests.relay.world import new_loop, short_way


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"pump": new_loop}


@pytest.fixture(params=["short", "long"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the test's frames go the short way, which was compiled, and then all the long way."""
    before = short_way.set(request.param == "short")
    yield
    short_way.reset(before)
