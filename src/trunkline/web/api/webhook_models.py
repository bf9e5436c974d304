"""Pure. What the API says of webhooks; see `models`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from trunkline.web.api.models import Page

_SHOW = "Record who calls whom. Else only the last letters of each number, and no SIP header."
_URL = "Where it is forwarded to, as it came."


class StoredWebhook(BaseModel):
    """A webhook by which a provider tells of calls by telephone. Its secret is not told."""

    id: str
    name: str
    address: str = Field(description="What to enter at the provider.")
    url: str = Field(description=_URL)
    show_numbers: bool = Field(description=_SHOW)
    secret_hint: str = Field(description="The secret's last letters.")
    created_at: datetime
    replaced_at: datetime | None = Field(description="When its secret was last replaced.")


class NewStoredWebhook(BaseModel):
    """What is to be stored."""

    model_config = ConfigDict(extra="forbid")

    name: str
    url: str = Field(description=_URL)
    secret: SecretStr = Field(description="`whsec_…`, as the provider shows it once.")
    show_numbers: bool = Field(True, description=_SHOW)


class NewSecret(BaseModel):
    """Another secret."""

    model_config = ConfigDict(extra="forbid")

    secret: SecretStr


class NewTarget(BaseModel):
    """Where it goes from now on."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description=_URL)
    show_numbers: bool = Field(True, description=_SHOW)


class WebhookPage(Page[StoredWebhook]):
    """A part of the webhooks."""
