"""I/O. Webhooks of providers: verified, remembered as calls that ring, and forwarded.

Of a call that comes by telephone the provider tells here. Its row is made when somebody
accepts it, rejects it, or has done neither for three minutes: `answered`, `rejected`, `sweep`.
"""

from __future__ import annotations

import asyncio
import os

import msgspec
import structlog

from trunkline import __version__
from trunkline.clock import monotonic_ns, wall_ns
from trunkline.ids import RANDOM_BYTES, call_id, ulid_bytes
from trunkline.protocol import incoming, webhooks
from trunkline.protocol.call import Closed, EndReason, Note, Opened
from trunkline.relay.admit import No, no
from trunkline.relay.deliveries import Deliveries
from trunkline.relay.forward import NotForwarded, Parcel, forward
from trunkline.relay.front import Front
from trunkline.relay.head import Head
from trunkline.relay.ledger import Ledger
from trunkline.relay.paths import Route
from trunkline.relay.premises import Premises
from trunkline.relay.refusal import JSON, Refusal
from trunkline.relay.ringing import RINGS_NS, Ringers, Ringing
from trunkline.relay.under_way import UnderWay
from trunkline.snapshot import Key, Webhook

log = structlog.get_logger("trunkline.relay")

SWEEP_EVERY_NS = 5 * 10**9
_TAKEN = b'{"received":true}'


