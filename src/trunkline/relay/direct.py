"""I/O. Calls whose media goes direct: the offer is relayed, the call is recorded beside.

The gateway takes the caller's offer (WebRTC), or the application's acceptance of a call
that came by telephone (SIP), to the provider and the answer back; `beside` then listens to
the call that the provider has. Every attempt is journalled, as those to open a WebSocket are.
"""

from __future__ import annotations

import asyncio
import os

import msgspec
import structlog

from trunkline.clock import monotonic_ns, wall_ns
from trunkline.ids import RANDOM_BYTES, call_id, ulid_bytes
from trunkline.protocol.call import Closed, Opened
from trunkline.protocol.token import Token
from trunkline.relay.admit import (
    No,
    Planned,
    bound,
    check_may_call,
    described,
    held,
    identified,
    no,
    of_key,
    plan_for,
    planned_opened,
)
from trunkline.relay.attempt import DRAINING, LEFT, USED_UP, redacted
from trunkline.relay.beside import Beside, Subject, failed
from trunkline.relay.credentials import Identity
from trunkline.relay.dial import DialFailed
from trunkline.relay.form import FORM, SDP
from trunkline.relay.front import Front
from trunkline.relay.head import BadHead, Head
from trunkline.relay.incoming import Incoming, note_of, with_ends
from trunkline.relay.ledger import Ledger
from trunkline.relay.minting import with_model
from trunkline.relay.offer import Way, way_of
from trunkline.relay.outgoing import Answer, Request, ask
from trunkline.relay.paths import Route
from trunkline.relay.premises import Premises
from trunkline.relay.refusal import JSON, Refusal
from trunkline.relay.response import refusal_of
from trunkline.relay.ringing import Ringing
from trunkline.relay.under_way import UnderWay

log = structlog.get_logger("trunkline.relay")


_CUT_OFF = msgspec.structs.replace(
    DRAINING,
    message="the gateway restarts, and the provider has not answered: accept the call again;"
    " if it was accepted, it runs and is not recorded",
)
"""For an acceptance at the drain limit. Nobody can be heard in any other call that is cut off."""


