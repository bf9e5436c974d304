"""Pure. How to dial what a caller asked for."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus, urlsplit

import msgspec

from trunkline.protocol.call import Dialect
from trunkline.protocol.profiles.ask import RESOURCE, Ask, Refused, beta_header, passed_headers
from trunkline.protocol.profiles.azure import AZURE
from trunkline.protocol.profiles.credentials import Header
from trunkline.protocol.profiles.openai import OPENAI
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
    def shown_url(self) -> str:
        """The URL as it may be recorded: values of unknown parameters are left out."""
        base, _, query = self.url.partition("?")
        pieces = (piece.partition("=") for piece in query.split("&") if piece)
        shown = "&".join(
            f"{name}={value}" if unquote_plus(name) in _SHOWN else f"{name}=…"
            for name, _, value in pieces
        )
        return f"{base}?{shown}" if shown else base


def plan(ask: Ask, settings: Settings) -> Plan:
    """Return how to dial what `ask` asks for.

    Raises:
        Refused: a parameter or the provider's credential is missing or wrong.
    """
    if ask.value("resource") or ask.value("deployment"):
        return _planned(ask, AZURE, _azure_base(ask, settings), settings)
    if ask.value("model") or ask.value("call_id") or ask.transcribes:
        return _planned(ask, OPENAI, settings.openai_url, settings)
    raise Refused(
        400,
        "missing_model",
        "add ?model=<model> for OpenAI, or ?resource=<name>&deployment=<name> for Azure",
    )


def _planned(ask: Ask, profile: Profile, base: str, settings: Settings) -> Plan:
    asked = profile.model(ask)
    used = settings.successors.get(asked, asked) if profile.maps_models else asked
    simulated = settings.simulator or (profile is OPENAI and asked == SIMULATOR)
    speaks = profile.dialect(ask)
    return Plan(
        profile=SIMULATOR if simulated else profile.name,
        url=profile.address(ask, _simulated(profile, settings) if simulated else base, used),
        headers=(
            *_credential(ask, profile, required=not simulated),
            *passed_headers(ask),
            *beta_header(ask, kept=profile.keeps_beta and speaks == "beta"),
        ),
        model_asked=asked,
        model_used=used,
        caller_dialect="beta" if speaks == "beta" else ask.dialect,
        provider_dialect=speaks,
    )


def _azure_base(ask: Ask, settings: Settings) -> str:
    resource = ask.value("resource")
    if not RESOURCE.fullmatch(resource):
        raise Refused(
            400, "bad_resource" if resource else "missing_resource",
            "resource must be the name of an Azure OpenAI resource: letters, digits and hyphens",
        )  # fmt: skip
    return settings.azure_url.replace("{resource}", resource)


def _simulated(profile: Profile, settings: Settings) -> str:
    """Return where the simulator answers as `profile` does."""
    if not settings.simulator_url:
        raise Refused(
            503, "no_simulator", "no simulator runs here: start one and set simulator_url"
        )
    return settings.simulator_url + urlsplit(profile.url).path


def _credential(ask: Ask, profile: Profile, *, required: bool) -> tuple[Header, ...]:
    if headers := tuple(profile.credential(ask)):
        return headers
    if required:
        raise Refused(
            401,
            "missing_provider_credential",
            f"the provider's own key is missing: send the header {profile.credential_hint}",
        )
    return tuple(profile.credential(ask.holding(SIMULATOR)))
