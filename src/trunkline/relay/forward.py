"""I/O. Forwards a webhook to the application that it is for: a few attempts, and then an answer.

A call rings meanwhile, so all of it takes seconds; who posted it waits for the answer, and
is told the truth, since it tries again by itself what was not taken. Body and signature go on
as they came: the application verifies them as if there were no gateway.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog

from trunkline.protocol.forwarding import is_public
from trunkline.relay.outgoing import Request, exchange
from trunkline.relay.refusal import Refusal
from trunkline.relay.response import BadResponse

log = structlog.get_logger("trunkline.relay")

ATTEMPTS: Final = 3
ATTEMPT_S: Final = 5.0
ALL_S: Final = 10.0
FIRST_WAIT_S: Final = 0.25
"""Before the second attempt; before the third twice that. Up to half as much more by chance."""
MAX_ANSWER_BYTES: Final = 64 * 1024
_AGAIN: Final = frozenset({408, 425, 429, *range(500, 600)})


class NotForwarded(Exception):
    """The application has not taken it. Holds what to answer to who posted it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class _Inward(Exception):
    """It leads to an address where this webhook may not go."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What to forward, and where to."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    anywhere: bool
    """It may go to any address, of our own network too."""


async def forward(parcel: Parcel, context: ssl.SSLContext) -> int:
    """Have the application take `parcel`; return the status of its answer, a 2xx.

    Raises:
        NotForwarded: it refused, or could not be reached in time.
    """
    failed = _refusal(504, "webhook_timeout", f"the application did not answer in {ALL_S:g} s")
    try:
        async with asyncio.timeout(ALL_S):
            for attempt in range(ATTEMPTS):
                if attempt:
                    by_chance = 1 + secrets.randbelow(500) / 1000
                    await asyncio.sleep(FIRST_WAIT_S * attempt * by_chance)
                outcome = await _attempt(parcel, context)
                if isinstance(outcome, int) and 200 <= outcome < 300:
                    return outcome
                failed = _told(outcome)
                if isinstance(outcome, int) and outcome not in _AGAIN:
                    break
                log.warning("a webhook was not taken", attempt=attempt + 1, code=failed.code)
    except TimeoutError:
        pass
    except _Inward:
        failed = _refusal(
            502, "webhook_address", "the application's host has no address where this may go"
        )
    raise NotForwarded(failed)


async def _attempt(parcel: Parcel, context: ssl.SSLContext) -> int | str:
    """Return the status of the answer, or why there is none."""
    request = Request(method="POST", url=parcel.url, headers=parcel.headers, body=parcel.body)
    try:
        async with asyncio.timeout(ATTEMPT_S):
            address = "" if parcel.anywhere else await _public_address(parcel.url)
            answer = await exchange(
                request, context, address=address, max_answer_bytes=MAX_ANSWER_BYTES
            )
    except TimeoutError:
        return f"it did not answer in {ATTEMPT_S:g} s"
    except ssl.SSLError as exc:
        return f"its TLS certificate was not accepted: {exc.reason or 'bad TLS'}"
    except OSError as exc:
        return exc.strerror or type(exc).__name__
    except BadResponse as exc:
        return f"its answer cannot be understood: {exc}"
    return answer.head.status


async def _public_address(url: str) -> str:
    """Return the address to connect to: looked up once, so that it cannot change in between.

    Raises:
        OSError: there is none.
        _Inward: one of them is not of the public internet, so none is to be trusted.
    """
    parts = urlsplit(url)
    found = await asyncio.get_running_loop().getaddrinfo(
        parts.hostname, parts.port or 443, type=socket.SOCK_STREAM
    )
    return checked([str(entry[4][0]) for entry in found])


def checked(addresses: Sequence[str]) -> str:
    """Return the first of a host's addresses, if each is of the public internet."""
    if not addresses or not all(is_public(one) for one in addresses):
        raise _Inward
    return addresses[0]


def _told(outcome: int | str) -> Refusal:
    if isinstance(outcome, str):
        return _refusal(502, "webhook_unreachable", f"the application: {outcome}")
    if outcome < 400:
        return _refusal(
            502, "webhook_redirected",
            f"the application answered {outcome}: redirects are not followed",
        )  # fmt: skip
    return _refusal(outcome, "webhook_refused", f"the application answered {outcome}")


def _refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(status=status, code=code, message=message)
