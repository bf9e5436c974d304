"""I/O. Listens beside calls whose media goes direct, for as long as each runs.

The sideband is opened after the caller has its answer. Without one there is a record that
says so, and the call runs all the same. One that breaks off in the midst of a call is
opened again, a few times within half a minute; what was said meanwhile is not known,
and the record says for how long.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import msgspec
import structlog

from trunkline.clock import monotonic_ns
from trunkline.protocol.call import Closed, EndReason, Note, Opened
from trunkline.protocol.profiles.ask import Ask
from trunkline.protocol.profiles.planning import SIMULATOR
from trunkline.relay.admit import Known, No, Planned, no, plan_for
from trunkline.relay.attempt import redacted
from trunkline.relay.credentials import Identity
from trunkline.relay.dial import DialFailed, Dialled, dial
from trunkline.relay.ledger import Ledger
from trunkline.relay.offer import Way
from trunkline.relay.outgoing import Request, ask
from trunkline.relay.premises import Premises
from trunkline.relay.seats import Seat
from trunkline.relay.sideband import Sideband
from trunkline.relay.under_way import UnderWay
from trunkline.settings import Settings

log = structlog.get_logger("trunkline.relay")

WAITS_S: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Before each attempt to open a sideband again: half a minute in all."""
MAX_REOPENED: Final = 20
"""Times that one call's sideband is opened again."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A call to listen to."""

    opened: Opened
    who: Identity
    way: Way
    planned: Planned
    """How it was asked for."""
    provider_call: str
    """Empty: the provider has not said which it is."""


