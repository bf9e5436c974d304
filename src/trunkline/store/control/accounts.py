"""Pure. What the control store answers with, and the rules that need no database."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trunkline.errors import TrunklineError
from trunkline.store.thresholds import DEFAULT, Thresholds

Role: TypeAlias = Literal["owner", "admin", "member", "viewer"]
"""owner: everything. admin: all but the organisation itself. member: keys of their own
making, all calls. viewer: reads."""

Scope: TypeAlias = Literal["call", "read", "manage", "erase"]
"""call: opens calls. read: asks the API. manage: makes, limits and revokes keys by the API.
erase: deletes calls by the API, for good."""

SCOPES: Final[tuple[Scope, ...]] = ("call", "read", "manage", "erase")
BOTH_SCOPES: Final[tuple[Scope, ...]] = ("call", "read")
"""What a key may unless it is said: enough for an application and its dashboard."""

MIN_PASSWORD_CHARS: Final = 10
MAX_PASSWORD_CHARS: Final = 1024
"""Beyond it, hashing would be work that a stranger can order."""

OPERATOR_EMAIL: Final = "operator"
"""Not an address: nobody can sign up under it."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person."""

    id: str
    email: str


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation."""

    id: str
    name: str
    is_operator: bool = False
    max_usd_per_month: Decimal | None = None
    """Of all its keys together, calendar month, UTC; None: no limit."""
    spent_until_us: int = 0
    """As for a key."""
    may_listen: bool = False
    """Owners and admins may listen in to calls that run."""
    thresholds: Thresholds = DEFAULT
    """From where on its calls are slow, silent, unheard."""


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of a key may be at most; rules: `limits`. None: no limit."""

    max_calls: int | None = None
    """At once."""
    max_calls_per_minute: int | None = None
    """Begun in any 60 s."""
    max_call_seconds: int | None = None
    max_usd_per_month: Decimal | None = None
    """Calendar month, UTC."""


UNLIMITED: Final = KeyLimits()


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as its organisation may see it: not the key itself."""

    id: str
    org_id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at_us: int
    last_used_at_us: int | None
    revoked_at_us: int | None
    limits: KeyLimits = UNLIMITED
    spent_until_us: int = 0
    """Its budget of the month is spent, and calls are refused until then; 0: it is not."""


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made, with its text: nobody will see that again."""

    key: ApiKey
    text: str


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Who a session belongs to."""

    user: User
    org: Organisation
    role: Role


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session just begun. `token` goes into the cookie and is kept nowhere."""

    token: str
    signed_in: SignedIn
    expires_at_us: int


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log."""

    at_us: int
    action: str
    detail: str
    by_id: str
    """A user or a key; empty: the command line."""
    by: str
    """Their address, or the key's name; empty where they are not there any more."""


class AccountError(TrunklineError):
    """What was asked cannot be done. The message may be shown to whoever asked."""


class BadAccountDetail(AccountError):
    """A field of a form is not acceptable; `field` is its name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class WrongPassword(AccountError):
    """No such account, no password on it, or not this one: all are told the same."""

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.")


class TooManyAttempts(AccountError):
    """Sign-in is closed to this account from this address for a while."""

    def __init__(self, retry_after_s: int) -> None:
        minutes = max(1, round(retry_after_s / 60))
        super().__init__(f"Too many attempts. Try again in {minutes} min.")
        self.retry_after_s = retry_after_s


_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)*")
_HELICONE_KEY = re.compile(r"sk-helicone(-eu)?(-\w{7}){4}", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


def clean_email(text: str) -> str:
    """Return the address in the form under which accounts are kept.

    Raises:
        BadAccountDetail: it is not an e-mail address.
    """
    email = text.strip().lower()
    if len(email) > 320 or not _EMAIL.fullmatch(email):
        raise BadAccountDetail("email", "Enter an e-mail address, like ada@example.com.")
    return email


def check_password(password: str) -> None:
    """Raises `BadAccountDetail` when `password` is too short or too long to accept."""
    if len(password) < MIN_PASSWORD_CHARS:
        raise BadAccountDetail(
            "password", f"Use at least {MIN_PASSWORD_CHARS} characters for the password."
        )
    if len(password) > MAX_PASSWORD_CHARS:
        raise BadAccountDetail(
            "password", f"Use at most {MAX_PASSWORD_CHARS} characters for the password."
        )


def clean_name(field: str, text: str) -> str:
    """Return a name for people to read.

    Raises:
        BadAccountDetail: it is empty, longer than 100 characters, or holds control characters.
    """
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise BadAccountDetail(field, "Give it a name of 1 to 100 characters.")
    return name


def check_imported_key(text: str) -> None:
    """Raises `BadAccountDetail` unless `text` has the shape of a key made by Helicone."""
    if not _HELICONE_KEY.fullmatch(text):
        raise BadAccountDetail(
            "text",
            "Only keys that look like sk-helicone-xxxxxxx-xxxxxxx-xxxxxxx-xxxxxxx"
            " can be brought along; leave it out to have one made.",
        )


def clean_scopes(scopes: tuple[str, ...]) -> tuple[Scope, ...]:
    """Return the scopes in their usual order. Raises `BadAccountDetail` for none, or others."""
    if not scopes or set(scopes) - set(SCOPES):
        raise BadAccountDetail(
            "scopes",
            "A key may open calls (call), read (read), manage keys (manage), erase calls (erase),"
            " or several of these.",
        )
    return tuple(scope for scope in SCOPES if scope in scopes)
