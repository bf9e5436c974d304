"""I/O. Calls whose media goes direct: the offer is relayed, the call is recorded beside.

The gateway takes the caller's offer (WebRTC), or the application's acceptance of a call
that came by telephone (SIP), to the provider and the answer back, and opens a sideband to
the call that the provider then has. Every attempt is journalled, as those
to open a WebSocket are; a sideband that cannot be had costs the record, never the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
import structlog

from trunkline.clock import monotonic_ns, wall_ns
from trunkline.ids import RANDOM_BYTES, call_id, ulid_bytes, ulid_text
from trunkline.protocol.call import CallKind, Closed, Note, Opened
from trunkline.protocol.objects import read
from trunkline.protocol.profiles.ask import CALLS, REALTIME, Ask
from trunkline.protocol.profiles.planning import SIMULATOR
from trunkline.protocol.token import Token
from trunkline.relay.admit import (
    Known,
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
from trunkline.relay.attempt import DRAINING, USED_UP, redacted
from trunkline.relay.credentials import Identity
from trunkline.relay.dial import DialFailed, dial
from trunkline.relay.form import FORM, SDP, session_of
from trunkline.relay.front import Front
from trunkline.relay.head import BadHead, Head
from trunkline.relay.incoming import Incoming, note_of, with_ends
from trunkline.relay.keys import Keys
from trunkline.relay.ledger import Journal, Ledger
from trunkline.relay.minting import with_model
from trunkline.relay.outgoing import Answer, Request, ask
from trunkline.relay.paths import Route
from trunkline.relay.refusal import JSON, Refusal
from trunkline.relay.response import refusal_of
from trunkline.relay.ringing import Ringing
from trunkline.relay.seats import Seat, Seats
from trunkline.relay.sideband import Sideband
from trunkline.relay.uses import Uses
from trunkline.settings import Settings

log = structlog.get_logger("trunkline.relay")

_ACCEPT = re.compile(r"/realtime/calls/([A-Za-z0-9_-]{1,128})/accept")
_CALL = re.compile(r"(?:.*/)?([A-Za-z0-9_-]{1,128})/?(?:\?.*)?")
Begun = Callable[[Sideband], Callable[[], None]]


class _Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that may go to its provider."""

    opened: Opened
    who: Identity
    token: Token | None
    planned: Planned
    content_type: str
    body: bytes
    ringing: Ringing | None
    """The call that is accepted, if its webhook came here."""


