"""TLS contexts, from settings."""

from __future__ import annotations

import ssl

from trunkline.errors import OperatorError
from trunkline.settings import Settings


def public_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the public port's TLS context, or None. Raises `OperatorError` for a bad pair."""
    if settings.tls_cert is None and settings.tls_key is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise OperatorError("tls_cert and tls_key must be given together")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as exc:
        raise OperatorError(
            f"cannot use {settings.tls_cert} with {settings.tls_key}: {exc}"
        ) from exc
    return context


def provider_context(settings: Settings) -> ssl.SSLContext:
    """Return the context for providers: certificates and host names are always verified.

    Raises:
        OperatorError: `provider_ca` cannot be used.
    """
    context = _ProviderContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if settings.provider_ca is None:
        return context
    try:
        context.load_verify_locations(settings.provider_ca)
    except OSError as exc:  # ssl.SSLError is one
        why = "no certificate in it" if isinstance(exc, ssl.SSLError) else exc.strerror
        raise OperatorError(f"cannot use provider_ca {settings.provider_ca}: {why}") from exc
    return context


class _ProviderContext(ssl.SSLContext):
    """Verifies the chain and the name of every provider, as `PROTOCOL_TLS_CLIENT` does.

    aiofastnet asks `verify_mode` for one thing: whether to show a peer's certificate, for which
    it writes one to a file and reads it again, at each connection. Nobody looks at it, it takes
    a third of a millisecond, and a machine without a place for such files would have no calls.
    What OpenSSL verifies is not asked here.
    """

    @property
    def verify_mode(self) -> ssl.VerifyMode:  # pyright: ignore[reportIncompatibleVariableOverride]
        return ssl.CERT_NONE
