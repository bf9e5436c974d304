"""Pure. Where webhooks may be forwarded to.

Whoever stores an address decides what this machine connects to. So only the operator's
organisation may name any; the others only hosts of the public internet, with TLS, and
what such a name leads to is looked at again when it is connected to.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from trunkline.protocol.profiles.stored import BadDetail

MAX_CHARS: Final = 2_048
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_TARGET = re.compile(r"(?:[/?][\x21\x24-\x5b\x5d-\x7e]*)?")
_TEREDO_AND_6TO4 = (ipaddress.ip_network("2001::/32"), ipaddress.ip_network("2002::/16"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def clean_name(name: str) -> str:
    """Return what a webhook is called. Raises `BadDetail`."""
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise BadDetail("name", "Use 1 to 63 small letters, digits and hyphens for the name.")
    return name


def clean_url(url: str, *, anywhere: bool) -> str:
    """Return where to forward to; `anywhere`: whoever asks may have this machine connect to any
    address. Raises `BadDetail`.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise BadDetail("url", f"That is not a URL: {exc}.") from exc
    plain = not (parts.fragment or parts.username or parts.password) and port != 0
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if (
        parts.scheme not in ("http", "https")
        or not (plain and _HOST.fullmatch(host) and _TARGET.fullmatch(target))
        or len(url) > MAX_CHARS
    ):
        raise BadDetail("url", "Write https://host/path, where your application listens.")
    if anywhere:
        return url
    if parts.scheme != "https":
        raise BadDetail("url", "Use https: only the operator's organisation may leave it out.")
    if _is_inward_name(host):
        raise BadDetail(
            "url", "Only the operator's organisation may have webhooks sent into its own network."
        )
    return url


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet, whatever it is wrapped in."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in network for network in _TEREDO_AND_6TO4):
            return False
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


def _is_inward_name(host: str) -> bool:
    """Return whether `host` cannot be of the public internet: what resolves is looked at later."""
    bare = host.rstrip(".").lower()
    if bare == "localhost" or ("." not in bare and ":" not in bare):
        return True
    if bare.endswith((".localhost", ".local", ".internal")):
        return True
    # Decimal, octal and short forms of addresses, which some resolvers take: no name ends so.
    if bare.rpartition(".")[2].isdecimal() or ":" in bare:
        return not is_public(bare)
    return False