class _Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that may go to its provider."""

    opened: Opened
    who: Identity
    token: Token | None
    way: Way
    planned: Planned
    content_type: str
    body: bytes
    ringing: Ringing | None
    """The call that is accepted, if its webhook came here."""


class Direct:
    """Opens calls whose media goes direct."""

    def __init__(self, premises: Premises, incoming: Incoming) -> None:
        self._here = premises
        self._beside = Beside(premises)
        self._incoming = incoming
        self.draining = False
        self._offers = UnderWay()
        self._given_up = False

    async def idle(self) -> None:
        """Wait until no offer waits for its answer, no sideband is being opened for the first
        time, and no call is being hung up.
        """
        # In this order: a sideband is opened for an offer that went well.
        await self._offers.idle.wait()
        await self._beside.idle()

    def close(self) -> None:
        """Refuse whoever still waits for an answer, and begin no more recordings. Once, while
        draining.
        """
        self._given_up = True
        self._offers.cancel()
        self._beside.close()

    def abort(self) -> None:
        """Hang up no more."""
        self._beside.abort()

    async def open(self, front: Front, head: Head, there: Route) -> None:
        """Relay the offer, or the acceptance, and record the call that comes of it.

        The task that this is called in counts as an offer until it is done.
        """
        self._offers.join()
        ulid = ulid_bytes(wall_ns(), os.urandom(RANDOM_BYTES))
        ledger = Ledger(self._here.journal, ulid, self._here.ended)
        arrival = front.arrival(call_id(ulid), wall_ns(), self._here.instance)
        keys = self._here.keys
        keys.refresh()
        opened = described(head, there, arrival, keys.known.default_org_id)
        way = way_of(there.path) or Way("realtime")
        opened = msgspec.structs.replace(opened, transport=way.transport)
        shared = [("Helicone-Id", opened.call_id), *cors(head)]
        offer: _Offer | None = None
        try:
            offer = await self._offered(front, head, ledger, there, way, opened)
            if offer.ringing is not None:
                ledger.note(note_of(offer.ringing, wall_ns()), monotonic_ns())
            ledger.hide(*(secret.encode() for secret in offer.planned.plan.secrets))
            answer = await self._seat(front, ledger, offer)
        except No as refused:
            _refuse(front, ledger, refused.refusal, shared)
            if offer is not None and refused.refusal.status == 404:
                # Gone before it was accepted, and this record says so; whoever asked may leave.
                await asyncio.shield(self._answered(offer))
        except asyncio.CancelledError:
            if self._given_up:
                _refuse(front, ledger, DRAINING, shared)
            else:
                failed(ledger, LEFT, why="caller_lost", code="caller_lost")
            raise
        except Exception:
            # The front answers and logs; the record must not stay open.
            failed(ledger, "the gateway failed")
            raise
        else:
            if answer is None:
                failed(ledger, LEFT, why="caller_lost", code="caller_lost")
            else:
                await self._hand(front, head, offer, answer, shared)

    async def _offered(
        self,
        front: Front,
        head: Head,
        ledger: Ledger,
        there: Route,
        way: Way,
        opened: Opened,
    ) -> _Offer:
        """Return the offer, if whoever sends it may call. Raises `No`.

        The first record is written with what is known by then, whatever comes of it.
        """
        known = self._here.keys.known
        ringing: Ringing | None = None
        try:
            token = held(head, known)
            who = identified(
                head, there, known, self._here.settings, token=token, now_s=opened.wall_ns / 1e9
            )
            opened = of_key(bound(opened, token), who.key)
            check_may_call(who.key)
            if self.draining:
                raise No(DRAINING)
            if token is not None and way.in_json:
                raise no(403, "token_kind", "a token opens calls of the Realtime API, by an offer")
            content_type = head.text("content-type") or (JSON if way.accepts else SDP)
            if not way.takes(content_type):
                wanted = JSON if way.in_json else f"{SDP} or as {FORM}"
                raise no(415, "bad_content_type", f"send the offer as {wanted}")
            if way.accepts:
                ringing = await self._incoming.ringing(who.key.org_id, way.accepts)
                opened = with_ends(opened, ringing)
            body = await front.body(head)
            session = way.session(content_type, body)
            model = session.get("model")
            if token is None and isinstance(model, str):
                who = with_model(who, model)
            planned = plan_for(who, known, self._here.settings)
            opened = msgspec.structs.replace(
                planned_opened(opened, planned.plan),
                kind=token.kind if token else way.kind(session),
            )
        except BadHead as exc:
            raise No(Refusal(status=exc.status, code=exc.code, message=exc.message)) from exc
        finally:
            ledger.opened(opened)
        return _Offer(
            opened=opened, who=who, token=token, way=way, planned=planned,
            content_type=content_type, body=body, ringing=ringing,
        )  # fmt: skip

    async def _seat(self, front: Front, ledger: Ledger, offer: _Offer) -> Answer | None:
        """Have the call begin, and be recorded, if there is a seat for it. Raises `No`.

        None: the caller has left before it could have the answer.
        """
        seat = await self._here.seats.take(offer.who.key, offer.opened.wall_ns // 1000)
        if isinstance(seat, Refusal):
            raise No(seat)
        use: str | None = ""
        begun = False
        try:
            if offer.token is not None and (use := await self._here.uses.take(offer.token)) is None:
                raise No(USED_UP)
            # The provider may have a call from now on, of which nobody else would tell.
            front.keep_on()
            answer = await self._asked(offer)
            subject = Subject(
                opened=offer.opened, who=offer.who, way=offer.way, planned=offer.planned,
                provider_call=offer.way.call_in(answer),
            )  # fmt: skip
            if front.has_left and not offer.way.accepts:
                # Without the answer nobody is heard in it. By telephone somebody is.
                self._beside.hang_up(subject)
                return None
            self._beside.attend(ledger, subject, seat)
            begun = True
            return answer
        finally:
            if not begun:
                seat.leave()
                await asyncio.shield(self._here.uses.give_back(use or ""))

    async def _hand(
        self,
        front: Front,
        head: Head,
        offer: _Offer,
        answer: Answer,
        shared: list[tuple[str, str]],
    ) -> None:
        """Answer whoever sent the offer, when its call is known to ring no more."""
        fields = [("Content-Type", answer.head.fields.get("content-type", SDP)), *shared]
        provider_call = offer.way.call_in(answer)
        if provider_call and not offer.way.in_json:
            fields.append(("Location", f"{head.path.rstrip('/')}/{provider_call}"))
        try:
            await self._answered(offer)
        finally:
            front.reply(answer.head.status, fields, answer.body)

    async def _answered(self, offer: _Offer) -> None:
        if offer.ringing is not None:
            await self._incoming.answered(offer.who.key.org_id, offer.ringing.call.provider_call)

    async def _asked(self, offer: _Offer) -> Answer:
        plan = offer.planned.plan
        named = any(name == "model" for name, _, _ in offer.who.ask.query)
        in_body = offer.way.in_json or offer.content_type.lower().startswith(FORM)
        request = Request(
            method="POST",
            # A form, or JSON, names the model itself; so does the client secret that a token holds.
            url=plan.url if named and not in_body and not offer.token else bare(plan.url),
            headers=(*plan.headers, ("Content-Type", offer.content_type)),
            body=offer.body,
        )
        try:
            answer = await ask(request, self._here.settings, self._here.tls)
        except DialFailed as exc:
            raise No(redacted(exc.refusal, plan)) from exc
        except asyncio.CancelledError:
            if offer.way.accepts:
                raise No(_CUT_OFF) from None
            raise
        if not 200 <= answer.head.status < 300:
            raise No(redacted(refusal_of(answer.head, answer.body), plan))
        return answer


def cors(head: Head) -> list[tuple[str, str]]:
    """Return what lets a page of another origin read the answer. Credentials are never taken
    from a browser's own store, so any origin may ask; a token says which may use it.
    """
    origin = head.text("origin")
    if not origin:
        return []
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", "Location, Helicone-Id"),
        ("Vary", "Origin"),
    ]


def bare(url: str) -> str:
    """Return `url` without its query."""
    return url.partition("?")[0]


def _refuse(front: Front, ledger: Ledger, refusal: Refusal, fields: list[tuple[str, str]]) -> None:
    front.refuse(refusal, fields)
    closed = Closed(
        status="refused",
        end_reason=refusal.end_reason,
        http_status=refusal.status,
        error_code=refusal.code,
        error_message=refusal.message,
    )
    ledger.closed(closed, monotonic_ns())
