"""Pure. What makes a provider: data, and the few functions in which it differs from others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from trunkline.protocol.call import Dialect
from trunkline.protocol.profiles.ask import Ask
from trunkline.protocol.profiles.credentials import Credential, Header

Refusal: TypeAlias = Literal["handshake", "event", "unknown"]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One provider."""

    name: str
    """As in records and settings."""
    title: str
    """For people."""
    url: str = ""
    """Where it lives, in the form that `address` takes; `{resource}` is the caller's to name, or
    stored. Empty: wherever somebody runs it, so it must be stored."""
    usual_path: str = ""
    """What a stored URL without a path is completed with, where `url` is empty."""
    address: Callable[[Ask, str, str], str]
    """(ask, where it lives, model to use) -> the URL to dial."""
    credential: Credential
    credential_hint: str
    """How a caller sends its own: the header, with a word in place of the credential."""
    keyless: bool = False
    """It may ask for no credential: whoever runs it decides."""
    model: Callable[[Ask], str]
    """What the caller calls the model; empty where none is named. May raise `Refused`."""
    dialect: Callable[[Ask], Dialect]
    """Which vocabulary it speaks, on this path."""
    models: tuple[str, ...] = ()
    """Models that are certainly its own, `*` for any letters. Empty: they may have any name."""
    own_events: bool = False
    """Its events are in no dialect that we know: nothing is bridged, whatever the caller says."""
    hears_hz: int = 24_000
    """Rate of the PCM that it takes where no event says another."""
    always: tuple[Header, ...] = ()
    """Headers that it must have, whatever the caller sends."""
    resource_is: str = "the name of an Azure resource"
    """What stands in for `{resource}`."""
    refuses: Refusal = "unknown"
    """How it turns a bad credential away: at the handshake, with an HTTP status, or with an `error`
    event after it."""
    session_s: int = 0
    """Longest session. 0: not known."""
    idle_s: int = 0
    """Silence of the caller after which it closes. 0: none known."""
    keeps_beta: bool = False
    """`OpenAI-Beta: realtime=v1` travels to it where it speaks beta."""
    maps_models: bool = False
    """The setting `successors` is about its models."""
    client_secrets: bool = False
    """It makes client secrets that are bound to a session, at `/realtime/client_secrets`."""


def speaks_beta(_ask: Ask) -> Dialect:
    """Return `beta`, whatever is asked for."""
    return "beta"


def speaks_ga(_ask: Ask) -> Dialect:
    """Return `ga`, whatever is asked for."""
    return "ga"
