"""I/O. The tables of the control store: who may do what.

The same models serve SQLite and PostgreSQL, so nothing here is particular to one.
Times are wall time, `int` µs since 1970 UTC. What opens a door (keys, cookies, links)
is kept only as the SHA-256 of its text, which carries 256 random bits; passwords,
which do not, as argon2id.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Root of the models. Constraints have names, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger, str: String(255)}


class Organisation(Base):
    """Whose calls, keys and members are kept apart from everyone else's."""

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(primary_key=True)
    """`org_<ULID>`."""
    name: Mapped[str]
    is_operator: Mapped[bool] = mapped_column(default=False)
    """The organisation of whoever runs this installation; there is at most one."""
    created_at_us: Mapped[int]
    max_microusd_per_month: Mapped[int | None]
    """Budget of all its keys together, millionths of a dollar; None: no limit, as for keys."""
    spent_until_us: Mapped[int | None]
    """The month's budget is spent until then; see `store.spending`."""
    may_listen: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Its owners and admins may listen in to calls that run."""
    thresholds: Mapped[str | None] = mapped_column(Text)
    """JSON of those that differ from Trunkline's; see `store.thresholds`."""


class User(Base):
    """A person who signs in."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    """`user_<ULID>`."""
    email: Mapped[str] = mapped_column(String(320), unique=True)
    """In lower case. The operator's is not an address."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    """argon2id; None: signs in with one-time links only."""
    created_at_us: Mapped[int]


class Membership(Base):
    """What a user may do in an organisation."""

    __tablename__ = "memberships"

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(String(16))
    """`accounts.Role`."""
    created_at_us: Mapped[int]


class ApiKey(Base):
    """A credential of an organisation's programs."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    """`key_<ULID>`."""
    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(String(32))
    """How it begins, to tell it from others."""
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(64))
    """`call`, `read`, or both with a comma between them."""
    created_at_us: Mapped[int]
    last_used_at_us: Mapped[int | None]
    """On the API, to the minute. For calls see `queries_calls.key_use`."""
    revoked_at_us: Mapped[int | None]
    max_calls: Mapped[int | None]
    """`limits.KeyLimits`, this and the next three."""
    max_calls_per_minute: Mapped[int | None]
    max_call_seconds: Mapped[int | None]
    max_microusd_per_month: Mapped[int | None]
    spent_until_us: Mapped[int | None]


class SealedRow(Base):
    """What rows have in common that an organisation stored with a secret in them."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[str] = mapped_column(Text)
    """The secret, by `sealing`; empty: there is none."""
    hint: Mapped[str] = mapped_column(String(16))
    """Its last letters."""
    created_at_us: Mapped[int]
    replaced_at_us: Mapped[int | None]
    """When the secret was last replaced."""


class Provider(SealedRow):
    """A provider that an organisation's calls may use without bringing a credential.

    `id` is `prov_<ULID>`.
    """

    __tablename__ = "providers"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    profile: Mapped[str] = mapped_column(String(32))
    """A name in `protocol.profiles.catalogue`."""
    url: Mapped[str] = mapped_column(Text)
    """In place of the profile's own; empty: that."""
    resource: Mapped[str] = mapped_column(String(64))
    models: Mapped[str] = mapped_column(Text)
    """Patterns, with commas between them; empty: the profile's."""


class Webhook(SealedRow):
    """Where a provider tells of calls that come by telephone, and who is told of them then.

    `id` is `hook_<ULID>`, and part of the address that the provider posts to.
    """

    __tablename__ = "webhooks"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    url: Mapped[str] = mapped_column(Text)
    """Where it is forwarded to."""
    show_numbers: Mapped[bool]
    """Record who calls whom."""


class View(Base):
    """What the table of calls shows, under a name."""

    __tablename__ = "views"

    id: Mapped[str] = mapped_column(primary_key=True)
    """`view_<ULID>`."""
    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[str]
    """Whose it is; empty: a key made it. Not a foreign key: what is shared stays."""
    name: Mapped[str]
    query: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool]
    created_at_us: Mapped[int]


class OwnPrice(Base):
    """What a model costs an organisation, from a day on."""

    __tablename__ = "own_prices"
    __table_args__ = (UniqueConstraint("org_id", "model", "provider", "valid_from"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """`price_<ULID>`."""
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    model: Mapped[str]
    provider: Mapped[str] = mapped_column(String(64))
    """Empty: all of them."""
    valid_from: Mapped[str] = mapped_column(String(10))
    """First UTC day."""
    price: Mapped[str] = mapped_column(Text)
    """`protocol.prices.Price` as JSON."""
    created_at_us: Mapped[int]


class WebSession(Base):
    """A browser that has signed in."""

    __tablename__ = "web_sessions"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the cookie's value."""
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    """The organisation that it looks at."""
    created_at_us: Mapped[int]
    seen_at_us: Mapped[int]
    """To the minute."""
    expires_at_us: Mapped[int]
    """However busy it is."""


class OneTimeLink(Base):
    """A link that signs its user in, once."""

    __tablename__ = "one_time_links"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at_us: Mapped[int]
    expires_at_us: Mapped[int]
    used_at_us: Mapped[int | None]


class LoginAttempt(Base):
    """A sign-in that failed, to slow down whoever guesses."""

    __tablename__ = "login_attempts"
    __table_args__ = (
        Index("ix_login_attempts_account_at_us", "account", "at_us"),
        Index("ix_login_attempts_address_at_us", "address", "at_us"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the address that was tried: it need not be anyone's."""
    address: Mapped[str] = mapped_column(String(64))
    """Where it came from."""
    at_us: Mapped[int]


class AuditEntry(Base):
    """Something that was done to an organisation's accounts, keys or settings."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_org_id_at_us", "org_id", "at_us"),
        Index("ix_audit_log_action_at_us", "action", "at_us"),
        Index("ix_audit_log_subject", "subject"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str]
    """Not a foreign key: what was done stays known when the organisation is gone."""
    user_id: Mapped[str]
    """Who, a user or a key; empty for the command line."""
    at_us: Mapped[int]
    action: Mapped[str] = mapped_column(String(64))
    """`key.created`, `key.revoked`, `user.signed_up`, …"""
    subject: Mapped[str]
    """Id of what it was done to."""
    detail: Mapped[str] = mapped_column(Text, default="")


class Change(Base):
    """One row that counts the changes a gateway must hear of, by whichever process."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