class Incoming:
    """Takes what providers post, and keeps account of the calls that ring."""

    def __init__(self, premises: Premises, ringers: Ringers, deliveries: Deliveries) -> None:
        self._here = premises
        self._ringers = ringers
        self._deliveries = deliveries
        self.draining = False
        """Calls that ring are left to other gateways, and to the next one here."""
        self._taking = UnderWay()
        """From a call's file to its record, which nobody else would write."""
        self._swept_ns = 0

    async def idle(self) -> None:
        """Wait until no call that was taken from those that ring is without its record."""
        await self._taking.idle.wait()

    async def take(self, front: Front, head: Head, there: Route) -> None:
        """Verify one delivery, forward it, and answer what became of it. Raises `No`."""
        self._here.keys.refresh()
        webhook = self._here.keys.known.webhooks.get(there.path.rpartition("/")[2])
        if webhook is None:
            raise no(404, "no_webhook", "no webhook lives here: store one under Webhooks")
        body = await front.body(head)
        fields = {name: head.text(name) for name in webhooks.HEADERS}
        delivery = self._verified(webhook, fields, body)
        # The telephone rings on when who posted has hung up.
        front.keep_on()
        if not await self._deliveries.is_new(webhook.webhook_id, delivery):
            raise no(409, "webhook_replayed", "this very delivery has been here before")
        if not await self._deliveries.was_taken(webhook.webhook_id, delivery):
            await self._forward(webhook, delivery, head, there, body)
        front.reply(200, [("Content-Type", JSON)], _TAKEN)

    def _verified(self, webhook: Webhook, fields: dict[str, str], body: bytes) -> webhooks.Delivery:
        try:
            secret = self._here.keys.webhook_secret(webhook)
        except ValueError as exc:
            raise no(
                503,
                "secret_unreadable",
                f"the secret of {webhook.name} cannot be opened with the master key here:"
                " bring back the key, or store the secret again under Webhooks",
            ) from exc
        try:
            return webhooks.verified(secret, fields, body, wall_ns() // 10**9)
        except webhooks.BadSignature as exc:
            raise no(401, exc.code, exc.message) from exc

    async def _forward(
        self, webhook: Webhook, delivery: webhooks.Delivery, head: Head, there: Route, body: bytes
    ) -> None:
        call = incoming.announced(body)
        if call is not None:
            shown = call if webhook.show_numbers else incoming.without_numbers(call)
            # Before it is forwarded: the application may accept before it answers.
            await self._ringers.put(
                Ringing(
                    call=shown, org_id=webhook.org_id, webhook=webhook.name, wall_ns=wall_ns(),
                    path=there.shown,
                )
            )  # fmt: skip
        parcel = Parcel(
            url=webhook.url,
            headers=(
                ("Content-Type", head.text("content-type") or JSON),
                *((name, head.text(name)) for name in webhooks.HEADERS),
                ("User-Agent", f"Trunkline/{__version__}"),
                ("Trunkline-Webhook", webhook.name),
            ),
            body=body,
            anywhere=webhook.org_id == self._here.keys.known.default_org_id,
        )
        try:
            await forward(parcel, self._here.tls)
        except asyncio.CancelledError:
            # Whoever posted it may be gone; it tries again what was not taken.
            log.warning("a webhook is not forwarded: the gateway restarts", webhook=webhook.name)
            raise
        except NotForwarded as exc:
            if call is not None:
                lost = self._lost(webhook.org_id, call.provider_call, exc.refusal)
                await self._taking.see_out(lost)
            raise No(exc.refusal) from exc
        await self._deliveries.taken(webhook.webhook_id, delivery)

    # --- what becomes of a call that rings ----------------------------------------------

    async def ringing(self, org_id: str, provider_call: str) -> Ringing | None:
        """Return a call that rings for the organisation, if it was told of here."""
        return await self._ringers.find(org_id, provider_call)

    async def answered(self, org_id: str, provider_call: str) -> None:
        """It was accepted, or is gone: another record has it."""
        await self._ringers.take(org_id, provider_call)

    async def rejected(self, key: Key, provider_call: str) -> None:
        """It was rejected with `key`."""
        await self._taking.see_out(self._rejected(key, provider_call))

    async def _rejected(self, key: Key, provider_call: str) -> None:
        ringing = await self._ringers.take(key.org_id, provider_call)
        if ringing is not None:
            self._record(ringing, "rejected", key=key)

    async def _lost(self, org_id: str, provider_call: str, refusal: Refusal) -> None:
        ringing = await self._ringers.take(org_id, provider_call)
        if ringing is not None:
            message = f"its webhook could not be forwarded: {refusal.message}"
            self._record(ringing, "not_answered", refusal.code, message)

    def sweep(self, now_ns: int) -> None:
        """Record the calls that nobody has answered. Called often; looks now and then."""
        if now_ns - self._swept_ns < SWEEP_EVERY_NS or not self._here.keys.known.webhooks:
            return
        if not self.draining:
            self._swept_ns = now_ns
            self._taking.start(self._sweep())

    async def _sweep(self) -> None:
        for ringing in await self._ringers.overdue(wall_ns()):
            seconds = RINGS_NS // 10**9
            message = f"nobody accepted or rejected it through this gateway within {seconds} s"
            self._record(ringing, "not_answered", "not_answered", message)

    def _record(
        self,
        ringing: Ringing,
        why: EndReason,
        code: str = "",
        message: str = "",
        key: Key | None = None,
    ) -> None:
        """Write the whole record of a call that nobody took."""
        ulid = ulid_bytes(ringing.wall_ns, os.urandom(RANDOM_BYTES))
        now_ns = monotonic_ns()
        rang_ns = max(0, min(wall_ns() - ringing.wall_ns, now_ns))
        opened = Opened(
            call_id=call_id(ulid),
            wall_ns=ringing.wall_ns,
            opened_ns=now_ns - rang_ns,
            org_id=ringing.org_id,
            kind="live" if ringing.call.api == "live" else "realtime",
            transport="sip",
            key_id=key.key_id if key else "",
            key_name=key.name if key else "",
            path=ringing.path,
            properties=incoming.ends(ringing.call),
            gateway=self._here.instance,
            version=__version__,
        )
        ledger = Ledger(self._here.journal, ulid, self._here.ended)
        ledger.opened(opened)
        ledger.note(note_of(ringing, wall_ns()), now_ns)
        closed = Closed(status="refused", end_reason=why, error_code=code, error_message=message)
        ledger.closed(closed, now_ns)


def note_of(ringing: Ringing, now_wall_ns: int) -> Note:
    """Return what is recorded of a call that rang until now."""
    call = ringing.call
    data = {
        "call_id": call.provider_call,
        "api": call.api,
        "webhook": ringing.webhook,
        "sip_headers": [msgspec.to_builtins(one) for one in call.headers],
        "media_security": call.media_security,
        "rang_ms": max(0, now_wall_ns - ringing.wall_ns) // 1_000_000,
    }
    return Note(kind="incoming", data=data)


def with_ends(opened: Opened, ringing: Ringing | None) -> Opened:
    """Return `opened` as the record of who calls whom, if that is known.

    What the application says itself goes before it.
    """
    if ringing is None:
        return opened
    properties = {**incoming.ends(ringing.call), **opened.properties}
    return msgspec.structs.replace(opened, properties=properties)
