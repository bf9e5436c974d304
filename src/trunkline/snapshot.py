"""What the gateway knows of accounts: a read-only file, republished on every change.

The server writes it (`store.control`), the gateway reads it (`relay`), and
neither imports the other: this module is their contract. A gateway looks at the
file's modification time at every attempt and at least four times a second, so a key
works as soon as it is published, and a revoked one stops within a second, on live calls
too. A missing or unreadable file leaves
the last good snapshot in force: a call never waits for the control database.

Keys are compared by SHA-256: they carry 256 random bits, so a slow hash would
protect nothing. The file holds no key; credentials of providers and secrets of webhooks are
in it as they are in the database, sealed.
"""

from __future__ import annotations

import hashlib

import msgspec


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One API key as the gateway sees it. Revoked keys stay listed until forgotten."""

    key_id: str
    org_id: str
    name: str
    sha256: str
    """Lower-case hex of the SHA-256 of the whole key text."""
    may_call: bool = True
    """May open calls. False for read-only keys: 403."""
    revoked: bool = False
    """401, and the calls it opened are closed."""
    max_calls: int = 0
    """At once, on this machine; then 429. 0: no limit, as for those that follow."""
    max_calls_per_minute: int = 0
    """Begun in any 60 s, on this machine; then 429."""
    max_call_seconds: int = 0
    """A call that lasts longer is closed."""
    spent_until_us: int = 0
    """The month's budget is spent: until this wall time (µs since 1970 UTC) calls are 429, and
    those that run are closed. 0: it is not spent, or there is none."""
    org_spent_until_us: int = 0
    """The same of its organisation's budget."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that an organisation has stored, as the gateway sees it."""

    provider_id: str
    org_id: str
    name: str
    """Unique in its organisation; callers choose by it."""
    profile: str
    """A name in `protocol.profiles.catalogue`."""
    url: str = ""
    """In place of the profile's own, in the form that the profile takes."""
    resource: str = ""
    """Stands in for `{resource}` in the URL."""
    models: tuple[str, ...] = ()
    """Which models go there, with `*` for any letters. Empty: those of the profile."""
    sealed: str = ""
    """The credential, sealed by `sealing`; empty: it asks for none."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider tells of calls that come by telephone, and who is told of them then."""

    webhook_id: str
    org_id: str
    name: str
    sealed: str
    """The secret that signs what the provider sends, sealed by `sealing`."""
    url: str
    """Where it is forwarded to."""
    show_numbers: bool = True
    """Record who calls whom; else only the last letters of each number."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Every key, stored provider and webhook there is, and calls to be ended, at one moment."""

    keys: tuple[Key, ...] = ()
    providers: tuple[Provider, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    default_org_id: str = ""
    """The operator's organisation: refusals that no key can be tied to are shown there."""
    hung_up: tuple[str, ...] = ()
    """Calls that somebody has ended, in the last minutes: whichever gateway holds one ends it."""

    def by_sha256(self) -> dict[str, Key]:
        """Return the keys by hash, for one look-up per admission."""
        return {key.sha256: key for key in self.keys}

    def by_organisation(self) -> dict[str, tuple[Provider, ...]]:
        """Return the stored providers of each organisation that has some."""
        found: dict[str, tuple[Provider, ...]] = {}
        for provider in self.providers:
            found[provider.org_id] = (*found.get(provider.org_id, ()), provider)
        return found


def sha256_of_key(key: str) -> str:
    """Return the hex hash under which `key` is stored and looked up."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def encode(snapshot: Snapshot) -> bytes:
    """Return `snapshot` as JSON."""
    return msgspec.json.encode(snapshot)


def decode(data: bytes) -> Snapshot:
    """Return the snapshot in `data`. Raises `msgspec.DecodeError` when it is not one."""
    return msgspec.json.decode(data, type=Snapshot)
