"""The official SDK's Azure class with its GA vocabulary, on the preview path, which is beta."""

import asyncio

from caller import converse
from documented import connecting

asyncio.run(converse(connecting))
