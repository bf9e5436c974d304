"""Pure. Who may open a call, and to where: decided from the request head alone."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

import msgspec

from trunkline.protocol.call import Note, Opened
from trunkline.protocol.profiles.ask import Ask
from trunkline.protocol.profiles.ask import Refused as Unplannable
from trunkline.protocol.profiles.planning import Plan, plan
from trunkline.relay.head import Head, as_text, query_pairs
from trunkline.relay.refusal import Refusal
from trunkline.settings import Settings
from trunkline.snapshot import Key, Snapshot, sha256_of_key

GATEWAY = "/v1/gateway/oai"
PATHS = frozenset({f"{GATEWAY}/realtime", f"{GATEWAY}/v1/realtime", "/v1/realtime"})
PREFIX = f"{GATEWAY}/realtime/"
"""Whatever follows is ignored: Helicone's own example appends `/v1/realtime`."""

MAX_PROPERTIES = 50
MAX_NAME_CHARS = 128
MAX_VALUE_CHARS = 1024

_PROPERTY = "helicone-property-"
_SESSION = ("Helicone-Session-Id", "Helicone-Session-Name", "Helicone-Session-Path")
_BEARER = re.compile(r"[Bb]earer +([\x21-\x7e]{1,512})")


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


class NotAdmitted(msgspec.Struct, frozen=True, kw_only=True):
    """May not. `opened` is recorded all the same: every attempt has a row."""

    opened: Opened
    refusal: Refusal


class _No(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def is_realtime(path: str) -> bool:
    """Return whether `path` is a call's, rather than the dashboard's or the API's."""
    return path in PATHS or path.startswith(PREFIX)


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


def admit(
    head: Head, arrival: Arrival, snapshot: Snapshot, keys: Mapping[str, Key], settings: Settings
) -> Admitted | NotAdmitted:
    """Decide on one attempt. `keys` is `snapshot.by_sha256()`, made once per snapshot."""
    opened = _described(head, arrival, snapshot.default_org_id)
    try:
        if refusal := check_upgrade(head):
            raise _No(refusal)
        provider, ours = _credentials(head)
        key = _key(ours, keys)
        opened = msgspec.structs.replace(
            opened, org_id=key.org_id, key_id=key.key_id, key_name=key.name
        )
        if not key.may_call:
            raise _no(403, "key_may_not_call", "this key is read-only: use one that may open calls")
        planned = _planned(head, provider, settings)
    except _No as no:
        return NotAdmitted(opened=opened, refusal=no.refusal)
    return Admitted(
        opened=_planned_opened(opened, planned),
        key=key,
        plan=planned,
        notes=tuple(_notes(planned)),
        subprotocol="realtime" if head.tokens("sec-websocket-protocol") else "",
        websocket_key=head.text("sec-websocket-key"),
    )


def _refuse(status: int, code: str, message: str) -> Refusal:
    return Refusal(status=status, code=code, message=message)


def _no(status: int, code: str, message: str) -> _No:
    return _No(_refuse(status, code, message))


def _is_websocket_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _credentials(head: Head) -> tuple[str, str]:
    """Return the provider's credential and ours, both as header values."""
    first, comma, second = head.text("authorization").partition(",")
    ours = head.text("helicone-auth")
    if comma and ours:
        raise _no(
            400, "ambiguous_key", "send the gateway's key in Helicone-Auth or in Authorization"
        )
    return first.strip(), ours or second.strip()


def _key(value: str, keys: Mapping[str, Key]) -> Key:
    if not value:
        raise _no(401, "missing_key", "send the header Helicone-Auth: Bearer <your Trunkline key>")
    match = _BEARER.fullmatch(value)
    if match is None:
        raise _no(401, "malformed_key", "write the key as Helicone-Auth: Bearer <key>")
    key = keys.get(sha256_of_key(match[1]))
    if key is None:
        raise _no(401, "invalid_key", "this key is not known here: create one under API keys")
    if key.revoked:
        raise _no(401, "revoked_key", "this key was revoked: create another under API keys")
    return key


def _planned(head: Head, provider: str, settings: Settings) -> Plan:
    headers = {name.lower(): as_text(value) for name, value in reversed(head.fields)}
    headers["authorization"] = provider
    ask = Ask(
        query=query_pairs(head.query),
        headers=headers,
        protocols=head.tokens("sec-websocket-protocol"),
    )
    try:
        return plan(ask, settings)
    except Unplannable as exc:
        raise _no(exc.status, exc.code, exc.message) from exc


def _described(head: Head, arrival: Arrival, org_id: str) -> Opened:
    session_id, session_name, session_path = (
        _bounded(head.text(name.lower())) for name in _SESSION
    )
    return Opened(
        call_id=arrival.call_id,
        wall_ns=arrival.wall_ns,
        opened_ns=arrival.at_ns,
        org_id=org_id,
        path=head.path[:MAX_VALUE_CHARS],
        session_id=session_id,
        session_name=session_name,
        session_path=session_path,
        user_id=_bounded(head.text("helicone-user-id")),
        properties=dict(_properties(head)),
        caller_address=arrival.caller_address,
        user_agent=_bounded(head.text("user-agent")),
        gateway=arrival.gateway,
        version=arrival.version,
    )


def _planned_opened(opened: Opened, planned: Plan) -> Opened:
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
    """Yield the call's properties; the session's headers are properties too, as at Helicone."""
    for name in _SESSION:
        if value := head.text(name.lower()):
            yield name, _bounded(value)
    named = [field for field in head.fields if field[0].lower().startswith(_PROPERTY)]
    for name, value in named[:MAX_PROPERTIES]:
        if bare := name[len(_PROPERTY) :][:MAX_NAME_CHARS]:
            yield bare, _bounded(as_text(value))


def _bounded(text: str) -> str:
    return text[:MAX_VALUE_CHARS]


def _notes(planned: Plan) -> Iterator[Note]:
    if planned.model_asked != planned.model_used:
        yield Note(
            kind="model_mapped",
            data={
                "asked": planned.model_asked,
                "used": planned.model_used,
                "why": "retired by the provider; see the setting `successors`",
            },
        )
