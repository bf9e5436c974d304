"""Pure. Whom the Talk page may speak with, and the token with which it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.protocol.profiles.planning import SIMULATOR
from trunkline.protocol.token import Token
from trunkline.store.control.accounts import KeyLimits
from trunkline.store.control.providers import Provider

KEY_NAME: Final = "Talk"
KEY_LIMITS: Final = KeyLimits(max_calls=10, max_calls_per_minute=30, max_call_seconds=1_800)
"""Of the key under which the page calls: a tab that is forgotten must not talk for ever."""
SECONDS: Final = 60
"""Life of a token: from the click to the call."""
MAX_MODEL_CHARS: Final = 256

_OPENAI_MODELS: Final = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")
_OPENAI_VOICES: Final = (
    "marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse",
)  # fmt: skip
_SPEAKS_AS_OPENAI: Final = ("openai", "azure", SIMULATOR)
_LOCAL: Final = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 (not bound to)

_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,300}")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to speak with."""

    name: str
    """Of a stored provider; empty: the simulator."""
    title: str
    models: tuple[str, ...] = ()
    """To choose from; the first is proposed. Others may be typed, unless it is `fixed`."""
    fixed: bool = False
    voices: tuple[str, ...] = ()
    """Known ones."""


def offers(stored: Sequence[Provider], *, simulated: bool) -> tuple[Offer, ...]:
    """Return whom an organisation may speak with: what it has stored, and the simulator.

    `simulated`: the simulator answers every call, so it is the only one.
    """
    if simulated:
        return (_simulator(_OPENAI_MODELS),)
    speaking = [one for one in stored if one.profile in PROFILES and _speaks(one)]
    return (*map(_offer, speaking), _simulator((SIMULATOR,)))


def _simulator(models: tuple[str, ...]) -> Offer:
    return Offer(
        name="",
        title="Simulator (nothing is billed)",
        models=models,
        fixed=True,
        voices=_OPENAI_VOICES,
    )


def _speaks(provider: Provider) -> bool:
    """Return whether its sessions are conversations in a dialect that we know."""
    return not PROFILES[provider.profile].own_events


def _offer(provider: Provider) -> Offer:
    named = tuple(model for model in provider.models if "*" not in model)
    title = PROFILES[provider.profile].title
    return Offer(
        name=provider.name,
        title=title if title.lower() == provider.name.lower() else f"{provider.name} · {title}",
        models=named or (_OPENAI_MODELS if provider.profile == "openai" else ()),
        voices=_OPENAI_VOICES if provider.profile in _SPEAKS_AS_OPENAI else (),
    )


def problem_with(model: str, offer: Offer) -> str:
    """Return why `offer` cannot be asked for `model`, or nothing."""
    if not model or len(model) > MAX_MODEL_CHARS or not model.isprintable():
        return "Name a model."
    if offer.fixed and model not in offer.models:
        return f"Choose one of {', '.join(offer.models)}."
    return ""


def token_for(
    talk_id: str, offer: Offer, model: str, *, key_id: str, user: str, origin: str, now_s: int
) -> Token:
    """Return the token of one call: for a page from `origin`, once, for a minute.

    It holds no credential: the gateway opens the call with what the organisation has stored.
    """
    return Token(
        id=talk_id.removeprefix("talk_"),
        key_id=key_id,
        expires_at_s=now_s + SECONDS,
        provider=offer.name,
        model=model,
        origins=(origin.lower(),),
        uses=1,
        user_id=user,
        session_id=talk_id,
        session_name=KEY_NAME,
        session_path="/talk",
        properties={"source": "talk"},
    )


def gateway_elsewhere(public_url: str, host: str) -> str:
    """Return the gateway's `ws://` address, if it is not where the page came from: from `host`.

    Whoever sees the page through a gateway's port can call there. That fails only where the
    dashboard has another name than the gateway, and then `public_url` says which.
    """
    there = urlsplit(public_url)
    if not there.hostname or there.hostname in _LOCAL or there.netloc == host:
        return ""
    return f"{'wss' if there.scheme == 'https' else 'ws'}://{there.netloc}"


def connecting_to(gateway: str, host: str) -> Iterable[str]:
    """Return where the page may open its WebSocket to, as its security policy says it.

    Browsers differ in whether `'self'` is also the WebSocket at the same place.
    """
    if gateway:
        return (gateway,)
    return (f"ws://{host}", f"wss://{host}") if _HOST.fullmatch(host) else ()
