"""I/O. One attempt to open a call, from its head to a running call or a refusal.

Every attempt is journalled, whatever becomes of it: `opened`, then what happened,
then `closed`.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

import msgspec
import structlog

from trunkline.clock import monotonic_ns, wall_ns
from trunkline.ids import RANDOM_BYTES, call_id, ulid_bytes
from trunkline.protocol.call import Closed, EndReason, Note
from trunkline.protocol.profiles.planning import Plan
from trunkline.relay.admit import Admitted, NotAdmitted, admit, check_upgrade
from trunkline.relay.core import Core, Limits
from trunkline.relay.dial import DialFailed, Dialled, dial
from trunkline.relay.front import Front
from trunkline.relay.head import Head
from trunkline.relay.ledger import Ledger
from trunkline.relay.meter import Meter
from trunkline.relay.premises import Premises
from trunkline.relay.refusal import Refusal
from trunkline.relay.seats import Seat
from trunkline.relay.shell import Call
from trunkline.relay.under_way import UnderWay
from trunkline.relay.wire import Complaints, Joint, caller_wire, feed, request_head

if TYPE_CHECKING:
    from trunkline.relay.lanes import Lanes

log = structlog.get_logger("trunkline.relay")

LEFT = "the caller went away before the provider had answered"
_KEY = re.compile(r"\b(sk-|ek[-_]|sess-)[A-Za-z0-9_*.-]{4,}")
"""What providers' keys look like, masked ones too."""

DRAINING = Refusal(
    status=503,
    code="draining",
    message="the gateway restarts: connect again in a moment",
    headers=(("Retry-After", "2"),),
)


USED_UP = Refusal(
    status=401,
    code="token_used_up",
    message="this token has opened as many calls as it may: have a new one made",
)


