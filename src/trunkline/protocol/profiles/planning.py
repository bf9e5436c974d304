"""Pure. How to dial what a caller asked for."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus, urlsplit

import msgspec

from trunkline.protocol.call import Dialect
from trunkline.protocol.profiles.ask import Ask, Refused, beta_header, passed_headers
from trunkline.protocol.profiles.choosing import Choice
from trunkline.protocol.profiles.credentials import PROTOCOLS, SUBPROTOCOL, Header, secrets_of
from trunkline.protocol.profiles.profile import Profile
from trunkline.settings import Settings

SIMULATOR: Final = "simulator"
"""The model that always goes to the simulator, and the profile of what was answered by it."""

_SHOWN = frozenset({"model", "intent", "call_id", "api-version", "deployment"})
"""Query parameters whose values may be recorded."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to dial, and which languages are spoken. Holds credentials: never log it."""

    profile: str
    url: str
    headers: tuple[tuple[str, str], ...]
    model_asked: str
    model_used: str
    caller_dialect: Dialect
    provider_dialect: Dialect

    @property
    def secrets(self) -> tuple[str, ...]:
        """The provider's credential, without its scheme: to be hidden in records."""
        return secrets_of(self.headers)

    @property
    def subprotocol(self) -> str:
        """What the provider may select of the subprotocols that we offer; empty: we offer none."""
        return SUBPROTOCOL if PROTOCOLS in dict(self.headers) else ""

    @property
    def shown_url(self) -> str:
        """The URL as it may be recorded: values of unknown parameters are left out."""
        base, _, query = self.url.partition("?")
        pieces = (piece.partition("=") for piece in query.split("&") if piece)
        shown = "&".join(
            f"{name}={value}" if unquote_plus(name) in _SHOWN else f"{name}=…"
            for name, _, value in pieces
        )
        return f"{base}?{shown}" if shown else base


def is_simulated(ask: Ask, settings: Settings) -> bool:
    """Return whether the simulator answers, whoever was asked."""
    return settings.simulator or ask.value("model") == SIMULATOR


def plan(ask: Ask, choice: Choice, secret: str, settings: Settings) -> Plan:
    """Return how to dial what `ask` asks for, at the provider that was chosen.

    `secret` is its stored credential; without effect where the caller's own is used.

    Raises:
        Refused: a parameter or the provider's credential is missing or wrong.
    """
    profile, simulated = choice.profile, is_simulated(ask, settings)
    asked = profile.model(ask)
    used = settings.successors.get(asked, asked) if profile.maps_models else asked
    speaks = profile.dialect(ask)
    # What is stored is for the provider alone; a simulator may run anywhere.
    holding = ask if choice.own else ask.holding(SIMULATOR if simulated else secret)
    base = _simulated(profile, settings) if simulated else _base(choice, settings)
    return Plan(
        profile=SIMULATOR if simulated else profile.name,
        url=profile.address(ask, base, used),
        headers=(
            *_credential(holding, choice, simulated=simulated),
            *passed_headers(ask),
            *profile.always,
            *beta_header(ask, kept=profile.keeps_beta and speaks == "beta"),
        ),
        model_asked=asked,
        model_used=used,
        # Who calls a provider that speaks beta is taken to speak it too, until a frame tells.
        caller_dialect="beta" if speaks == "beta" else ask.dialect,
        provider_dialect=speaks,
    )


def _base(choice: Choice, settings: Settings) -> str:
    """Return where the provider lives, in the form that its profile takes."""
    configured = {"openai": settings.openai_url, "azure": settings.azure_url}
    name = choice.profile.name
    base = (choice.stored.url if choice.stored else "") or configured.get(name, choice.profile.url)
    if not base:
        raise Refused(
            400, "missing_url",
            f"where {choice.profile.title} is, nobody has said: store it under Providers",
        )  # fmt: skip
    if "{resource}" not in base:
        return base
    if not choice.resource:
        wanted = choice.profile.resource_is
        raise Refused(400, "missing_resource", f"add &resource=<{wanted}>")
    return base.replace("{resource}", choice.resource)


def _simulated(profile: Profile, settings: Settings) -> str:
    """Return where the simulator answers as `profile` does."""
    if not settings.simulator_url:
        raise Refused(
            503, "no_simulator", "no simulator runs here: start one and set simulator_url"
        )
    return settings.simulator_url + urlsplit(profile.url).path


def _credential(ask: Ask, choice: Choice, *, simulated: bool) -> tuple[Header, ...]:
    profile = choice.profile
    if headers := tuple(profile.credential(ask)):
        return headers
    if simulated:
        return tuple(profile.credential(ask.holding(SIMULATOR)))
    if choice.stored is not None and not choice.stored.sealed:
        return ()
    raise Refused(
        401,
        "missing_provider_credential",
        f"the provider's own key is missing: send the header {profile.credential_hint},"
        " or store one under Providers",
    )
