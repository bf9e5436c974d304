"""I/O. What is asked of the gateway in plain HTTP: what goes before a call, or beside one.

Answered here and not by the server, because no call may need the server to begin. Each
has one body, read with a limit of size and time, and one answer, which ends the
connection. None is a call, so none is journalled.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from trunkline.clock import wall_ns
from trunkline.ids import RANDOM_BYTES, ulid_bytes, ulid_text
from trunkline.protocol.profiles.ask import CALLS, INCOMING, LIVE
from trunkline.protocol.profiles.choosing import Choice
from trunkline.protocol.profiles.planning import SIMULATOR, Plan
from trunkline.protocol.token import Seal, written
from trunkline.relay import minting
from trunkline.relay.admit import (
    No,
    check_may_call,
    described,
    held,
    identified,
    no,
    of_key,
    plan_for,
)
from trunkline.relay.attempt import DRAINING, redacted
from trunkline.relay.dial import DialFailed
from trunkline.relay.direct import Direct, bare, cors
from trunkline.relay.front import Front
from trunkline.relay.head import BadHead, Head
from trunkline.relay.incoming import Incoming
from trunkline.relay.offer import way_of
from trunkline.relay.outgoing import Answer, Request, ask
from trunkline.relay.paths import Route
from trunkline.relay.premises import Premises
from trunkline.relay.refusal import JSON, Refusal
from trunkline.relay.response import refusal_of
from trunkline.relay.under_way import UnderWay

log = structlog.get_logger("trunkline.relay")

_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, OpenAI-Safety-Identifier"),
    ("Access-Control-Max-Age", "600"),
)
_PASSED = ("content-type", "x-request-id", "apim-request-id")
_OF_CALLS = (CALLS, LIVE)
"""Where calls are asked for, and controlled."""
_Work = Callable[[Front, Head, Route], Coroutine[Any, Any, None]]
_PRIVATE = ("Cache-Control", "no-store")


class Errands:
    """Answers requests that are no calls."""

    def __init__(
        self, premises: Premises, seal: Seal | None, direct: Direct, incoming: Incoming
    ) -> None:
        """`seal` seals tokens; None: none are made. `direct` opens calls past the gateway."""
        self._here = premises
        self._seal = seal
        self._direct = direct
        self._incoming = incoming
        self.draining = False
        self._under_way = UnderWay()
        """But for what opens calls, of which `direct` keeps account."""
        self._given_up = False

    def drain(self) -> None:
        """Begin nothing more."""
        self.draining = self._direct.draining = self._incoming.draining = True

    async def idle(self) -> None:
        """Wait until everything that was begun has its answer, and what came of it its record."""
        await self._under_way.idle.wait()
        await self._incoming.idle()
        await self._direct.idle()

    def close(self) -> None:
        """Refuse whoever still waits for an answer. Once, while draining."""
        self._given_up = True
        self._under_way.cancel()
        self._direct.close()

    def abort(self) -> None:
        """There has been time enough for what `close` had to leave."""
        self._direct.abort()

    async def answer(self, front: Front, head: Head, there: Route) -> None:
        """Do what `head` asks for at `there`, or say why not."""
        try:
            if head.method == "OPTIONS" and there.path.startswith(_OF_CALLS):
                front.reply(204, [*cors(head), *_PREFLIGHT])
                return
            if head.method != "POST":
                raise No(
                    Refusal(
                        status=405, code="method_not_allowed", headers=(("Allow", "POST"),),
                        message="use POST here",
                    )
                )  # fmt: skip
            if self.draining:
                raise No(DRAINING)
            if way_of(there.path) is not None:
                await self._direct.open(front, head, there)
            else:
                await self._counted(self._work_of(there)(front, head, there))
        except No as no_:
            front.refuse(no_.refusal, cors(head) if there.path.startswith(_OF_CALLS) else ())
        except BadHead as exc:
            front.refuse(Refusal(status=exc.status, code=exc.code, message=exc.message))

    def _work_of(self, there: Route) -> _Work:
        if there.path.startswith(INCOMING):
            return self._incoming.take
        return self._control if there.path.startswith(_OF_CALLS) else self._mint

    async def _counted(self, work: Coroutine[Any, Any, None]) -> None:
        """Have a drain wait for `work`; raise `No` where it could not."""
        self._under_way.join()
        try:
            await work
        except asyncio.CancelledError:
            if self._given_up:
                raise No(DRAINING) from None
            raise

    # --- calls whose media goes direct

    async def _control(self, front: Front, head: Head, there: Route) -> None:
        """Pass on what is asked of a call: reject, refer, hangup."""
        self._here.keys.refresh()
        known = self._here.keys.known
        if held(head, known) is not None:
            raise no(403, "token_may_not_control", "calls are controlled with a key, not a token")
        now_s = wall_ns() / 1e9
        who = identified(head, there, known, self._here.settings, token=None, now_s=now_s)
        check_may_call(who.key)
        body = await front.body(head)
        plan = plan_for(who, known, self._here.settings).plan
        # The provider does what it is asked, and a call that is rejected has its record then.
        front.keep_on()
        answer = await self._asked(plan, body, head.text("content-type") or JSON)
        _, provider_call, verb = there.path.rsplit("/", 2)
        if verb == "reject":
            await self._incoming.rejected(who.key, provider_call)
        told = answer.head.fields
        fields = [(name, told[name]) for name in _PASSED if name in told]
        front.reply(answer.head.status, fields, answer.body)

    # --- client secrets

    async def _mint(self, front: Front, head: Head, there: Route) -> None:
        """Have the provider make a client secret, and answer with a token of ours around it."""
        if self._seal is None:
            raise no(503, "no_tokens", "this gateway has no master key: it makes no tokens")
        keys = self._here.keys
        keys.refresh()
        if held(head, keys.known) is not None:
            raise no(403, "token_may_not_mint", "a token makes no tokens: use a key")
        opened = described(head, there, front.arrival("", wall_ns()), keys.known.default_org_id)
        who = identified(
            head, there, keys.known, self._here.settings, token=None, now_s=wall_ns() / 1e9
        )
        opened = of_key(opened, who.key)
        check_may_call(who.key)
        try:
            wish = minting.wish_of(there.path, head, await front.body(head))
        except minting.BadWish as exc:
            raise no(400, exc.code, exc.message) from exc
        planned = plan_for(minting.with_model(who, wish.model), keys.known, self._here.settings)
        if planned.plan.profile != SIMULATOR and not planned.choice.profile.client_secrets:
            title = planned.choice.profile.title
            raise no(400, "no_client_secrets", f"{title} makes no client secrets for pages")
        answer = await self._asked(planned.plan, minting.body_of(wish, there.path, planned.plan))
        secret = minting.secret_in(answer.body)
        if secret is None:
            raise no(502, "bad_client_secret", "the provider's answer holds no client secret")
        token = minting.token_of(
            wish, secret, opened, _name(planned.choice), planned.choice.resource,
            ulid_text(ulid_bytes(wall_ns(), os.urandom(RANDOM_BYTES))), wall_ns() // 10**9,
        )  # fmt: skip
        text = written(token, self._seal)
        log.info("token made", token=token.id, key=token.key_id, seconds=wish.seconds)
        body = minting.answered(secret, text, token.expires_at_s) or b"{}"
        front.reply(200, [("Content-Type", JSON), _PRIVATE], body)

    async def _asked(self, plan: Plan, body: bytes, content_type: str = JSON) -> Answer:
        """Return the provider's answer to a POST. Raises `No` when it refuses, or is not there."""
        request = Request(
            method="POST",
            url=bare(plan.url),
            headers=(*plan.headers, ("Content-Type", content_type)),
            body=body,
        )
        try:
            answer = await ask(request, self._here.settings, self._here.tls)
        except DialFailed as exc:
            raise No(redacted(exc.refusal, plan)) from exc
        if not 200 <= answer.head.status < 300:
            raise No(refusal_of(answer.head, answer.body))
        return answer


def _name(choice: Choice) -> str:
    """Return the name by which the same provider is chosen again."""
    return choice.stored.name if choice.stored is not None else choice.profile.name
