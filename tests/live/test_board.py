"""Who watches is told everything, once, and nothing is kept for who is slow."""

import asyncio
from typing import Any

import pytest
from msgspec import structs
from tests.support.live import Stage, a_running_call

from trunkline.live import board as boards
from trunkline.live.board import Board, Crowded, NobodyLooks, Watch
from trunkline.live.running import News

ORG, OTHER = "org_1", "org_2"


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def stage() -> Stage:
    return Stage(Board(Clock()))


async def told(watch: Watch) -> News:
    news = await watch.news(within_s=10)
    assert news is not None
    return news


def names(news: News) -> tuple[str, ...]:
    return tuple(call.call_id for call in news.calls)


async def test_who_comes_is_told_all_that_runs_and_then_what_changes(stage: Stage) -> None:
    first = stage.run_call(a_running_call(ORG, 1))
    second = stage.run_call(a_running_call(ORG, 2))
    with stage.board.watching(ORG) as watch:
        stage.look()
        news = await told(watch)
        assert (news.whole, sorted(names(news))) == (True, [first.call_id, second.call_id])
        assert news.levels[first.call_id] == (-20, -96)

        stage.run_call(structs.replace(second, doing="speaking"))
        stage.look()
        news = await told(watch)
        assert (news.whole, names(news), news.levels) == (False, (second.call_id,), {})
        assert news.calls[0].doing == "speaking"


async def test_loudness_alone_says_nothing_else_again(stage: Stage) -> None:
    call = stage.run_call(a_running_call(ORG))
    with stage.board.watching(ORG) as watch:
        stage.look()
        await told(watch)
        stage.run_call(call, (-12, -30))
        stage.look()
        news = await told(watch)
        assert (news.calls, news.levels) == ((), {call.call_id: (-12, -30)})


async def test_a_call_that_ends_is_told_once(stage: Stage) -> None:
    call = stage.run_call(a_running_call(ORG))
    with stage.board.watching(ORG) as watch:
        stage.look()
        await told(watch)
        stage.end_call(call)
        stage.look()
        assert (await told(watch)).ended == (call.call_id,)
        stage.look()
        assert await watch.news(within_s=0) is None


async def test_who_is_slow_is_told_the_last_of_it(stage: Stage) -> None:
    call = stage.run_call(a_running_call(ORG))
    with stage.board.watching(ORG) as watch:
        stage.look()
        await told(watch)
        for turns in range(1, 500):
            stage.run_call(structs.replace(call, turns=turns))
            stage.look()
        news = await told(watch)
        assert [shown.turns for shown in news.calls] == [499]
        assert await watch.news(within_s=0) is None


async def test_who_waits_is_woken(stage: Stage) -> None:
    with stage.board.watching(ORG) as watch:
        stage.look()
        assert (await told(watch)).calls == ()
        waiting = asyncio.create_task(watch.news(within_s=30))
        await asyncio.sleep(0)
        call = stage.run_call(a_running_call(ORG))
        stage.look()
        news = await waiting
        assert news is not None
        assert names(news) == (call.call_id,)


async def test_all_who_are_told_the_same_share_it(stage: Stage) -> None:
    stage.run_call(a_running_call(ORG))
    with stage.board.watching(ORG) as one, stage.board.watching(ORG) as two:
        stage.look()
        assert await told(one) is await told(two)


async def test_who_comes_back_is_told_what_changed_meanwhile(stage: Stage) -> None:
    stays, ends = stage.run_call(a_running_call(ORG, 1)), stage.run_call(a_running_call(ORG, 2))
    with stage.board.watching(ORG) as watch:
        stage.look()
        known = stage.board.id_of(await told(watch))
    stage.end_call(ends)
    new = stage.run_call(a_running_call(ORG, 3))
    stage.look()
    with stage.board.watching(ORG, known) as watch:
        news = await told(watch)
    assert (news.whole, names(news), news.ended) == (False, (new.call_id,), (ends.call_id,))
    assert stays.call_id not in names(news)