class Beside:
    """Opens sidebands, and opens them again."""

    def __init__(self, premises: Premises) -> None:
        self._here = premises
        self._dialling = UnderWay()
        """Sidebands that are opened for the first time: those calls do not count as live yet."""
        self._staying = UnderWay()
        """With calls that are live, which whoever ends them has to wait for."""
        self._hanging_up = UnderWay()

    async def idle(self) -> None:
        """Wait until no sideband is being opened for the first time, and no call hung up."""
        await self._dialling.idle.wait()
        await self._hanging_up.idle.wait()

    def close(self) -> None:
        """Begin no more recordings, and open none again. Calls are hung up all the same."""
        self._dialling.cancel()
        self._staying.cancel()

    def abort(self) -> None:
        """Hang up no more: there has been time enough."""
        self._hanging_up.cancel()

    def hang_up(self, subject: Subject) -> None:
        """End a call at its provider, if that has said which it is."""
        if subject.provider_call:
            self._hanging_up.start(self._hang_up(subject))

    def attend(self, ledger: Ledger, subject: Subject, seat: Seat) -> None:
        """Listen to a call that runs; `seat` is left when it is over."""
        self._dialling.start(self._record(ledger, subject, seat))

    async def _record(self, ledger: Ledger, subject: Subject, seat: Seat) -> None:
        """Open the sideband, and have somebody stay with it."""
        started_ns = monotonic_ns()
        dialled: Dialled | None = None
        begun = False
        try:
            if not subject.provider_call:
                raise no(502, "no_call_id", "the provider's answer does not say which call it is")
            dialled = await self._dialled(ledger, subject)
            now_ns = monotonic_ns()
            data = {"connect_ns": now_ns - started_ns, **dialled.noted}
            ledger.note(Note(kind="connected", data=data), now_ns)
            data = {"call_id": subject.provider_call, "transport": subject.opened.transport}
            ledger.note(Note(kind="sideband", data=data), now_ns)
            call = self._begin(ledger, subject, seat)
            begun = True
            _listen(call, dialled)
            self._staying.start(self._stay(call, ledger, subject))
        except (No, DialFailed) as exc:
            refusal = exc.refusal
            log.warning("call is not recorded", call=subject.opened.call_id, code=refusal.code)
            message = redacted(refusal, subject.planned.plan).message
            failed(ledger, f"the call runs, unrecorded: {message}", "sideband_refused")
        except asyncio.CancelledError:
            if not begun:
                failed(ledger, "the gateway restarted before it could record the call")
            raise
        except Exception:
            # A bug of ours costs the recording, and neither the call nor its record's end.
            log.exception("call is not recorded", call=subject.opened.call_id)
            failed(ledger, "the call runs, unrecorded: the gateway failed")
            if dialled is not None:
                dialled.drop()
        finally:
            if not begun:
                seat.leave()

    def _begin(self, ledger: Ledger, subject: Subject, seat: Seat) -> Sideband:
        opened = subject.opened
        call = Sideband(
            opened.call_id, opened.key_id, ledger, self._here.settings,
            lambda: self.hang_up(subject),
        )  # fmt: skip
        self._here.begun(call, seat.leave)
        return call

    async def _dialled(self, ledger: Ledger, subject: Subject) -> Dialled:
        plan = sideband_plan(subject, self._here.keys.known, self._here.settings).plan
        ledger.hide(*(secret.encode() for secret in plan.secrets))
        return await dial(plan, self._here.settings, self._here.tls)

    # --- a sideband that breaks off -------------------------------------------------------

    async def _stay(self, call: Sideband, ledger: Ledger, subject: Subject) -> None:
        """Have the call listened to until it is over."""
        try:
            await self._reopen(call, ledger, subject)
        except Exception:
            # A bug of ours. Without this it would be among those that run, for ever.
            call.fail()

    async def _reopen(self, call: Sideband, ledger: Ledger, subject: Subject) -> None:
        """Open the sideband again whenever it breaks off, until the call is over."""
        for _ in range(MAX_REOPENED):
            await call.away.wait()
            if call.over:
                return
            log.warning("sideband lost", call=subject.opened.call_id)
            await self._again(call, ledger, subject)
        await call.away.wait()
        call.give_up()

    async def _again(self, call: Sideband, ledger: Ledger, subject: Subject) -> None:
        for wait_s in WAITS_S:
            await asyncio.sleep(wait_s)
            if call.over:
                return
            try:
                dialled = await self._dialled(ledger, subject)
            except No:
                # Its key or its provider is gone: the same answer would come again.
                break
            except DialFailed as exc:
                if 400 <= exc.refusal.status < 500:
                    # The call is over, and the provider has forgotten it.
                    break
                continue
            if call.over:
                dialled.drop()
            else:
                _listen(call, dialled)
            return
        call.give_up()

    # --- the call itself --------------------------------------------------------------------

    async def _hang_up(self, subject: Subject) -> None:
        """Have the provider end the call: its media does not pass here."""
        plan = subject.planned.plan
        request = Request(
            method="POST",
            url=subject.way.hangup(plan.url, subject.provider_call),
            headers=plan.headers,
            body=b"",
        )
        done = False
        try:
            with contextlib.suppress(DialFailed):
                answer = await ask(request, self._here.settings, self._here.tls)
                done = answer.head.status < 300
        finally:
            if not done:
                log.warning("the provider did not hang up", call=subject.opened.call_id)


def _listen(call: Sideband, dialled: Dialled) -> None:
    """Have `call` listen. Where that fails the recording ends, and the call does not."""
    try:
        call.begin(dialled)
    except Exception:
        # A bug of ours.
        call.fail()
        dialled.drop()


def sideband_plan(subject: Subject, known: Known, settings: Settings) -> Planned:
    """Return how to dial the sideband of a call. Raises `No`.

    With the stored credential where there is one: a page's client secret may open a call
    and need not open what is beside it.
    """
    planned, who = subject.planned, subject.who
    path, query = subject.way.sideband(subject.provider_call)
    if planned.plan.profile == SIMULATOR:
        query = (*query, ("model", SIMULATOR, f"model={SIMULATOR}"))
    headers = dict(who.ask.headers)
    stored = planned.choice.stored
    if stored is not None and stored.sealed:
        headers.pop("authorization", None)
        headers.pop("api-key", None)
    beside = Ask(path=path, query=query, headers=headers)
    name = stored.name if stored is not None else planned.choice.profile.name
    return plan_for(msgspec.structs.replace(who, ask=beside, provider=name), known, settings)


def failed(
    ledger: Ledger,
    message: str,
    code: str = "internal_error",
    *,
    why: EndReason = "internal_error",
) -> None:
    """Write the last record of a call that could not be recorded."""
    closed = Closed(status="failed", end_reason=why, error_code=code, error_message=message)
    ledger.closed(closed, monotonic_ns())
