"""Pure. What is measured: which proxies, with which frames, in how many calls.

Not everything at everything: all numbers of calls for the proxies that hold them, the
mixes and TLS at a hundred calls, the gateways of others where they can follow.
"""

import msgspec

DIRECT = "direct"
"""No proxy: what the ends and loopback take by themselves."""
PLAIN_PROXIES = ("nginx", "haproxy")
GATEWAYS = ("litellm", "portkey")
"""Of others; measured where they are installed."""
DEFLATING = ("litellm-deflate", "portkey-deflate")
"""The same as they are by default, if the ends agree: each frame is compressed and back."""
FEW = (DIRECT, "nginx", "haproxy", "trunkline")
BRIDGED = (*FEW, "bridge")


class Plan(msgspec.Struct, frozen=True):
    """Proxies that take turns under the same load."""

    name: str
    mix: str
    calls: int
    proxies: tuple[str, ...]
    secure: bool = False
    """The provider's leg is TLS."""


RELAY = (
    Plan("calls-1", "pcm16", 1, FEW),
    Plan("calls-20", "pcm16", 20, FEW + GATEWAYS + DEFLATING),
    Plan("calls-100", "pcm16", 100, (*BRIDGED, "in_turn", "uncompiled", "bare", *GATEWAYS)),
    Plan("calls-300", "pcm16", 300, FEW),
    Plan("calls-1000", "pcm16", 1_000, FEW),
    Plan("g711", "g711", 100, FEW),
    Plan("bursts", "bursts", 100, BRIDGED),
    Plan("tls", "pcm16", 100, FEW, secure=True),
)
"""In the order in which they are measured and shown."""
CONNECT = (DIRECT, "nginx", "haproxy", "trunkline", "bridge", *GATEWAYS)
MEMORY = ("nginx", "haproxy", "trunkline", "bridge", *GATEWAYS)


class Effort(msgspec.Struct, frozen=True):
    """How long to look."""

    rounds: int = 5
    """Of three, the 99th percentiles of one run are not those of the next."""
    seconds: float = 2
    """Of a round."""
    tries: int = 9
    """Rounds begun, with those that do not count."""
    warm_seconds: float = 1
    """Of a round before the first: what is compiled as it runs, and buffers that grow once."""


FULL = Effort()
QUICK = Effort(rounds=1, seconds=1, tries=2, warm_seconds=0.3)
