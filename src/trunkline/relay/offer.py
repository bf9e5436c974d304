"""Pure. Calls whose media goes direct: the ways to ask for one, and for what is beside it.

Of the Realtime API an offer (WebRTC) and an acceptance (SIP); of GPT-Live both, and a fork
of a session that was stored, which is another session with an offer of its own.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from trunkline.protocol.call import CallKind, Transport
from trunkline.protocol.objects import Fields, read
from trunkline.protocol.profiles.ask import CALLS, LIVE, REALTIME
from trunkline.relay.form import FORM, SDP, session_of
from trunkline.relay.outgoing import Answer
from trunkline.relay.refusal import JSON

_BESIDE = re.compile(rf"({CALLS}|{LIVE})/([A-Za-z0-9_-]{{1,128}})/(accept|fork)")
_CALL = re.compile(r"(?:.*/)?([A-Za-z0-9_-]{1,128})/?(?:\?.*)?")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Way(msgspec.Struct, frozen=True):
    """One way to ask for a call."""

    api: Literal["realtime", "live"]
    accepts: str = ""
    """The provider's id of the call by telephone that is accepted; empty: it is an offer."""

    @property
    def transport(self) -> Transport:
        """How sound will get to the provider."""
        return "sip" if self.accepts else "webrtc"

    @property
    def in_json(self) -> bool:
        """Whether it is asked in JSON; else it is an offer as it is, or in a form."""
        return self.api == "live" or bool(self.accepts)

    def takes(self, content_type: str) -> bool:
        """Return whether a body of this type can be what is asked."""
        if self.in_json:
            # An acceptance by hand often has none; the SDKs send it.
            return bool(self.accepts) or content_type.lower().startswith(JSON)
        return content_type.lower().startswith((SDP, FORM))

    def session(self, content_type: str, body: bytes) -> Fields:
        """Return the session that is asked for; empty when it cannot be read."""
        if not self.in_json:
            return session_of(content_type, body)
        fields = read(body) or {}
        if self.api == "realtime":
            return fields
        session = fields.get("session")
        return session if isinstance(session, dict) else {}

    def kind(self, session: Fields) -> CallKind:
        """Return what sort of session `session` asks for."""
        if self.api == "live":
            return "live"
        return "transcription" if session.get("type") == "transcription" else "realtime"

    def call_in(self, answer: Answer) -> str:
        """Return which call the provider has made of it; empty: it does not say."""
        if self.accepts:
            return self.accepts
        if self.api == "realtime":
            match = _CALL.fullmatch(answer.head.fields.get("location", ""))
            return match[1] if match else ""
        session = (read(answer.body) or {}).get("session")
        id_ = session.get("id") if isinstance(session, dict) else None
        return id_ if isinstance(id_, str) and _ID.fullmatch(id_) else ""

    def sideband(self, provider_call: str) -> tuple[str, tuple[tuple[str, str, str], ...]]:
        """Return path and query of the WebSocket beside `provider_call`."""
        if self.api == "live":
            return f"{LIVE}/{provider_call}/attach", ()
        return REALTIME, (("call_id", provider_call, f"call_id={provider_call}"),)

    def hangup(self, url: str, provider_call: str) -> str:
        """Return the URL that ends `provider_call`, for a call that was asked for at `url`."""
        path = LIVE if self.api == "live" else CALLS
        return f"{url.partition('?')[0].rpartition(path)[0]}{path}/{provider_call}/hangup"


def way_of(path: str) -> Way | None:
    """Return the way to ask for a call at `path`; None: none is asked for there."""
    if path in (CALLS, LIVE):
        return Way("live" if path == LIVE else "realtime")
    match = _BESIDE.fullmatch(path)
    if match is None or (match[1] == CALLS and match[3] == "fork"):
        return None
    return Way("live" if match[1] == LIVE else "realtime", match[2] if match[3] == "accept" else "")