@pytest.mark.parametrize("known", ["", "other-1", "{epoch}-999999", "{epoch}-x", "{epoch}-²", "-"])
async def test_who_knows_nothing_of_use_is_told_all(stage: Stage, known: str) -> None:
    call = stage.run_call(a_running_call(ORG))
    with stage.board.watching(ORG, known.format(epoch=stage.board.epoch)) as watch:
        stage.look()
        news = await told(watch)
    assert (news.whole, names(news)) == (True, (call.call_id,))


async def test_who_comes_back_too_late_is_told_all(stage: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr(boards, "MAX_ENDED", 2)
    with stage.board.watching(ORG) as watch:
        stage.look()
        known = stage.board.id_of(await told(watch))
        for number in range(4):
            call = stage.run_call(a_running_call(ORG, number))
            stage.look()
            stage.end_call(call)
            stage.look()
    with stage.board.watching(ORG, known) as watch:
        assert (await told(watch)).whole


async def test_nobody_is_looked_at_for_nobody(stage: Stage) -> None:
    clock = stage.board._clock
    assert isinstance(clock, Clock)
    assert stage.board.watched == frozenset()
    with stage.board.watching(ORG):
        assert stage.board.watched == {ORG}
        clock.now_ns += 100 * boards.LINGER_NS
        assert stage.board.watched == {ORG}
    assert stage.board.watched == {ORG}, "who asks every few seconds finds somebody listening"
    clock.now_ns += boards.LINGER_NS + 1
    assert stage.board.watched == frozenset()


async def test_a_break_after_which_nobody_looked_is_no_gap(stage: Stage) -> None:
    clock = stage.board._clock
    assert isinstance(clock, Clock)
    gone = stage.run_call(a_running_call(ORG, 1))
    with stage.board.watching(ORG) as watch:
        stage.look()
        known = stage.board.id_of(await told(watch))
    clock.now_ns += boards.LINGER_NS + 1
    assert stage.board.watched == frozenset()
    stage.end_call(gone)
    with stage.board.watching(ORG, known) as watch:
        stage.look()
        assert (await told(watch)).whole


async def test_organisations_are_apart(stage: Stage) -> None:
    mine, theirs = stage.run_call(a_running_call(ORG, 1)), stage.run_call(a_running_call(OTHER, 2))
    with stage.board.watching(ORG) as watch, stage.board.watching(OTHER):
        stage.look()
        assert names(await told(watch)) == (mine.call_id,)
        stage.run_call(structs.replace(theirs, turns=9))
        stage.look()
        assert await watch.news(within_s=0) is None


async def test_there_is_an_end_to_watchers(stage: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr(boards, "MAX_WATCHERS_OF_ONE", 2)
    monkeypatch.setattr(boards, "MAX_WATCHERS", 3)
    board = stage.board
    with board.watching(ORG), board.watching(ORG):
        with pytest.raises(Crowded), board.watching(ORG):
            pass
        with board.watching(OTHER), pytest.raises(Crowded), board.watching(OTHER):
            pass
    with board.watching(ORG):
        assert (board.watchers, board.refused) == (1, 2)


async def test_all_watchers_end_with_the_process(stage: Stage) -> None:
    with stage.board.watching(ORG) as watch:
        stage.look()
        await told(watch)
        waiting = asyncio.create_task(watch.news(within_s=30))
        await asyncio.sleep(0)
        stage.board.close()
        assert await waiting is None
        assert watch.closed


async def test_what_runs_now_is_told_once_it_is_known(stage: Stage, monkeypatch: Any) -> None:
    older, newer = stage.run_call(a_running_call(ORG, 1)), stage.run_call(a_running_call(ORG, 2))
    asking = asyncio.create_task(stage.board.present(ORG))
    await asyncio.sleep(0)
    stage.look()
    assert [running for running, _ in await asking] == [newer, older]
    monkeypatch.setattr(boards, "FIRST_LOOK_S", 0)
    with pytest.raises(NobodyLooks):
        await stage.board.present(OTHER)
