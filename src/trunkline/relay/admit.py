"""Pure. Who may open a call, and to where: decided from the request head alone."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Callable, Iterator, Mapping

import msgspec

from trunkline.protocol import trace
from trunkline.protocol.call import Note, Opened, kind_of
from trunkline.protocol.profiles.ask import Refused as Unplannable
from trunkline.protocol.profiles.choosing import Choice, choose
from trunkline.protocol.profiles.planning import Plan, is_simulated, plan
from trunkline.protocol.token import Token
from trunkline.relay import call_prices, tokens
from trunkline.relay.credentials import Identity, Unidentified, identify
from trunkline.relay.head import Head, as_text, query_pairs
from trunkline.relay.paths import Route, route
from trunkline.relay.refusal import Refusal
from trunkline.relay.tokens import Open
from trunkline.settings import Settings
from trunkline.snapshot import Key, Provider, Snapshot, Webhook

MAX_PROPERTIES = 50
MAX_NAME_CHARS = 128
MAX_VALUE_CHARS = 1024

_PROPERTY = "helicone-property-"
_SESSION = ("Helicone-Session-Id", "Helicone-Session-Name", "Helicone-Session-Path")
_PROMPT = "Helicone-Prompt-Id"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Who may call, and what organisations have stored: a snapshot, arranged for look-ups."""

    keys: Mapping[str, Key] = {}
    """By the SHA-256 of their text."""
    by_id: Mapping[str, Key] = {}
    providers: Mapping[str, tuple[Provider, ...]] = {}
    """By organisation."""
    webhooks: Mapping[str, Webhook] = {}
    """By id."""
    default_org_id: str = ""
    secret_of: Callable[[Provider], str] | None = None
    """Opens a stored credential. Raises `ValueError` when this process cannot."""
    unseal: Open | None = None
    """Opens a token."""

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        secret_of: Callable[[Provider], str] | None = None,
        unseal: Open | None = None,
    ) -> Known:
        """Return what `snapshot` says."""
        return cls(
            keys=snapshot.by_sha256(),
            by_id={key.key_id: key for key in snapshot.keys},
            unseal=unseal,
            providers=snapshot.by_organisation(),
            webhooks={webhook.webhook_id: webhook for webhook in snapshot.webhooks},
            default_org_id=snapshot.default_org_id,
            secret_of=secret_of,
        )


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What the shell knows of an attempt that its head does not say."""

    call_id: str
    wall_ns: int
    at_ns: int
    """Gateway monotonic clock when the head was complete."""
    caller_address: str = ""
    gateway: str = ""
    version: str = ""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """May call: dial `plan`, then answer 101."""

    opened: Opened
    key: Key
    plan: Plan
    notes: tuple[Note, ...]
    subprotocol: str
    """What to select of the subprotocols offered; empty when none was."""
    websocket_key: str
    token: Token | None = None
    """What it came with, in place of a key."""


class NotAdmitted(msgspec.Struct, frozen=True, kw_only=True):
    """May not. `opened` is recorded all the same: every attempt has a row."""

    opened: Opened
    refusal: Refusal


class No(Exception):
    """It goes no further. Holds what to answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def check_upgrade(head: Head) -> Refusal | None:
    """Return why `head` cannot become a WebSocket, or None when it can (RFC 6455, 4.2.1)."""
    if head.method != "GET":
        return Refusal(
            status=405, code="method_not_allowed", headers=(("Allow", "GET"),),
            message="open a WebSocket here: GET with Upgrade: websocket",
        )  # fmt: skip
    if not head.upgrades or head.version != "HTTP/1.1":
        return Refusal(
            status=426, code="upgrade_required", headers=(("Upgrade", "websocket"),),
            message="this address speaks WebSocket: connect with ws:// or wss://",
        )  # fmt: skip
    if head.text("sec-websocket-version") != "13":
        return Refusal(
            status=426, code="bad_websocket_version",
            headers=(("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
            message="send Sec-WebSocket-Version: 13",
        )  # fmt: skip
    if not _is_websocket_key(head.text("sec-websocket-key")):
        return _refuse(400, "bad_websocket_key", "Sec-WebSocket-Key must be 16 bytes in base64")
    if head.every("content-length") not in ((), ("0",)) or head.every("transfer-encoding"):
        return _refuse(400, "unexpected_body", "an upgrade request has no body")
    return None


def admit(head: Head, arrival: Arrival, known: Known, settings: Settings) -> Admitted | NotAdmitted:
    """Decide on one attempt."""
    there = route(head.path) or Route(path="", shown=head.path)
    opened = described(head, there, arrival, known.default_org_id)
    try:
        if refusal := check_upgrade(head):
            raise No(refusal)
        token = held(head, known)
        who = identified(head, there, known, settings, token=token, now_s=arrival.wall_ns / 1e9)
        opened = of_key(bound(opened, token), who.key)
        check_may_call(who.key)
        planned = plan_for(who, known, settings, arrival.call_id)
    except No as no:
        return NotAdmitted(opened=opened, refusal=no.refusal)
    return Admitted(
        opened=planned_opened(opened, planned.plan),
        key=who.key,
        plan=planned.plan,
        notes=(
            *_used(token),
            *_chosen(planned.choice),
            *_mapped(planned.plan),
            *call_prices.bad(head),
            *_bad_trace(head),
        ),
        token=token,
        subprotocol="realtime" if head.tokens("sec-websocket-protocol") else "",
        websocket_key=head.text("sec-websocket-key"),
    )


def _refuse(status: int, code: str, message: str) -> Refusal:
    return Refusal(status=status, code=code, message=message)


def no(status: int, code: str, message: str) -> No:
    """Return a refusal to raise."""
    return No(_refuse(status, code, message))


def _is_websocket_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def held(head: Head, known: Known) -> Token | None:
    """Return the token that came with `head`, if one did. Raises `No`."""
    try:
        text = tokens.found(head)
        if not text:
            return None
        if known.unseal is None:
            raise no(503, "no_tokens", "this gateway has no master key: it knows no tokens")
        return tokens.read(text, known.unseal)
    except Unidentified as exc:
        raise No(exc.refusal) from exc


def identified(
    head: Head, there: Route, known: Known, settings: Settings, *, token: Token | None, now_s: float
) -> Identity:
    """Return who sent `head`, by its `token` or by a key. Raises `No`."""
    try:
        if token is None:
            who = identify(head, there, known.keys, settings.key_ways)
        else:
            key = tokens.holder(token, head, known.by_id, now_s)
            ask = tokens.asked(token, head, there)
            who = Identity(key=key, ask=ask, provider=token.provider)
    except Unidentified as exc:
        raise No(exc.refusal) from exc
    return who


def check_may_call(key: Key) -> None:
    """Raise `No` for a key that may only read."""
    if not key.may_call:
        raise no(403, "key_may_not_call", "this key is read-only: use one that may open calls")


class Planned(msgspec.Struct, frozen=True):
    """How to dial what is asked, and why there."""

    plan: Plan
    choice: Choice


def plan_for(who: Identity, known: Known, settings: Settings, call_id: str = "") -> Planned:
    """Return how to dial what is asked; `call_id` is how we call it. Raises `No`."""
    ask = msgspec.structs.replace(who.ask, call_id=call_id)
    stored = known.providers.get(who.key.org_id, ())
    try:
        simulated = is_simulated(ask, settings)
        choice = choose(ask, who.provider, stored, simulated=simulated)
        secret = "" if choice.own or simulated else _secret(choice, known)
        planned = plan(ask, choice, secret, settings)
    except Unplannable as exc:
        raise no(exc.status, exc.code, exc.message) from exc
    return Planned(planned, choice)


def _secret(choice: Choice, known: Known) -> str:
    provider = choice.stored
    if provider is None or not provider.sealed:
        return ""
    with contextlib.suppress(ValueError):
        if known.secret_of is not None:
            return known.secret_of(provider)
    raise no(
        503,
        "credential_unreadable",
        f"the stored credential of {provider.name} cannot be opened with the master key here:"
        " bring back the key, or store the credential again under Providers",
    )


def described(head: Head, there: Route, arrival: Arrival, org_id: str) -> Opened:
    """Return what is known of an attempt before it is known whose it is."""
    session_id, session_name, session_path = (
        _bounded(head.text(name.lower())) for name in _SESSION
    )
    return Opened(
        call_id=arrival.call_id,
        wall_ns=arrival.wall_ns,
        opened_ns=arrival.at_ns,
        org_id=org_id,
        kind=kind_of(there.path, _intent(head)),
        path=there.shown[:MAX_VALUE_CHARS],
        session_id=session_id,
        session_name=session_name,
        session_path=session_path,
        user_id=_bounded(head.text("helicone-user-id")),
        properties=dict(_properties(head)),
        prices=call_prices.given(head),
        caller_address=arrival.caller_address,
        user_agent=_bounded(head.text("user-agent")),
        traceparent=parent.text if (parent := trace.parse(_traceparent(head))) else "",
        gateway=arrival.gateway,
        version=arrival.version,
    )


def of_key(opened: Opened, key: Key) -> Opened:
    """Return `opened` as an attempt of `key`."""
    return msgspec.structs.replace(opened, org_id=key.org_id, key_id=key.key_id, key_name=key.name)


def bound(opened: Opened, token: Token | None) -> Opened:
    """Return `opened` with what `token` says of its calls: a page's own words count for nothing."""
    if token is None:
        return opened
    return msgspec.structs.replace(
        opened,
        user_id=token.user_id,
        session_id=token.session_id,
        session_name=token.session_name,
        session_path=token.session_path,
        properties=token.properties,
    )


def _intent(head: Head) -> str:
    return _asked(head, "intent")


def _asked(head: Head, wanted: str) -> str:
    return next((value for name, value, _ in query_pairs(head.query) if name == wanted), "")


def _traceparent(head: Head) -> str:
    """Return the caller's word for its span. Browsers cannot set headers: theirs is in the
    query."""
    return head.text(trace.NAME) or _asked(head, trace.NAME)


def _bad_trace(head: Head) -> Iterator[Note]:
    """Yield a note where what was sent is none. It may be anything, so it is not quoted."""
    said = _traceparent(head)
    if said and trace.parse(said) is None:
        yield Note(kind="bad_traceparent")


def planned_opened(opened: Opened, planned: Plan) -> Opened:
    """Return `opened` with where it goes."""
    return msgspec.structs.replace(
        opened,
        provider=planned.profile,
        provider_url=planned.shown_url,
        model_asked=planned.model_asked,
        model_used=planned.model_used,
        caller_dialect=planned.caller_dialect,
        provider_dialect=planned.provider_dialect,
    )


def _properties(head: Head) -> Iterator[tuple[str, str]]:
    """Yield the call's properties; as at Helicone, headers of session and prompt are, too."""
    for name in (*_SESSION, _PROMPT):
        if value := head.text(name.lower()):
            yield name, _bounded(value)
    named = [field for field in head.fields if field[0].lower().startswith(_PROPERTY)]
    for name, value in named[:MAX_PROPERTIES]:
        if bare := name[len(_PROPERTY) :][:MAX_NAME_CHARS]:
            yield bare, _bounded(as_text(value))


def _bounded(text: str) -> str:
    return text[:MAX_VALUE_CHARS]


def _used(token: Token | None) -> Iterator[Note]:
    if token is not None:
        data = {"id": token.id, "uses": token.uses, "origins": list(token.origins)}
        yield Note(kind="token", data=data)


def _chosen(choice: Choice) -> Iterator[Note]:
    if choice.stored is not None:
        yield Note(
            kind="stored_provider",
            data={
                "id": choice.stored.provider_id,
                "name": choice.stored.name,
                "by": choice.by,
                "credential": "caller's" if choice.own else "stored",
            },
        )


def _mapped(planned: Plan) -> Iterator[Note]:
    if planned.model_asked != planned.model_used:
        yield Note(
            kind="model_mapped",
            data={
                "asked": planned.model_asked,
                "used": planned.model_used,
                "why": "retired by the provider; see the setting `successors`",
            },
        )
