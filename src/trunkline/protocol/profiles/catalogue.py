"""Pure. All providers that there is a profile of."""

from __future__ import annotations

from typing import Final

from trunkline.protocol.profiles.azure import AZURE
from trunkline.protocol.profiles.compatible import COMPATIBLE, COMPATIBLE_BETA
from trunkline.protocol.profiles.elevenlabs import ELEVENLABS
from trunkline.protocol.profiles.inworld import INWORLD
from trunkline.protocol.profiles.openai import OPENAI
from trunkline.protocol.profiles.profile import Profile
from trunkline.protocol.profiles.qwen import QWEN
from trunkline.protocol.profiles.self_hosted import LOCALAI, SPEACHES, VLLM
from trunkline.protocol.profiles.together import TOGETHER
from trunkline.protocol.profiles.voice_live import VOICE_LIVE
from trunkline.protocol.profiles.xai import XAI

PROFILES: Final[dict[str, Profile]] = {
    profile.name: profile
    for profile in (
        OPENAI,
        AZURE,
        VOICE_LIVE,
        XAI,
        QWEN,
        INWORLD,
        TOGETHER,
        ELEVENLABS,
        LOCALAI,
        SPEACHES,
        VLLM,
        COMPATIBLE,
        COMPATIBLE_BETA,
    )
}
"""By name, in the order in which they are shown."""
