"""I/O. Who may call: the snapshot file, read again whenever it has changed."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from trunkline import snapshot
from trunkline.relay.admit import Known
from trunkline.relay.allowance import is_bounded
from trunkline.sealing import Unopened, Vault, context_of, webhook_context_of
from trunkline.snapshot import Key, Provider, Snapshot, Webhook

log = structlog.get_logger("trunkline.relay")


class Keys:
    """The last good snapshot. A missing or damaged file leaves it in force."""

    def __init__(self, path: Path, vault: Vault | None = None) -> None:
        """`vault` opens what is stored of providers; without it, calls must bring their own."""
        self._path = path
        self._secret_of = None if vault is None else functools.partial(_secret_of, vault)
        self._unseal = None if vault is None else vault.open
        self._seen: tuple[int, int, int] | None = None
        self.unreadable = False
        """The file is damaged, or may not be read."""
        self.snapshot = Snapshot()
        self.known = Known()
        """The same, arranged for admission."""
        self.bounded: Mapping[str, Key] = {}
        """By id, the keys whose live calls may have to end for more than a revocation."""
        self.hung_up: frozenset[str] = frozenset()
        """Calls that are to end."""
        self._live: frozenset[str] = frozenset()

    def refresh(self) -> bool:
        """Read the file if it is another than before; return whether it was read."""
        try:
            status = os.stat(self._path)
            # Replaced by rename: another inode, even within one tick of the file system's clock.
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen == self._seen:
                return False
            fresh = snapshot.decode(self._path.read_bytes())
        except FileNotFoundError:
            return False
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            if not self.unreadable:
                log.error("keys cannot be read", path=str(self._path), error=str(exc))
            self.unreadable = True
            return False
        self.unreadable = False
        self._seen = seen
        self.snapshot = fresh
        self.known = Known.of(fresh, self._secret_of, self._unseal)
        self.bounded = {key.key_id: key for key in fresh.keys if is_bounded(key)}
        self.hung_up = frozenset(fresh.hung_up)
        self._live = frozenset(key.key_id for key in fresh.keys if not key.revoked)
        return True

    def webhook_secret(self, webhook: Webhook) -> str:
        """Return the secret that signs what comes to `webhook`.

        Raises:
            Unopened: this process cannot open it.
        """
        if self._unseal is None:
            raise Unopened("there is no master key here")
        context = webhook_context_of(webhook.org_id, webhook.webhook_id)
        return self._unseal(webhook.sealed, context)

    @property
    def ever_read(self) -> bool:
        """Return whether there ever was a good snapshot. Without one every key is refused."""
        return self._seen is not None

    def may_go_on(self, key_id: str) -> bool:
        """Return whether calls that this key opened may go on: a forgotten key is a revoked one."""
        return key_id in self._live


def _secret_of(vault: Vault, provider: Provider) -> str:
    return vault.open(provider.sealed, context_of(provider.org_id, provider.provider_id))
