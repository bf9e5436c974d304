"""Pure. Which provider a call goes to, and whose credential opens it.

By name, from a header or the path; else, when the caller brings a provider's
credential of its own, by the form of what it asks: a credential is never sent to a
provider that its owner did not ask for. Else it is one of the organisation's stored
providers, by the model: those which name it, before those whose profile knows it,
before those which take any. One that is alone takes every model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from trunkline.protocol.profiles.ask import (
    AZURE_GA,
    AZURE_PREVIEW,
    RESOURCE,
    VOICE_LIVE,
    Ask,
    Refused,
)
from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.protocol.profiles.profile import Profile
from trunkline.snapshot import Provider

By: TypeAlias = Literal["name", "form", "model"]

_AZURE_HOST = ".openai.azure.com"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A provider."""

    profile: Profile
    stored: Provider | None = None
    """The one of the organisation that says where it is."""
    own: bool = True
    """The caller's own credential is used, and not the stored one."""
    resource: str = ""
    by: By = "form"


def choose(ask: Ask, named: str, stored: Sequence[Provider], *, simulated: bool) -> Choice:
    """Return the provider for what is asked, of profiles and of what the organisation has stored.

    `simulated`: the simulator will answer, so no credential is needed.

    Raises:
        Refused: none fits, or more than one.
    """
    if named:
        return _named(ask, named, stored, simulated=simulated)
    if ask.has_credential or simulated or not stored:
        return _by_form(ask, stored)
    return _by_model(ask, stored)


def _named(ask: Ask, named: str, stored: Sequence[Provider], *, simulated: bool) -> Choice:
    own = ask.has_credential
    for provider in stored:
        if provider.name == named:
            return _stored(provider, own=own, by="name")
    if profile := PROFILES.get(named):
        fitting = [provider for provider in stored if provider.profile == named]
        if not own and fitting:
            return _by_model(ask, fitting)
        if own or simulated:
            return Choice(profile=profile, resource=_resource(ask), by="name")
        raise Refused(
            401,
            "missing_provider_credential",
            f"the provider's own key is missing: send the header {profile.credential_hint},"
            f" or store one for {profile.title} under Providers",
        )
    known = ", ".join(sorted({*(provider.name for provider in stored), *PROFILES}))
    raise Refused(404, "unknown_provider", f"no provider is called that here: there is {known}")


def _by_form(ask: Ask, stored: Sequence[Provider]) -> Choice:
    if ask.path == VOICE_LIVE:
        return _by_resource(ask, "voice-live", stored)
    if _is_azures(ask, stored):
        return _by_resource(ask, "azure", stored)
    return Choice(profile=PROFILES["openai"])


def _by_resource(ask: Ask, profile: str, stored: Sequence[Provider]) -> Choice:
    resource = _resource(ask)
    theirs = [provider for provider in stored if provider.profile == profile]
    if not resource and len(theirs) == 1:
        return _stored(theirs[0], own=True, by="form")
    return Choice(profile=PROFILES[profile], resource=resource)


def _is_azures(ask: Ask, stored: Sequence[Provider]) -> bool:
    if ask.value("resource") or ask.value("deployment"):
        return True
    if ask.path in (AZURE_GA, AZURE_PREVIEW):
        return True
    # OpenAI's clients of today send no `api-key`; Azure's for Node asks for `/v1/realtime`.
    azures_key = bool(ask.headers.get("api-key")) and not ask.headers.get("authorization")
    known = _resource(ask) or any(provider.profile == "azure" for provider in stored)
    return azures_key and bool(known)


def _by_model(ask: Ask, stored: Sequence[Provider]) -> Choice:
    model = ask.value("deployment") or ask.value("model")
    fitting = [provider for provider in stored if _may_be(provider, ask)]
    for takes in (_names, _knows, _takes_any):
        found = [provider for provider in fitting if takes(provider, model)]
        if len(found) == 1:
            return _stored(found[0], own=False, by="model")
        if found:
            names = ", ".join(sorted(provider.name for provider in found))
            raise Refused(
                400,
                "ambiguous_provider",
                f"several providers fit ({names}): name one in the header Trunkline-Provider"
                " or in the path, /p/<name>/v1/realtime",
            )
    if len(fitting) == 1 and not fitting[0].models:
        # A model that nobody has heard of, and one place where it can be.
        return _stored(fitting[0], own=False, by="model")
    names = ", ".join(sorted(provider.name for provider in stored))
    wanted = f"the model {model!r}" if model else "a call without a model"
    raise Refused(
        400,
        "no_provider",
        f"none of the providers stored here ({names}) is for {wanted}: name one in the header"
        " Trunkline-Provider or in the path, /p/<name>/v1/realtime, or add the model to it"
        " under Providers",
    )


def _may_be(provider: Provider, ask: Ask) -> bool:
    """Return whether what was asked for is in no form, and names no resource, of another's."""
    if ask.path == VOICE_LIVE and provider.profile != "voice-live":
        return False
    resource = _resource(ask)
    return not resource or provider.resource == resource


def _names(provider: Provider, model: str) -> bool:
    return bool(model) and _matches(model, provider.models)


def _knows(provider: Provider, model: str) -> bool:
    profile = PROFILES.get(provider.profile)
    return bool(model and not provider.models and profile and _matches(model, profile.models))


def _takes_any(provider: Provider, model: str) -> bool:
    """Return whether it takes models that nobody has named, or the call has none."""
    profile = PROFILES.get(provider.profile)
    return not model or bool(profile and not provider.models and not profile.models)


def _matches(model: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def _stored(provider: Provider, *, own: bool, by: By) -> Choice:
    profile = PROFILES.get(provider.profile)
    if profile is None:
        raise Refused(
            503, "unknown_profile",
            f"the provider {provider.name} needs a later release of Trunkline",
        )  # fmt: skip
    return Choice(profile=profile, stored=provider, own=own, resource=provider.resource, by=by)


def _resource(ask: Ask) -> str:
    """Return the resource that a caller names: in the query, or in a header."""
    resource = (
        ask.value("resource")
        or ask.headers.get("trunkline-resource", "")
        or _of_api_base(ask.headers.get("helicone-openai-api-base", ""))
    )
    if resource and not RESOURCE.fullmatch(resource):
        raise Refused(
            400, "bad_resource",
            "resource must be the name of an Azure OpenAI resource: letters, digits and hyphens",
        )  # fmt: skip
    return resource


def _of_api_base(url: str) -> str:
    """Return the resource in the URL by which Helicone's callers name it; of others nothing."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return host.removesuffix(_AZURE_HOST) if host.endswith(_AZURE_HOST) else ""
