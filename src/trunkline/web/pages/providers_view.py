"""Pure. Stored providers as their page shows them, and the form as it was filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.providers import NewProvider, Provider
from trunkline.web.pages import text
from trunkline.web.pages.form import SEALED, Field, filled


@dataclass(frozen=True, slots=True)
class Row:
    """One stored provider."""

    id: str
    name: str
    title: str
    where: str
    hint: str
    models: str
    """As in the form: with commas between them."""
    changed_at_iso: str
    changed_at: str
    """When its credential was given, or replaced."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A profile that the form offers."""

    name: str
    title: str


CHOICES = tuple(Choice(profile.name, profile.title) for profile in PROFILES.values())

_FIELDS = (
    Field("credential", "Its key or token", SEALED, type="password", max_chars=4096),
    Field("name", "Name", "Callers choose it by this name.", "front-desk", required=True),
    Field("resource", "Resource", "Of Azure, or the workspace of Qwen.", "my-resource"),
    Field("models", "Models", "Empty: those that it is known for.", "voice-*, front-desk"),
)
_URL = Field("url", "URL", "In place of its own.", "wss://host/v1/realtime")


def rows(providers: Sequence[Provider]) -> tuple[Row, ...]:
    """Return the rows, in their order."""
    return tuple(_row(provider) for provider in providers)


def fields(
    typed: Mapping[str, str], problem: BadAccountDetail | None, *, with_url: bool
) -> tuple[Field, ...]:
    """Return the form's fields with what was typed, and what is wrong with it."""
    return filled((*_FIELDS, _URL) if with_url else _FIELDS, typed, problem)


def read(typed: Mapping[str, str], credential: str) -> NewProvider:
    """Return what was typed. Whether it can be, others know."""
    return NewProvider(
        name=typed.get("name", ""),
        profile=typed.get("profile", ""),
        credential=credential,
        url=typed.get("url", ""),
        resource=typed.get("resource", ""),
        models=read_models(typed.get("models", "")),
    )


def read_models(typed: str) -> tuple[str, ...]:
    """Return the models in a field, which has commas between them."""
    return tuple(part.strip() for part in typed.split(",") if part.strip())


def _row(provider: Provider) -> Row:
    changed_us = provider.replaced_at_us or provider.created_at_us
    profile = PROFILES.get(provider.profile)
    return Row(
        id=provider.id,
        name=provider.name,
        title=profile.title if profile else provider.profile,
        where=provider.url or provider.resource,
        hint=provider.hint,
        models=", ".join(provider.models),
        changed_at_iso=text.iso(changed_us),
        changed_at=text.when(changed_us),
    )
