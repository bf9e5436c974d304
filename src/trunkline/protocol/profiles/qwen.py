"""Pure. Qwen-Omni-Realtime of Alibaba Cloud: beta (protocol.md 8.1).

Hears 16 kHz and speaks 24 kHz. The older hosts (`dashscope.aliyuncs.com`, `dashscope-intl`)
can be stored as a URL.
"""

from __future__ import annotations

from trunkline.protocol.profiles.credentials import as_bearer
from trunkline.protocol.profiles.openai import address, model_of
from trunkline.protocol.profiles.profile import Profile, speaks_beta

QWEN = Profile(
    name="qwen",
    title="Qwen-Omni",
    url="wss://{resource}.ap-southeast-1.maas.aliyuncs.com/api-ws/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <your Model Studio key>",
    model=model_of,
    dialect=speaks_beta,
    models=("qwen*",),
    resource_is="the name of a workspace",
    idle_s=300,
)
