"""Pure. Signatures of webhooks, by the rules of Standard Webhooks, which OpenAI's follow.

Signed are the delivery's id, its time and the body, byte for byte, with HMAC-SHA256. One
header may hold several signatures, while a secret is being replaced: one that fits is
enough. Whoever verifies has to refuse what it has seen before; see `relay.deliveries`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

import msgspec

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
HEADERS: Final = (ID, TIMESTAMP, SIGNATURE)

TOLERANCE_S: Final = 300
"""A delivery's time may differ from ours by so much, as in the official SDKs."""
MAX_SIGNATURES: Final = 16
_ENCODED: Final = "whsec_"
_VERSION: Final = "v1,"
_SECRET = re.compile(r"[\x21-\x7e]{16,512}")
_ID = re.compile(r"[\x21-\x7e]{1,256}")
_TIME = re.compile(r"[0-9]{1,12}")


class BadSignature(Exception):
    """It was not sent by who has the secret, or not now. The message holds no secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Delivery(msgspec.Struct, frozen=True):
    """One attempt to deliver a webhook; a repeated attempt has the same id and another time."""

    id: str
    at_s: int


def is_secret(text: str) -> bool:
    """Return whether `text` can be a webhook's secret: `whsec_` and base 64, or plain letters."""
    if not _SECRET.fullmatch(text):
        return False
    if not text.startswith(_ENCODED):
        return True
    try:
        return len(base64.b64decode(text.removeprefix(_ENCODED), validate=True)) >= 16
    except (binascii.Error, ValueError):
        return False


def sign(secret: str, delivery: Delivery, body: bytes) -> str:
    """Return the signature of a delivery as its header has it."""
    signed = f"{delivery.id}.{delivery.at_s}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return _VERSION + base64.b64encode(digest).decode()


def headers_of(secret: str, delivery: Delivery, body: bytes) -> tuple[tuple[str, str], ...]:
    """Return what a delivery carries beside its body."""
    return (
        (ID, delivery.id),
        (TIMESTAMP, str(delivery.at_s)),
        (SIGNATURE, sign(secret, delivery, body)),
    )


def verified(secret: str, fields: Mapping[str, str], body: bytes, now_s: int) -> Delivery:
    """Return which delivery it is. `fields` are headers by lower-case name.

    Raises:
        BadSignature: a header is missing or malformed, no signature fits, or it is too old.
    """
    id_, time, signatures = (fields.get(name, "").strip() for name in HEADERS)
    if not _ID.fullmatch(id_) or not _TIME.fullmatch(time) or not signatures:
        raise BadSignature(
            "webhook_unsigned", f"send {', '.join(HEADERS)} as Standard Webhooks has them"
        )
    delivery = Delivery(id_, int(time))
    # The time as it was written: with leading zeros it would be signed differently.
    if str(delivery.at_s) != time or not _fits(sign(secret, delivery, body), signatures):
        raise BadSignature("webhook_signature", "no signature fits the secret that is stored here")
    if abs(now_s - delivery.at_s) > TOLERANCE_S:
        raise BadSignature(
            "webhook_too_old", f"its time differs from ours by more than {TOLERANCE_S} s"
        )
    return delivery


def _fits(expected: str, header: str) -> bool:
    """Return whether one of the signatures is the expected one; takes equally long for each."""
    fits = False
    for given in header.split()[:MAX_SIGNATURES]:
        fits |= hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
    return fits


def _key(secret: str) -> bytes:
    if secret.startswith(_ENCODED):
        return base64.b64decode(secret.removeprefix(_ENCODED))
    return secret.encode()
