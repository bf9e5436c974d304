"""Pure. All providers that there is a profile of."""

from __future__ import annotations

from typing import Final

from trunkline.protocol.profiles.azure import AZURE
from trunkline.protocol.profiles.openai import OPENAI
from trunkline.protocol.profiles.profile import Profile

PROFILES: Final[dict[str, Profile]] = {profile.name: profile for profile in (OPENAI, AZURE)}
"""By name, in the order in which they are shown."""
