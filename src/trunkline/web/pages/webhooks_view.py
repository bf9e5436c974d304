"""Pure. Webhooks as their page shows them, and the form as it was filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.webhooks import Webhook
from trunkline.web.pages import text
from trunkline.web.pages.form import SEALED, Field, filled


@dataclass(frozen=True, slots=True)
class Row:
    """One webhook."""

    id: str
    name: str
    address: str
    """What to enter at the provider."""
    url: str
    hint: str
    hides: bool
    """Numbers are not recorded."""
    changed_at_iso: str
    changed_at: str
    """When its secret was given, or replaced."""


_URL = "https://app.example.com/webhook"
_FIELDS = (
    Field("name", "Name", "To tell it from others.", "front-desk", required=True),
    Field("url", "Forward to", "Your application, as before.", _URL, required=True, max_chars=2048),
    Field("secret", "Its secret", SEALED, type="password", required=True, max_chars=512),
)


def rows(webhooks: Sequence[Webhook], public_url: str) -> tuple[Row, ...]:
    """Return the rows, in their order."""
    return tuple(_row(webhook, public_url) for webhook in webhooks)


def fields(typed: Mapping[str, str], problem: BadAccountDetail | None) -> tuple[Field, ...]:
    """Return the form's fields with what was typed, and what is wrong with it."""
    return filled(_FIELDS, typed, problem)


def _row(webhook: Webhook, public_url: str) -> Row:
    changed_us = webhook.replaced_at_us or webhook.created_at_us
    return Row(
        id=webhook.id,
        name=webhook.name,
        address=f"{public_url}/v1/realtime/incoming/{webhook.id}",
        url=webhook.url,
        hint=webhook.hint,
        hides=not webhook.show_numbers,
        changed_at_iso=text.iso(changed_us),
        changed_at=text.when(changed_us),
    )
