"""I/O. `/v1/live`: the calls that run, once or as they change."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field

from trunkline.clock import monotonic_ns
from trunkline.live.board import Board, Crowded, NobodyLooks, Watch
from trunkline.live.running import Doing, Levels, News, Running
from trunkline.web.api import models
from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.api.money import Usd
from trunkline.web.api.shape import shaped
from trunkline.web.auth import Deps, Reader, require_manager
from trunkline.web.hanging_up import hang_up
from trunkline.web.refusals import TooBusy
from trunkline.web.stream import CHECK_S, Standing, Stream, standing_of

router = APIRouter(tags=["Live"])

WhoManages = Annotated[Reader, Depends(require_manager)]

HEARTBEAT_NS = 15 * 10**9
"""Of silence: proxies close what is silent for longer, mostly after a minute."""
FEED_NS = 600 * 10**9
"""For one answer: a gateway that was replaced waits for those that go through it."""
RETRY_MS: Final = 2000
"""For a browser to come back."""


class LastLine(BaseModel):
    """The last line of a transcript, which may still grow; its end, where it is long."""

    who: str = Field(description="caller or assistant.")
    text: str


class SessionName(BaseModel):
    """The session that a call belongs to."""

    id: str
    name: str


class RunningCall(BaseModel):
    """A call that runs, but for how loud it is."""

    id: str = Field(pattern=models.CALL_ID)
    opened_at: datetime
    state: Doing = Field(
        description="connecting; listening to the caller; thinking: the input is complete;"
        " speaking: the caller hears the assistant; tool: a tool has to answer."
    )
    kind: str = Field(description="realtime, transcription, translation or live.")
    transport: str = Field(description="websocket; webrtc or sip: its sound goes past the gateway.")
    model: str = Field(description="Used, else asked for.")
    provider: str
    user_id: str
    session: SessionName | None
    key: models.Key | None
    last_line: LastLine | None
    turns: int
    barge_ins: int
    errors: int
    cost_usd: Usd | None = Field(description="So far, of what could be priced.")
    unpriced: list[str] = Field(description="Models in use that have no price.")
    version: int = Field(description="With another one, all answers about the call are new.")


class LiveCall(RunningCall):
    """A call that runs."""

    caller_dbfs: int | None = Field(
        description="Root mean square of the last second, 0 is full scale and -96 silence. null:"
        " nobody has listened for long enough."
    )
    assistant_dbfs: int | None = Field(description="The same of what the caller hears.")


class LiveCalls(BaseModel):
    """The calls that run, the latest first."""

    data: list[LiveCall]


class LiveNews(BaseModel):
    """An event of the feed. `calls`: all that run. `changes`: those that are new or changed."""

    calls: list[RunningCall]
    levels: dict[str, Levels] = Field(
        description="Caller's and assistant's dBFS by call id, where they changed."
    )
    ended: list[str] = Field(description="Calls that do not run any more.")


@router.get("/v1/live", responses={503: {"model": models.ErrorAnswer}})
async def get_live(reader: WhoReads, deps: Deps) -> LiveCalls:
    """The calls that run now. Who asks again within 15 seconds gets levels too."""
    return LiveCalls(
        data=[
            live_call(running, levels)
            for running, levels in await present(deps.board, reader.org_id)
        ]
    )


@router.get(
    "/v1/live/events",
    response_class=Response,
    responses={
        200: {"model": LiveNews, "content": {"text/event-stream": {}}},
        503: {"model": models.ErrorAnswer},
    },
)
async def get_events(
    request: Request,
    reader: WhoReads,
    deps: Deps,
    standing: Annotated[Standing, Depends(standing_of)],
    call: Annotated[str, Query(description="Only of this one.")] = "",
    last_event_id: Annotated[str, Header(description="Sent by whoever comes back.")] = "",
) -> Response:
    """Server-sent events: `calls`, all that run; then `changes`, as they happen.

    Who comes back with `Last-Event-ID` is told what changed meanwhile, if that is still known.
    It ends when the key or the login does.
    """
    stack = contextlib.ExitStack()
    try:
        watch = stack.enter_context(deps.board.watching(reader.org_id, last_event_id))
    except Crowded as exc:
        raise TooBusy(str(exc), headers={"Retry-After": "10"}) from exc
    pieces = _told(deps.board, watch, call, lambda: standing.holds(request, reader))
    return Stream(pieces, "text/event-stream", stack.close)


@router.post(
    "/v1/calls/{call_id}/hangup",
    status_code=204,
    responses={409: {"model": models.ErrorAnswer, "description": "The call is over."}},
)
async def hang_up_call(manager: WhoManages, deps: Deps, call_id: CallId) -> None:
    """End a call that runs: the caller is told why, and its connection is closed with 1008.

    It is over within a second. Who did it is in the audit log.
    """
    await hang_up(deps, await find_call(deps, manager, call_id), by=manager.key_id)


async def present(board: Board, org_id: str) -> list[tuple[Running, Levels]]:
    """Return an organisation's calls that run, the latest first.

    Raises:
        TooBusy: that is not known now.
    """
    try:
        return await board.present(org_id)
    except NobodyLooks as exc:
        raise TooBusy(str(exc), headers={"Retry-After": "5"}) from exc


async def _told(
    board: Board, watch: Watch, call_id: str, may_go_on: Callable[[], Coroutine[Any, Any, bool]]
) -> AsyncGenerator[bytes]:
    """Yield the events, and now and then a line that says that we are still there."""
    yield b"retry: %d\n\n" % RETRY_MS
    began_ns = said_ns = checked_ns = now_ns = monotonic_ns()
    while not watch.closed and now_ns - began_ns <= FEED_NS:
        news = await watch.news(CHECK_S)
        now_ns = monotonic_ns()
        if now_ns - checked_ns >= CHECK_S * 1e9:
            if not await may_go_on():
                return
            checked_ns = now_ns
        if news is not None and (text := _event(board, news, call_id)):
            said_ns = now_ns
            yield text
        elif now_ns - said_ns >= HEARTBEAT_NS:
            said_ns = now_ns
            yield b": still here\n\n"


def _event(board: Board, news: News, call_id: str) -> bytes:
    if call_id:
        about = news.about(call_id)
        return b"" if about.empty else _written(board, about)
    if not news.text:
        news.text = _written(board, news)
    return news.text


def _written(board: Board, news: News) -> bytes:
    body = LiveNews(
        calls=[running_call(running) for running in news.calls],
        levels=news.levels,
        ended=list(news.ended),
    ).model_dump_json()
    name = "calls" if news.whole else "changes"
    return f"event: {name}\nid: {board.id_of(news)}\ndata: {body}\n\n".encode()


def running_call(running: Running) -> RunningCall:
    """Return a call that runs as the feed shows it."""
    return shaped(RunningCall, running, **_parts(running))


def live_call(running: Running, levels: Levels) -> LiveCall:
    """Return a call that runs, with how loud it is."""
    caller, assistant = levels
    return shaped(
        LiveCall, running, caller_dbfs=caller, assistant_dbfs=assistant, **_parts(running)
    )


def _parts(running: Running) -> dict[str, Any]:
    line, session_id = running.last_line, running.session_id
    return {
        "id": running.call_id,
        "state": running.doing,
        "session": {"id": session_id, "name": running.session_name} if session_id else None,
        "key": {"id": running.key_id, "name": running.key_name} if running.key_id else None,
        "last_line": {"who": line.who, "text": line.text} if line else None,
        "version": running.stored,
    }
