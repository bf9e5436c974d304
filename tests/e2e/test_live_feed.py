"""A real call through a whole Trunkline, followed while it runs."""

import asyncio
from typing import Any

import httpx2
from tests.support.calling import LISTENING, calling
from tests.support.feed import WAIT_S, Feed, following
from tests.support.running import Running


class Followed:
    """What a feed has told of one call."""

    def __init__(self, feed: Feed, call_id: str) -> None:
        self._feed, self._call_id = feed, call_id
        self.states: list[str] = []
        self.lines: list[dict[str, str]] = []
        self.loudest = {"caller": -96, "assistant": -96}
        self.call: dict[str, Any] = {}
        self.ended = False

    async def until(self, what: Any) -> None:
        """Read on until `what` is so."""
        while not what(self):
            self._take(await self._feed.next())

    def _take(self, news: dict[str, Any]) -> None:
        for call in news["calls"]:
            if call["id"] == self._call_id:
                self.call = call
                if self.states[-1:] != [call["state"]]:
                    self.states.append(call["state"])
                if call["last_line"] and self.lines[-1:] != [call["last_line"]]:
                    self.lines.append(call["last_line"])
        for side, level in zip(self.loudest, news["levels"].get(self._call_id, ()), strict=False):
            if level is not None:
                self.loudest[side] = max(self.loudest[side], level)
        self.ended = self.ended or self._call_id in news["ended"]


async def test_a_call_is_followed_from_its_beginning_to_its_end(plain: Running) -> None:
    headers = {"Authorization": f"Bearer {plain.key}"}
    async with (
        httpx2.AsyncClient(base_url=plain.url, timeout=WAIT_S) as client,
        following(client, headers) as feed,
    ):
        assert (await feed.next())["event"] == "calls"
        async with calling(plain, **{"Helicone-User-Id": "user_followed"}) as caller:
            followed = Followed(feed, caller.call_id)
            await followed.until(lambda told: told.call)
            assert followed.call["user_id"] == "user_followed"
            await caller.configure(LISTENING)
            talking = asyncio.create_task(talk(caller))
            await followed.until(lambda told: told.states[-2:] == ["speaking", "listening"])
            await talking
            await followed.until(lambda told: told.call["version"] > 0 and told.call["turns"] == 1)

            listed = (await client.get("/v1/live", headers=headers)).json()["data"]
            (mine,) = [call for call in listed if call["id"] == caller.call_id]
            assert mine["caller_dbfs"] is not None
            same = followed.call.keys() - {"version"}
            assert {name: mine[name] for name in same} == {n: followed.call[n] for n in same}
        await followed.until(lambda told: told.ended)

    # The feed tells what is now: a state that was over before it looked was never there.
    passed = iter(["connecting", "listening", "thinking", "speaking", "listening"])
    assert all(state in passed for state in followed.states)
    assert followed.states[-2:] == ["speaking", "listening"]
    # The caller's words are transcribed when the answer has begun: the answer's are the last ones.
    assert followed.lines[-1]["who"] == "assistant"
    assert "How can I help you" in followed.lines[-1]["text"]
    assert followed.loudest["caller"] > -50
    assert followed.loudest["assistant"] > -50
    assert float(followed.call["cost_usd"]) > 0
    whole = plain.sealed(caller.call_id)
    assert whole["counts"]["turns"] == followed.call["turns"]


async def talk(caller: Any) -> None:
    await caller.say("go_forward")
    await caller.answered()
    await caller.heard()
