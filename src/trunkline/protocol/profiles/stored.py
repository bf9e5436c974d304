"""Pure. What may be stored of a provider: the rules, and what is shown of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from trunkline.protocol.profiles.ask import RESOURCE
from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.protocol.profiles.profile import Profile

MAX_MODELS: Final = 50
NO_CREDENTIAL: Final = ""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CREDENTIAL = re.compile(r"[\x21-\x7e]{8,4096}")
_PATTERN = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,128}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_OURS = "sk-trunkline-"
_HINT_LETTERS = 4
_LEAST_HINTED = 16
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class BadDetail(ValueError):
    """A field cannot be that; `field` is its name. The message is for whoever filled it in."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def clean_profile(name: str) -> Profile:
    """Return the profile of that name. Raises `BadDetail`."""
    profile = PROFILES.get(name)
    if profile is None:
        raise BadDetail("profile", f"Choose one of: {', '.join(PROFILES)}.")
    return profile


def clean_name(name: str, profile: Profile) -> str:
    """Return the name by which callers choose it. Raises `BadDetail`."""
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise BadDetail("name", "Use 1 to 63 small letters, digits and hyphens for the name.")
    if name in PROFILES and name != profile.name:
        raise BadDetail("name", f"{name} is the name of another kind of provider.")
    return name


def clean_url(url: str, profile: Profile, *, allowed: bool) -> str:
    """Return the URL to dial in place of the profile's own; empty: the profile's own.

    `allowed`: whoever asks may have this machine connect to any address. Raises `BadDetail`.
    """
    url = url.strip()
    if not url:
        if not profile.url:
            raise BadDetail("url", f"Say where {profile.title} is: ws://host:port/v1/realtime.")
        return ""
    if not allowed:
        raise BadDetail(
            "url", "Only the operator's organisation may store a provider with a URL of its own."
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as exc:
        raise BadDetail("url", f"That is not a URL: {exc}.") from exc
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in _SCHEMES or not _HOST.fullmatch(host) or not plain:
        raise BadDetail("url", "Write ws://host:port/path or wss://…, without a query.")
    if not _PATH.fullmatch(parts.path) or "/../" in f"{parts.path}/":
        raise BadDetail("url", "Use a plain path in the URL.")
    path = parts.path.rstrip("/") or urlsplit(profile.url).path or profile.usual_path
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{path}"


def clean_resource(resource: str, profile: Profile, url: str) -> str:
    """Return what stands in for `{resource}`; empty where nothing does. Raises `BadDetail`."""
    resource = resource.strip()
    if "{resource}" not in (url or profile.url):
        if resource and "{resource}" not in profile.url:
            raise BadDetail("resource", f"{profile.title} has no resource: leave it empty.")
        return resource if RESOURCE.fullmatch(resource) else ""
    if not RESOURCE.fullmatch(resource):
        raise BadDetail("resource", "Write the resource's name: letters, digits and hyphens.")
    return resource


def clean_models(models: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of models that go there. Raises `BadDetail`."""
    cleaned = tuple(dict.fromkeys(model.strip() for model in models if model.strip()))
    if len(cleaned) > MAX_MODELS or not all(_PATTERN.fullmatch(model) for model in cleaned):
        raise BadDetail(
            "models", f"Write at most {MAX_MODELS} names of models, with * for any letters."
        )
    return cleaned


def clean_credential(secret: str, profile: Profile) -> str:
    """Return the credential without what a paste adds. Raises `BadDetail`, never quoting it."""
    secret = secret.strip()
    if not secret and profile.keyless:
        return NO_CREDENTIAL
    if secret.startswith(_OURS):
        raise BadDetail("credential", "That is a key of Trunkline's: give the provider's own.")
    if not _CREDENTIAL.fullmatch(secret):
        raise BadDetail(
            "credential", "Give the provider's key: 8 to 4,096 letters, without spaces."
        )
    return secret


def hint_of(secret: str) -> str:
    """Return enough of a credential to tell it from others: its last letters, if it is long."""
    if not secret:
        return ""
    return f"…{secret[-_HINT_LETTERS:]}" if len(secret) >= _LEAST_HINTED else "…"