class Attempts:
    """Answers the heads of calls."""

    def __init__(self, premises: Premises, meter: Meter, lanes: Lanes | None) -> None:
        self._here = premises
        self._meter = meter
        self._lanes = lanes
        self.draining = False
        self.attempts = 0
        """To open a call, since the start, whatever became of them."""
        self._under_way = UnderWay()
        self.idle = self._under_way.idle
        """No provider is being dialled."""
        self._given_up = False
        self._limits = Limits.of(premises.settings)
        self._mapped: set[str] = set()

    async def answer(self, front: Front, head: Head) -> None:
        """Open the call that `head` asks for, or refuse it."""
        if not head.upgrades and (refusal := check_upgrade(head)):
            # Not an attempt to call: a person or a health check that looked at the address.
            front.refuse(refusal)
            return
        at_wall_ns = wall_ns()
        ulid = ulid_bytes(at_wall_ns, os.urandom(RANDOM_BYTES))
        ledger = Ledger(self._here.journal, ulid, self._here.ended)
        self.attempts += 1
        arrival = front.arrival(call_id(ulid), at_wall_ns, self._here.instance)
        # On every line that is logged about this attempt, wherever it is.
        structlog.contextvars.bind_contextvars(call=arrival.call_id)
        keys = self._here.keys
        # So that a key works from the moment it was shown, and not from the next heartbeat.
        keys.refresh()
        verdict = admit(head, arrival, keys.known, self._here.settings)
        ledger.opened(verdict.opened)
        if isinstance(verdict, NotAdmitted):
            _refuse(front, ledger, arrival.call_id, verdict.refusal)
        elif self.draining:
            _refuse(front, ledger, arrival.call_id, DRAINING)
        else:
            self._under_way.join()
            await self._open(front, ledger, verdict)

    def give_up(self) -> None:
        """Refuse whoever still waits for a provider's answer. Once, while draining."""
        self._given_up = True
        self._under_way.cancel()

    async def _open(self, front: Front, ledger: Ledger, admitted: Admitted) -> None:
        try:
            await self._seat(front, ledger, admitted)
        except Exception:
            # The front answers and logs; the record must not stay open.
            _failed(ledger, "internal_error", "the gateway failed")
            raise

    async def _seat(self, front: Front, ledger: Ledger, admitted: Admitted) -> None:
        """Go on if there is a seat for the call, which then has it until it ends."""
        opened = admitted.opened
        try:
            seat = await self._here.seats.take(admitted.key, opened.wall_ns // 1000)
        except asyncio.CancelledError:
            self._broken_off(front, ledger, opened.call_id)
            raise
        if isinstance(seat, Refusal):
            _refuse(front, ledger, opened.call_id, seat)
            return
        begun = False
        try:
            begun = await self._use(front, ledger, admitted, seat)
        finally:
            if not begun:
                seat.leave()

    async def _use(self, front: Front, ledger: Ledger, admitted: Admitted, seat: Seat) -> bool:
        """Count a use of the token that the call came with, as far as it has a bound; then dial."""
        token = admitted.token
        if token is None or not token.uses:
            return await self._dial(front, ledger, admitted, seat)
        try:
            use = await self._here.uses.take(token)
        except asyncio.CancelledError:
            self._broken_off(front, ledger, admitted.opened.call_id)
            raise
        if use is None:
            _refuse(front, ledger, admitted.opened.call_id, USED_UP)
            return False
        begun = False
        try:
            begun = await self._dial(front, ledger, admitted, seat)
        finally:
            if not begun:
                await asyncio.shield(self._here.uses.give_back(use))
        return begun

    async def _dial(self, front: Front, ledger: Ledger, admitted: Admitted, seat: Seat) -> bool:
        """Return whether the call runs. If not, the caller has its answer, or has left."""
        started_ns = monotonic_ns()
        ledger.hide(*(secret.encode() for secret in admitted.plan.secrets))
        self._write_notes(ledger, admitted, started_ns)
        try:
            dialled = await dial(admitted.plan, self._here.settings, self._here.tls)
        except DialFailed as exc:
            _refuse(front, ledger, admitted.opened.call_id, redacted(exc.refusal, admitted.plan))
            return False
        except asyncio.CancelledError:
            self._broken_off(front, ledger, admitted.opened.call_id)
            raise
        now_ns = monotonic_ns()
        data = {"connect_ns": now_ns - started_ns, **dialled.noted}
        ledger.note(Note(kind="connected", data=data), now_ns)
        try:
            self._begin(front, ledger, admitted, dialled, seat)
        except ConnectionError:
            dialled.drop()
            _failed(ledger, "caller_lost", LEFT)
            return False
        except Exception:
            # A bug of ours: whoever opened the attempt records it, and the front logs it.
            dialled.drop()
            raise
        return True

    def _broken_off(self, front: Front, ledger: Ledger, id_: str) -> None:
        """The attempt was cancelled: by us, or because the caller is gone."""
        if self._given_up:
            _refuse(front, ledger, id_, DRAINING)
        else:
            _failed(ledger, "caller_lost", LEFT)

    def _begin(
        self, front: Front, ledger: Ledger, admitted: Admitted, dialled: Dialled, seat: Seat
    ) -> None:
        """Join both legs. Nothing in here waits, so no frame can come in between."""
        transport, early = front.take()
        call = self._call(ledger, admitted, seat)
        try:
            self._join(call, transport, early, admitted, dialled)
        except Exception:
            # A bug of ours. Without this it would be among those that run, for ever.
            call.drop()
            raise

    def _join(
        self,
        call: Call,
        transport: asyncio.Transport,
        early: bytes,
        admitted: Admitted,
        dialled: Dialled,
    ) -> None:
        provider = dialled.open(call.provider, call.provider.violated)
        headers = [("Helicone-Id", call.call_id)]
        if admitted.subprotocol:
            headers.append(("Sec-WebSocket-Protocol", admitted.subprotocol))
        complaints = Complaints(call.caller.violated)
        wire = caller_wire(call.caller, complaints, self._here.settings.max_frame_bytes, headers)
        wire.connection_made(transport)
        feed(wire, request_head(admitted.websocket_key))
        opened = admitted.opened
        log.info("call begun", call=call.call_id, key=opened.key_id, provider=opened.provider)
        call.begin(Joint(transport, wire), early, provider, dialled.take_early(), self._lanes)

    def _call(self, ledger: Ledger, admitted: Admitted, seat: Seat) -> Call:
        opened = admitted.opened
        # Sessions that flow have one vocabulary, which looks like beta here and there.
        two = opened.kind in ("realtime", "transcription")
        core = Core(
            opened.call_id,
            self._limits,
            monotonic_ns(),
            caller=opened.caller_dialect if two else None,
            provider=opened.provider_dialect if two else None,
        )
        call = Call(opened.call_id, opened.key_id, core, ledger, self._meter, self._here.settings)
        self._here.begun(call, seat.leave)
        return call

    def _write_notes(self, ledger: Ledger, admitted: Admitted, at_ns: int) -> None:
        for note in admitted.notes:
            ledger.note(note, at_ns)
        asked, used = admitted.opened.model_asked, admitted.opened.model_used
        if asked != used and asked not in self._mapped:
            # Once per name and process: every call of that application would repeat it.
            self._mapped.add(asked)
            log.warning("retired model mapped", asked=asked, used=used)


def _refuse(front: Front, ledger: Ledger, id_: str, refusal: Refusal) -> None:
    front.refuse(refusal, [("Helicone-Id", id_)])
    log.info("call refused", call=id_, status=refusal.status, code=refusal.code)
    closed = Closed(
        status="refused",
        end_reason=refusal.end_reason,
        http_status=refusal.status,
        error_code=refusal.code,
        error_message=refusal.message,
    )
    ledger.closed(closed, monotonic_ns())


def redacted(refusal: Refusal, plan: Plan) -> Refusal:
    """Return `refusal` fit to be recorded: providers quote the credential that they refuse."""
    message = refusal.message
    for secret in plan.secrets:
        message = message.replace(secret, "[redacted]")
    return msgspec.structs.replace(refusal, message=_KEY.sub("[redacted]", message))


def _failed(ledger: Ledger, why: EndReason, message: str) -> None:
    log.info("call ended", why=why, status="failed")
    closed = Closed(status="failed", end_reason=why, error_code=why, error_message=message)
    ledger.closed(closed, monotonic_ns())
