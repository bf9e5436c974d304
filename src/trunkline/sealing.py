"""Seals credentials of providers, and their kin, under a master key that is kept apart from them.

AES-256-GCM. The master key is in the setting `master_key`, or in a file of its own that only its
owner may read. What is sealed is bound to its row by a `context`: moved to another row it does
not open. Several master keys may be in force: the first seals, each opens, and what is
sealed says under which. Whoever has the database or the gateways' snapshot, and not the
key, has no credential.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from trunkline.errors import OperatorError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_VERSION: Final = "v1"
_MOST_KEYS: Final = 16


class Unopened(ValueError):
    """What was sealed does not open here: another master key, another row, or damage."""


class Vault:
    """Seals and opens. Safe to use from several processes: the file is only ever replaced."""

    def __init__(
        self, path: Path, setting: str = "", random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """`path` is not looked at before it is needed; a `setting` stands in its place.

        Raises:
            OperatorError: the setting is not a list of master keys.
        """
        self._path = path
        self._random = random
        self._fixed = parse_keys(setting, "the setting master_key") if setting else None
        self._read: Mapping[str, bytes] = {}

    def seal(self, secret: str, context: str) -> str:
        """Return `secret` sealed for `context`. Makes the master key's file if there is none.

        Raises:
            OperatorError: the file cannot be used.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        keys = self._fixed or self._from_file() or self._made()
        id_, key = next(iter(keys.items()))
        nonce = self._random(_NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, secret.encode(), context.encode())
        return f"{_VERSION}.{id_}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, context: str) -> str:
        """Return what `seal` was given.

        Raises:
            Unopened: it was sealed under another key or for another context, or is damaged.
        """
        # Only here, since it is a sixth of the memory of a gateway that stores no credential.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        version, _, rest = sealed.partition(".")
        id_, _, text = rest.partition(".")
        key = self._key(id_)
        if version != _VERSION or key is None:
            raise Unopened(f"sealed under the master key {id_[:16]!r}, which is not here")
        try:
            raw = base64.urlsafe_b64decode(text)
            opened = AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except (InvalidTag, binascii.Error, ValueError) as exc:
            raise Unopened("damaged, or sealed for another row") from exc
        return opened.decode()

    def is_current(self, sealed: str) -> bool:
        """Return whether it is sealed under the key that seals now."""
        keys = self._fixed or self._from_file()
        return bool(keys) and sealed.startswith(f"{_VERSION}.{next(iter(keys))}.")

    def begin_rotation(self) -> None:
        """Put a new master key before those in the file: from now on it seals.

        Raises:
            OperatorError: the key is a setting, which only the operator can change.
        """
        if self._fixed is not None:
            raise OperatorError(
                "the master key is in the setting master_key: put a new one before it, with a comma"
                " between them, and run this again; then take the old one out"
            )
        new = self._random(KEY_BYTES)
        self._write((new, *self._from_file().values()))

    def end_rotation(self) -> None:
        """Forget all master keys in the file but the one that seals."""
        if self._fixed is None:
            self._write(tuple(self._from_file().values())[:1])

    @property
    def is_setting(self) -> bool:
        """Whether the master key is in the settings, and no file is used."""
        return self._fixed is not None

    def _key(self, id_: str) -> bytes | None:
        if self._fixed is not None:
            return self._fixed.get(id_)
        if id_ not in self._read:
            # Rotated since it was read, perhaps.
            try:
                self._from_file()
            except OperatorError as exc:
                raise Unopened(str(exc)) from exc
        return self._read.get(id_)

    def _from_file(self) -> Mapping[str, bytes]:
        """Return the keys in the file, by id; none when there is no file."""
        try:
            text = self._path.read_text("ascii")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as exc:
            raise OperatorError(f"the master key in {self._path} cannot be read: {exc}") from exc
        self._read = parse_keys(text, str(self._path))
        return self._read

    def _made(self) -> Mapping[str, bytes]:
        self._write((self._random(KEY_BYTES),), replace=False)
        return self._from_file()

    def _write(self, keys: tuple[bytes, ...], *, replace: bool = True) -> None:
        """Put `keys` into the file, whole; without `replace` only if nobody else did before."""
        text = "".join(base64.b64encode(key).decode() + "\n" for key in keys)
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            if replace:
                beside.replace(self._path)
            else:
                _link(beside, self._path)
        except OSError as exc:
            raise OperatorError(f"cannot write the master key to {self._path}: {exc}") from exc
        finally:
            beside.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Give `source` a second name, unless another process was first."""
    try:
        os.link(source, target)
    except FileExistsError:
        return


def parse_keys(text: str, where: str) -> Mapping[str, bytes]:
    """Return the master keys in `text`, by id, in their order: base 64, commas or lines between.

    Raises:
        OperatorError: one of them is not 32 bytes, or there are none, or too many.
    """
    words = text.replace(",", " ").split()
    try:
        keys = [base64.b64decode(word, validate=True) for word in words]
    except (binascii.Error, ValueError):
        keys = []
    if not 1 <= len(keys) <= _MOST_KEYS or any(len(key) != KEY_BYTES for key in keys):
        raise OperatorError(
            f"{where} is not a master key: write 32 random bytes in base 64,"
            " as `openssl rand -base64 32` prints them"
        )
    return {hashlib.sha256(key).hexdigest()[:16]: key for key in keys}


def context_of(org_id: str, provider_id: str) -> str:
    """Return what the credential of a stored provider is bound to."""
    return f"provider {org_id} {provider_id}"


def webhook_context_of(org_id: str, webhook_id: str) -> str:
    """Return what the secret of a webhook is bound to."""
    return f"webhook {org_id} {webhook_id}"
