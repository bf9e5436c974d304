"""Pure. What the API says of stored providers; see `models`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from trunkline.web.api.models import Page

_PATTERNS = "Which models go there, `*` for any letters. Empty: those that the profile knows."


class StoredProvider(BaseModel):
    """A provider that calls may use without bringing a credential. The credential is not told."""

    id: str
    name: str = Field(description="By which callers choose it.")
    profile: str
    url: str = Field(description="In place of the profile's own; empty: that.")
    resource: str
    models: list[str] = Field(description=_PATTERNS)
    credential_hint: str = Field(description="Its last letters; empty: there is no credential.")
    created_at: datetime
    replaced_at: datetime | None = Field(description="When its credential was last replaced.")


class NewStoredProvider(BaseModel):
    """What is to be stored."""

    model_config = ConfigDict(extra="forbid")

    name: str
    profile: str
    credential: SecretStr = SecretStr("")
    url: str = ""
    resource: str = ""
    models: list[str] = Field([], description=_PATTERNS)


class NewCredential(BaseModel):
    """Another credential."""

    model_config = ConfigDict(extra="forbid")

    credential: SecretStr


class NewModels(BaseModel):
    """Other models."""

    model_config = ConfigDict(extra="forbid")

    models: list[str] = Field(description=_PATTERNS)


class ProviderPage(Page[StoredProvider]):
    """A part of the stored providers."""
