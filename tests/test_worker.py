"""What a thread was given is done in order, and its outcome waits until somebody asks."""

import asyncio
import threading

import pytest

from trunkline.worker import Worker


async def test_an_outcome_is_there_until_it_is_taken() -> None:
    worker = Worker[str]("test")
    assert not worker.busy
    await worker.wait()
    worker.give(lambda: threading.current_thread().name)
    assert worker.busy
    await worker.wait()
    assert worker.is_done()
    assert worker.busy
    assert worker.take() == "test"
    assert not worker.busy
    assert not worker.is_done()
    worker.stop()


async def test_what_a_function_raises_is_raised_where_its_outcome_is_taken() -> None:
    worker = Worker[None]("test")
    worker.give(lambda: [].pop())
    await worker.wait()
    with pytest.raises(IndexError):
        worker.take()
    assert not worker.busy
    worker.stop()


async def test_who_cannot_come_by_is_called_in_the_loop() -> None:
    called = asyncio.Event()
    worker = Worker[int]("test", called.set)
    worker.give(lambda: 1)
    await called.wait()
    assert worker.take() == 1
    worker.stop()


async def test_somebody_may_take_it_while_another_waits() -> None:
    going_on = threading.Event()
    taken: list[int] = []
    worker = Worker[bool]("test", lambda: taken.append(worker.take()))
    worker.give(going_on.wait)
    waiting = asyncio.create_task(worker.wait())
    await asyncio.sleep(0)
    going_on.set()
    await waiting
    while worker.busy:
        await asyncio.sleep(0)
    assert taken == [True]
    worker.stop()


async def test_what_was_given_is_done_before_it_stops() -> None:
    done: list[int] = []
    worker = Worker[None]("stopped")
    worker.give(lambda: done.append(1))
    worker.stop()
    worker.stop()
    assert done == [1]
    assert not [thread for thread in threading.enumerate() if thread.name == "stopped"]