class Direct:
    """Opens calls whose media goes direct."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        keys: Keys,
        seats: Seats,
        uses: Uses,
        instance: bytes,
        tls: ssl.SSLContext,
        begun: Begun,
        ended: Counter[str],
        incoming: Incoming,
    ) -> None:
        """`begun` is told of each call that runs, and returns what to do when it has ended."""
        self.draining = False
        self._settings = settings
        self._journal = journal
        self._keys = keys
        self._seats = seats
        self._uses = uses
        self._instance = ulid_text(instance)
        self._tls = tls
        self._begun = begun
        self._ended = ended
        self._incoming = incoming
        self._tasks: set[asyncio.Task[None]] = set()
        """They go on when the caller, which has its answer, is gone."""

    def close(self) -> None:
        """Begin no more recordings."""
        for task in tuple(self._tasks):
            task.cancel()

    async def open(self, front: Front, head: Head, there: Route) -> None:
        """Relay the offer, or the acceptance, and record the call that comes of it."""
        ulid = ulid_bytes(wall_ns(), os.urandom(RANDOM_BYTES))
        ledger = Ledger(self._journal, ulid, self._ended)
        arrival = front.arrival(call_id(ulid), wall_ns(), self._instance)
        keys = self._keys
        keys.refresh()
        opened = described(head, there, arrival, keys.known.default_org_id)
        transport = "sip" if _accepted(there.path) else "webrtc"
        opened = msgspec.structs.replace(opened, transport=transport)
        shared = [("Helicone-Id", opened.call_id), *cors(head)]
        try:
            offer = await self._offered(front, head, there, opened)
        except _Refused as exc:
            ledger.opened(exc.opened)
            _refuse(front, ledger, exc.refusal, shared)
            return
        ledger.opened(offer.opened)
        if offer.ringing is not None:
            ledger.note(note_of(offer.ringing, wall_ns()), monotonic_ns())
        ledger.hide(*(secret.encode() for secret in offer.planned.plan.secrets))
        try:
            await self._seat(front, head, ledger, offer, shared)
        except No as refused:
            _refuse(front, ledger, refused.refusal, shared)
            if refused.refusal.status == 404:
                # Gone before it was accepted, and this record says so.
                await self._answered(offer)
        except asyncio.CancelledError:
            _failed(ledger, "the caller went away before the provider had answered")
            raise
        except Exception:
            _failed(ledger, "the gateway failed")
            raise

    async def _offered(self, front: Front, head: Head, there: Route, opened: Opened) -> _Offer:
        """Return the offer, if whoever sends it may call. Raises `_Refused`."""
        known = self._keys.known
        ringing: Ringing | None = None
        try:
            token = held(head, known)
            who = identified(
                head, there, known, self._settings, token=token, now_s=opened.wall_ns / 1e9
            )
            opened = of_key(bound(opened, token), who.key)
            check_may_call(who.key)
            if self.draining:
                raise No(DRAINING)
            content_type = head.text("content-type") or SDP
            if opened.transport == "sip":
                if token is not None:
                    raise no(403, "token_may_not_control", "a call is accepted with a key")
                content_type = JSON
                ringing = await self._incoming.ringing(who.key.org_id, _accepted(there.path))
                opened = with_ends(opened, ringing)
                body = await front.body(head)
                session = read(body) or {}
            else:
                if not content_type.lower().startswith((SDP, FORM)):
                    raise no(415, "bad_content_type", f"send the offer as {SDP} or as {FORM}")
                body = await front.body(head)
                session = session_of(content_type, body)
            model = session.get("model")
            if token is None and isinstance(model, str):
                who = with_model(who, model)
            planned = plan_for(who, known, self._settings)
        except No as exc:
            raise _Refused(opened, exc.refusal) from exc
        except BadHead as exc:
            refusal = Refusal(status=exc.status, code=exc.code, message=exc.message)
            raise _Refused(opened, refusal) from exc
        opened = msgspec.structs.replace(
            planned_opened(opened, planned.plan), kind=_kind(session.get("type"), token)
        )
        return _Offer(
            opened=opened, who=who, token=token, planned=planned, content_type=content_type,
            body=body, ringing=ringing,
        )  # fmt: skip

    async def _seat(
        self,
        front: Front,
        head: Head,
        ledger: Ledger,
        offer: _Offer,
        shared: list[tuple[str, str]],
    ) -> None:
        seat = await self._seats.take(offer.who.key, offer.opened.wall_ns // 1000)
        if isinstance(seat, Refusal):
            raise No(seat)
        use: str | None = ""
        begun = False
        try:
            if offer.token is not None and (use := await self._uses.take(offer.token)) is None:
                raise No(USED_UP)
            answer = await self._asked(offer)
            accepted = _accepted(urlsplit(offer.planned.plan.url).path.partition("/v1")[2])
            provider_call = accepted or _id_in(answer)
            await self._answered(offer)
            fields = [("Content-Type", answer.head.fields.get("content-type", SDP)), *shared]
            if provider_call and not accepted:
                fields.append(("Location", f"{head.path.rstrip('/')}/{provider_call}"))
            front.reply(answer.head.status, fields, answer.body)
            begun = True
            self._attend(ledger, offer, provider_call, seat)
        finally:
            if not begun:
                seat.leave()
                await asyncio.shield(self._uses.give_back(use or ""))

    async def _answered(self, offer: _Offer) -> None:
        if offer.ringing is not None:
            await self._incoming.answered(offer.who.key.org_id, offer.ringing.call.provider_call)

    async def _asked(self, offer: _Offer) -> Answer:
        plan = offer.planned.plan
        named = any(name == "model" for name, _, _ in offer.who.ask.query)
        in_form = offer.content_type.lower().startswith(FORM)
        request = Request(
            method="POST",
            # A form names the model itself; so does the client secret that a token holds.
            url=plan.url if named and not in_form and not offer.token else bare(plan.url),
            headers=(*plan.headers, ("Content-Type", offer.content_type)),
            body=offer.body,
        )
        try:
            answer = await ask(request, self._settings, self._tls)
        except DialFailed as exc:
            raise No(redacted(exc.refusal, plan)) from exc
        if not 200 <= answer.head.status < 300:
            raise No(redacted(refusal_of(answer.head, answer.body), plan))
        return answer

    # --- beside the call ----------------------------------------------------------------

    def _attend(self, ledger: Ledger, offer: _Offer, provider_call: str, seat: Seat) -> None:
        task = asyncio.get_running_loop().create_task(
            self._record(ledger, offer, provider_call, seat)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, ledger: Ledger, offer: _Offer, provider_call: str, seat: Seat) -> None:
        """Open the sideband, and listen. Without one there is a record that says so."""
        started_ns = monotonic_ns()
        begun = False
        try:
            if not provider_call:
                raise no(502, "no_call_id", "the provider's answer does not say which call it is")
            plan = sideband_plan(offer.who, offer.planned, provider_call, self._keys.known,
                                 self._settings)  # fmt: skip
            ledger.hide(*(secret.encode() for secret in plan.plan.secrets))
            dialled = await dial(plan.plan, self._settings, self._tls)
            now_ns = monotonic_ns()
            data = {"connect_ns": now_ns - started_ns, **dialled.noted}
            ledger.note(Note(kind="connected", data=data), now_ns)
            data = {"call_id": provider_call, "transport": offer.opened.transport}
            ledger.note(Note(kind="sideband", data=data), now_ns)
            call = Sideband(
                offer.opened.call_id, offer.opened.key_id, ledger, self._settings,
                lambda: self._hang_up(offer, provider_call),
            )  # fmt: skip
            joint = dialled.open(call.provider, call.provider.violated)
            ended = self._begun(call)

            def finished() -> None:
                ended()
                seat.leave()

            call.finished = finished
            begun = True
            call.begin(joint, dialled.early)
        except (No, DialFailed) as exc:
            refusal = exc.refusal
            log.warning("call is not recorded", call=offer.opened.call_id, code=refusal.code)
            message = redacted(refusal, offer.planned.plan).message
            _failed(ledger, f"the call runs, unrecorded: {message}", "sideband_refused")
        except asyncio.CancelledError:
            _failed(ledger, "the gateway restarted before it could record the call")
            raise
        finally:
            if not begun:
                seat.leave()

    def _hang_up(self, offer: _Offer, provider_call: str) -> None:
        """Have the provider end the call: its media does not pass here."""
        task = asyncio.get_running_loop().create_task(self._hung_up(offer, provider_call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hung_up(self, offer: _Offer, provider_call: str) -> None:
        plan = offer.planned.plan
        request = Request(
            method="POST",
            url=f"{bare(plan.url).partition('/realtime/calls')[0]}{CALLS}/{provider_call}/hangup",
            headers=plan.headers,
            body=b"",
        )
        with contextlib.suppress(DialFailed):
            answer = await ask(request, self._settings, self._tls)
            if answer.head.status < 300:
                return
        log.warning("the provider did not hang up", call=offer.opened.call_id)


class _Refused(Exception):
    def __init__(self, opened: Opened, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.opened, self.refusal = opened, refusal


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


def sideband_plan(
    who: Identity, planned: Planned, provider_call: str, known: Known, settings: Settings
) -> Planned:
    """Return how to dial the sideband of `provider_call`. Raises `No`.

    With the stored credential where there is one: a page's client secret may open a call
    and need not open what is beside it.
    """
    query = [("call_id", provider_call, f"call_id={provider_call}")]
    if planned.plan.profile == SIMULATOR:
        query.append(("model", SIMULATOR, f"model={SIMULATOR}"))
    headers = dict(who.ask.headers)
    stored = planned.choice.stored
    if stored is not None and stored.sealed:
        headers.pop("authorization", None)
        headers.pop("api-key", None)
    beside = Ask(path=REALTIME, query=tuple(query), headers=headers)
    name = stored.name if stored is not None else planned.choice.profile.name
    return plan_for(msgspec.structs.replace(who, ask=beside, provider=name), known, settings)


def _accepted(path: str) -> str:
    """Return which call `path` accepts; empty: none."""
    match = _ACCEPT.fullmatch(path)
    return match[1] if match else ""


def _kind(said: object, token: Token | None) -> CallKind:
    if token is not None:
        return token.kind
    return "transcription" if said == "transcription" else "realtime"


def _id_in(answer: Answer) -> str:
    """Return which call the provider's `Location` names; empty: none."""
    match = _CALL.fullmatch(answer.head.fields.get("location", ""))
    return match[1] if match else ""


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


def _failed(ledger: Ledger, message: str, code: str = "internal_error") -> None:
    closed = Closed(
        status="failed", end_reason="internal_error", error_code=code, error_message=message
    )
    ledger.closed(closed, monotonic_ns())
