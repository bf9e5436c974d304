"""Pure. Calls that come by telephone: what a provider's webhook says of one that rings.

The same call may be announced twice, once for the Realtime API and once for GPT-Live;
whoever accepts first decides. Its SIP headers are whatever a stranger's telephone says of
itself: shown and recorded, never believed.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

REALTIME_CALL: Final = "realtime.call.incoming"
LIVE_CALL: Final = "live.transport.incoming"

FROM: Final = "Sip-From"
TO: Final = "Sip-To"
"""Properties under which a call's two ends are recorded."""

MAX_HEADERS: Final = 64
MAX_CHARS: Final = 1_024
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_HIDDEN: Final = "…"
_LAST: Final = 2
"""Letters of a number that is not to be shown that are: enough to tell two calls apart."""
_URI = re.compile(r"<([^<>]*)>")
_USER = re.compile(r"(?:sips?|tel):([^@;?]*)")


class SipHeader(msgspec.Struct, frozen=True):
    """One header of the SIP INVITE."""

    name: str
    value: str


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str = ""
    session_id: str = ""
    sip_headers: list[SipHeader] = []
    sip_media_security: str | None = None


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    data: _Data = _Data()


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """A call that rings."""

    provider_call: str
    """By which it is accepted or rejected, at the provider."""
    api: Literal["realtime", "live"]
    headers: tuple[SipHeader, ...] = ()
    media_security: str = ""

    def header(self, name: str) -> str:
        """Return the first header of that name; empty: there is none."""
        wanted = name.lower()
        return next((one.value for one in self.headers if one.name.lower() == wanted), "")


def announced(body: bytes) -> Announced | None:
    """Return the call that a webhook announces; None: it is about something else."""
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    data, live = event.data, event.type == LIVE_CALL
    id_ = data.session_id if live else data.call_id
    if event.type not in (REALTIME_CALL, LIVE_CALL) or not _ID.fullmatch(id_):
        return None
    return Announced(
        provider_call=id_,
        api="live" if live else "realtime",
        headers=tuple(
            SipHeader(one.name[:MAX_CHARS], one.value[:MAX_CHARS])
            for one in data.sip_headers[:MAX_HEADERS]
        ),
        media_security=(data.sip_media_security or "")[:MAX_CHARS],
    )


def without_numbers(call: Announced) -> Announced:
    """Return the call with its two ends hidden but for their last letters, and no other header.

    Names stay, so that it is seen what was there.
    """
    return msgspec.structs.replace(call, headers=tuple(_hidden(one) for one in call.headers))


def ends(call: Announced) -> dict[str, str]:
    """Return who calls whom, as properties of a call; what is not told is left out."""
    named = {FROM: _address(call.header("From")), TO: _address(call.header("To"))}
    return {name: value for name, value in named.items() if value}


def _hidden(header: SipHeader) -> SipHeader:
    if header.name.lower() not in ("from", "to"):
        return SipHeader(header.name, _HIDDEN)
    user = _USER.search(_address(header.value))
    digits = user[1] if user else ""
    shown = digits[-_LAST:] if len(digits) > 2 * _LAST else ""
    return SipHeader(header.name, f"{_HIDDEN}{shown}")


def _address(value: str) -> str:
    """Return the address in a From or To, without a name before it or parameters after it."""
    match = _URI.search(value)
    return (match[1] if match else value.partition(";")[0]).strip()
