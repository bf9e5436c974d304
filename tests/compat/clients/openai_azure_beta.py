"""The official SDK's Azure class with its beta namespace, on the preview path."""

import asyncio

from caller import BETA, converse
from documented import connecting

asyncio.run(converse(connecting, BETA))
