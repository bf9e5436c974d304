"""Who of several gateways accepts next."""

import os
from collections.abc import Generator

import pytest

from trunkline.relay.loads import Loads, new_loads


@pytest.fixture
def gateways() -> Generator[tuple[Loads, Loads, Loads]]:
    """Three that share a port."""
    descriptor = new_loads()
    yield Loads(descriptor, 0), Loads(descriptor, 1), Loads(descriptor, 127)
    os.close(descriptor)


def test_alone_nobody_has_fewer(gateways: tuple[Loads, Loads, Loads]) -> None:
    first, *_ = gateways
    first.tell(1000)
    assert not first.fewer_elsewhere()


def test_the_one_with_fewest_does_not_wait(gateways: tuple[Loads, Loads, Loads]) -> None:
    first, second, third = gateways
    for gateway, connections in ((first, 3), (second, 2), (third, 2)):
        gateway.tell(connections)
    assert [gateway.fewer_elsewhere() for gateway in gateways] == [True, False, False]


def test_for_one_that_left_nobody_waits(gateways: tuple[Loads, Loads, Loads]) -> None:
    first, second, third = gateways
    first.tell(5)
    second.tell(4)
    third.tell(0)
    third.leave()
    second.leave()
    assert not first.fewer_elsewhere()
