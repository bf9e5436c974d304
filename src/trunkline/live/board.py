"""I/O. The calls that run, for whoever watches: numbered changes, and no queue.

The recorder asks which organisations are `watched`, looks at their calls a few times a second
and `put`s what it sees. Nothing is looked at for nobody. A watcher remembers the number of the
last change that it was told, and is told what is newer, all at once: who is slow is told less
often, and nothing is kept for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping

from trunkline.clock import monotonic_ns
from trunkline.errors import TrunklineError
from trunkline.live.listening import Listeners
from trunkline.live.running import UNKNOWN, Levels, News, Running

MAX_WATCHERS = 256
"""At once. Each is a connection, and a few hundred bytes a second for each call that talks."""
MAX_WATCHERS_OF_ONE = 128
"""Of one organisation, so that there is room for others."""
LINGER_NS = 15 * 10**9
"""After the last question: who asks every few seconds finds that somebody has listened."""
FIRST_LOOK_S = 5.0
"""For the recorder to look; it does so four times a second."""
MAX_ENDED = 1000
"""Calls that are over, remembered for those that come back after a break."""

Seen = tuple[Running, Levels]


class Crowded(TrunklineError):
    """There are as many watchers as there may be."""


class NobodyLooks(TrunklineError):
    """The recorder does not tell what goes on: it starts, or is stuck."""


class _Entry:
    """One call, and the numbers of the changes that made it so."""

    __slots__ = ("changed", "levelled", "levels", "running")

    def __init__(self, running: Running, levels: Levels, number: int) -> None:
        self.running, self.levels = running, levels
        self.changed = self.levelled = number


class _Organisation:
    """What is known of one that is watched."""

    def __init__(self, number: int) -> None:
        self.number = number
        """Of the last change that there was."""
        self.began = number + 1
        """Of the first one that is known."""
        self.calls: dict[str, _Entry] = {}
        self.ended: OrderedDict[str, int] = OrderedDict()
        self.watchers = 0
        self.asked_ns = 0
        self.looked = False
        self.changed = asyncio.Event()
        self._news: dict[int, News] = {}

    def put(self, seen: Mapping[str, Seen], number: int) -> bool:
        """Take over what runs now, as change `number`; return whether anything is new."""
        first, self.looked = not self.looked, True
        new = [self._put(call_id, *seen[call_id], number) for call_id in seen]
        gone = [call_id for call_id in self.calls if call_id not in seen]
        for call_id in gone:
            del self.calls[call_id]
            self.ended[call_id] = number
        while len(self.ended) > MAX_ENDED:
            # Who was told less than this cannot be told the difference any more.
            self.began = self.ended.popitem(last=False)[1]
        if not (first or gone or any(new)):
            return False
        self.number = number
        self._news.clear()
        self.changed.set()
        self.changed.clear()
        return True

    def _put(self, call_id: str, running: Running, levels: Levels, number: int) -> bool:
        entry = self.calls.get(call_id)
        if entry is None:
            self.ended.pop(call_id, None)
            self.calls[call_id] = _Entry(running, levels, number)
            return True
        changed, levelled = running != entry.running, levels != entry.levels
        if changed:
            entry.running, entry.changed = running, number
        if levelled:
            entry.levels, entry.levelled = levels, number
        return changed or levelled

    def news(self, since: int) -> News:
        """Return what is newer than `since`; everything, if that is too long ago to tell."""
        if since not in self._news:
            self._news[since] = self._collect(since)
        return self._news[since]

    def _collect(self, since: int) -> News:
        whole = not self.began <= since <= self.number
        if whole:
            since = -1
        calls = [entry for entry in self.calls.values() if entry.changed > since]
        levels = {
            call_id: entry.levels
            for call_id, entry in self.calls.items()
            if entry.levelled > since and entry.levels != UNKNOWN
        }
        ended = () if whole else tuple(id_ for id_, at in self.ended.items() if at > since)
        return News(self.number, whole, tuple(entry.running for entry in calls), levels, ended)


class Watch:
    """One who is told what is new. Made by `Board.watching`."""

    def __init__(self, board: Board, organisation: _Organisation, since: int) -> None:
        self._board = board
        self._organisation = organisation
        self._since = since

    async def news(self, within_s: float) -> News | None:
        """Return what is new, at once or as soon as it is; None: nothing was, for `within_s`."""
        organisation = self._organisation
        if not organisation.looked or self._since == organisation.number:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await organisation.changed.wait()
        if not organisation.looked or self._since == organisation.number:
            return None
        news = organisation.news(self._since)
        self._since = news.number
        return news

    @property
    def closed(self) -> bool:
        """Whether there will be no more news: this process ends."""
        return self._board.closed


class Board:
    """Everything that runs, of those organisations that somebody watches. In one event loop."""

    def __init__(self, clock: Callable[[], int] = monotonic_ns) -> None:
        self.epoch = secrets.token_hex(4)
        """Numbers of another process mean nothing here."""
        self.closed = False
        self.refused = 0
        """Watchers, for want of room, since the start."""
        self.listeners = Listeners()
        self._clock = clock
        self._number = 0
        self._organisations: dict[str, _Organisation] = {}

    # --- for the recorder

    @property
    def watched(self) -> frozenset[str]:
        """Whose calls somebody watches or listens in to, or has asked about a moment ago."""
        before_ns = self._clock() - LINGER_NS
        for org_id, organisation in tuple(self._organisations.items()):
            if not organisation.watchers and organisation.asked_ns < before_ns:
                del self._organisations[org_id]
        return self.listeners.organisations.union(self._organisations)

    def put(self, seen: Mapping[str, Mapping[str, Seen]]) -> None:
        """Take over what was seen: by organisation, every call of it that runs."""
        number = self._number + 1
        for org_id, calls in seen.items():
            organisation = self._organisations.get(org_id)
            if organisation is not None and organisation.put(calls, number):
                self._number = number

    # --- for the web

    @property
    def watchers(self) -> int:
        """How many there are."""
        return sum(organisation.watchers for organisation in self._organisations.values())

    async def present(self, org_id: str) -> list[Seen]:
        """Return the calls of an organisation that run, the latest first.

        Raises:
            NobodyLooks: it is not known.
        """
        organisation = self._organisation(org_id)
        if not organisation.looked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_LOOK_S):
                    await organisation.changed.wait()
        if not organisation.looked:
            raise NobodyLooks("What runs now is not known: the recorder does not answer.")
        found = ((entry.running, entry.levels) for entry in organisation.calls.values())
        return sorted(found, key=lambda seen: seen[0].opened_at_us, reverse=True)

    @contextlib.contextmanager
    def watching(self, org_id: str, told: str = "") -> Generator[Watch]:
        """Yield the means to watch an organisation's calls.

        `told` is the `id_of` the last news that the watcher has; empty: none.

        Raises:
            Crowded: there are too many who do.
        """
        organisation = self._organisation(org_id)
        if self.watchers >= MAX_WATCHERS or organisation.watchers >= MAX_WATCHERS_OF_ONE:
            self.refused += 1
            raise Crowded("Too many watch the running calls now. Close a page that does.")
        organisation.watchers += 1
        try:
            yield Watch(self, organisation, self._number_in(told))
        finally:
            organisation.watchers -= 1
            organisation.asked_ns = self._clock()

    def id_of(self, news: News) -> str:
        """Return what a watcher who comes back is known by."""
        return f"{self.epoch}-{news.number}"

    def close(self) -> None:
        """Let all watchers end: this process does."""
        self.closed = True
        for organisation in self._organisations.values():
            organisation.changed.set()
        self.listeners.end()

    def _organisation(self, org_id: str) -> _Organisation:
        organisation = self._organisations.get(org_id)
        if organisation is None:
            organisation = self._organisations[org_id] = _Organisation(self._number)
        organisation.asked_ns = self._clock()
        return organisation

    def _number_in(self, told: str) -> int:
        epoch, _, number = told.partition("-")
        known = epoch == self.epoch and number.isascii() and number.isdecimal()
        return int(number[:18]) if known else -1
