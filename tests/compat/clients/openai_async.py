"""The official SDK for Python, asynchronous."""

import asyncio

import stage
from caller import converse
from documented import client

asyncio.run(converse(client.realtime.connect(model=stage.MODEL)))
