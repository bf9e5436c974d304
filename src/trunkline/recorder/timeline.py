"""Pure. Where the sound of a call lies on the call's clock.

The facts (`fold`) and the recording (`audio`) place sound with these two classes and
with nothing else, so that the transcript points at what is heard.

`CallerTrack` places what the caller appended. `AssistantTrack` places what the provider
sent, as a player at the caller would have played it (protocol.md 6.3). Both are fed in
the order of the journal. Every time is an offset on the call's clock, every length one
of sound; both in µs.
"""

from __future__ import annotations

from typing import Final

import msgspec

JITTER_US: Final = 60_000
"""Sound that comes later than this after the sound before it left a silence between."""

KNOT_US: Final = 100_000
"""How densely the map from buffer time to the call's clock is kept."""

MAX_KNOTS: Final = 256
"""Of the map; beyond this the older half is kept at half the density."""

LIVE_LIMIT: Final = 1.2
"""Appended time by elapsed time: above this it was not spoken live (protocol.md 6.1)."""

LIVE_CHUNK_US: Final = 500_000
"""Nobody streams a microphone in longer chunks than this: it is a file."""


class Knot(msgspec.Struct, array_like=True):
    """One point of the map: where the sample at `buffer_us` belongs."""

    buffer_us: int
    """Offset into all sound appended so far."""
    placed_us: int
    """Where the recording has it."""
    received_us: int
    """When the append that holds it came."""
    captured_us: int
    """When a live microphone heard it: arrival less the length of that append."""
    pushed: bool
    """It came faster than real time, so nobody spoke it live."""


class CallerTrack(msgspec.Struct):
    """Sound from the caller, as one stream with silences.

    A live microphone's chunk was heard before it came: it is placed to end when it was
    received. Chunks that come close behind each other stay together, so that jitter
    makes no clicks, and so that a file pushed faster than real time is laid end to end.
    """

    appended_us: int = 0
    """All sound so far: `X` of protocol.md 6.1."""
    cursor_us: int = 0
    """Where the last sound ends."""
    origin_us: int = 0
    """`appended_us` when the provider's session began: its offsets count from here."""
    run_appended_us: int = 0
    """`appended_us` when the last silence ended."""
    run_captured_us: int = 0
    knots: list[Knot] = []

    def append(self, received_us: int, duration_us: int) -> int:
        """Return where the chunk of `duration_us` that came at `received_us` begins."""
        captured_us = received_us - duration_us
        late_us = captured_us - self.cursor_us
        silent = not self.knots or late_us > JITTER_US
        placed_us = max(0, captured_us) if silent and late_us > 0 else self.cursor_us
        if silent:
            self.run_appended_us = self.appended_us
            self.run_captured_us = captured_us
        if silent or self.appended_us - self.knots[-1].buffer_us >= KNOT_US:
            self._add_knot(placed_us, received_us, captured_us, duration_us)
        self.appended_us += duration_us
        self.cursor_us = placed_us + duration_us
        return placed_us

    def restart(self) -> None:
        """Count the provider's offsets from here: it began another session."""
        self.origin_us = self.appended_us

    def placed_at(self, offset_us: int) -> int:
        """Return where the sample at `offset_us` of the provider's session is placed."""
        knot, ahead_us = self._find(offset_us)
        return knot.placed_us + ahead_us if knot else max(0, self.cursor_us)

    def spoken_at(self, offset_us: int) -> int | None:
        """Return when the caller had spoken up to `offset_us` of the provider's session.

        For a live source this is `A(x)` of protocol.md 6.1. Sound that came faster than
        real time was spoken by nobody: then it is when the append that holds it came,
        since from there on the caller waited. None before the first append.
        """
        knot, ahead_us = self._find(offset_us)
        if knot is None:
            return None
        return knot.received_us if knot.pushed else max(0, knot.captured_us + ahead_us)

    def forget_before(self, offset_us: int) -> None:
        """Drop what the map says of sound before `offset_us`: nobody will ask."""
        target_us = self.origin_us + offset_us
        while len(self.knots) > 1 and self.knots[1].buffer_us <= target_us:
            del self.knots[0]

    def _find(self, offset_us: int) -> tuple[Knot | None, int]:
        """Return the knot at or before `offset_us`, and how far behind it that lies."""
        target_us = self.origin_us + offset_us
        found: Knot | None = None
        for knot in reversed(self.knots):
            found = knot
            if knot.buffer_us <= target_us:
                break
        return found, max(0, target_us - found.buffer_us) if found else 0

    def _add_knot(
        self, placed_us: int, received_us: int, captured_us: int, duration_us: int
    ) -> None:
        ran_us = self.appended_us + duration_us - self.run_appended_us
        elapsed_us = received_us - self.run_captured_us
        pushed = duration_us > LIVE_CHUNK_US or ran_us > LIVE_LIMIT * elapsed_us
        self.knots.append(Knot(self.appended_us, placed_us, received_us, captured_us, pushed))
        if len(self.knots) > MAX_KNOTS:
            self._thin()

    def _thin(self) -> None:
        """Drop every other knot of the older half that no silence precedes."""
        half = len(self.knots) // 2
        kept: list[Knot] = self.knots[:1]
        for place, knot in enumerate(self.knots[1:half], 1):
            last = kept[-1]
            together = knot.placed_us - last.placed_us == knot.buffer_us - last.buffer_us
            if not (together and place % 2):
                kept.append(knot)
        # Silences alone can fill the map; then the oldest sound loses its place.
        self.knots = (kept + self.knots[half:])[-MAX_KNOTS:]


class Play(msgspec.Struct):
    """One item's sound, as the caller's player has it."""

    starts_us: int
    """`p` of protocol.md 6.3, before any stall."""
    ends_us: int
    """Where the sound that was sent so far ends, heard or not."""
    audio_us: int = 0
    """`D`: how much was sent."""
    stalls_us: int = 0
    """How long the player had run dry."""
    response_id: str = ""
    truncate_error_us: int | None = None
    """How much more the caller's own player says it has played than this model."""
    cut_us: int | None = None
    """Where it stopped being heard; None: nothing stopped it yet."""

    @property
    def heard_until_us(self) -> int:
        """Where the last heard sound ends."""
        if self.cut_us is None:
            return self.ends_us
        return max(self.starts_us, min(self.cut_us, self.ends_us))

    @property
    def heard_us(self) -> int:
        """How much was heard: up to the cut, or all of it when nothing cuts it."""
        return self.audio_us if self.cut_us is None else self.heard_by(self.cut_us)

    def played_by(self, at_us: int) -> int:
        """Return how much had been played at `at_us` if nothing had stopped it."""
        return min(self.audio_us, max(0, at_us - self.starts_us - self.stalls_us))

    def heard_by(self, at_us: int) -> int:
        """Return how much was heard at `at_us`: `clamp(t - p, 0, D)`."""
        until_us = at_us if self.cut_us is None else min(at_us, self.cut_us)
        if until_us >= self.ends_us:
            return self.audio_us
        return self.played_by(until_us)


class AssistantTrack(msgspec.Struct):
    """Sound from the provider, item after item, played as soon as it can be.

    A player begins with an item when its first sound is handed over and the item before
    it has ended. It runs dry when sound comes later than it is due. It is stopped by a
    barge-in, by `response.cancel` or by `conversation.item.truncate`.
    """

    cursor_us: int = 0
    """Where the sound that is queued ends."""

    def place(self, play: Play | None, handed_us: int, duration_us: int) -> tuple[Play, int]:
        """Return the item's play, and where the chunk of `duration_us` begins.

        `play` is what this returned for the item's last chunk; None for its first.
        A chunk of an item that was cut is placed behind the cut and never heard.
        """
        if play is None:
            starts_us = max(handed_us, self.cursor_us)
            play = Play(starts_us, starts_us)
        elif play.cut_us is None and handed_us > play.ends_us:
            play.stalls_us += handed_us - play.ends_us
            play.ends_us = handed_us
        placed_us = play.ends_us
        play.ends_us += duration_us
        play.audio_us += duration_us
        if play.cut_us is None:
            self.cursor_us = max(self.cursor_us, play.ends_us)
        return play, placed_us

    def stop(self, play: Play, at_us: int) -> None:
        """Stop playing: of `play` nothing behind `at_us` is heard, and nothing is queued."""
        # Never behind what was there to play: sound that is still on its way is not heard.
        play.cut_us = min(at_us, play.heard_until_us)
        self.cursor_us = min(self.cursor_us, at_us)

    def truncate(self, play: Play, heard_us: int, at_us: int) -> None:
        """Believe the caller's own player: at `at_us` it says it has played `heard_us`."""
        if play.truncate_error_us is None:
            play.truncate_error_us = heard_us - play.played_by(at_us)
        if play.cut_us is None:
            self.stop(play, at_us)
        play.cut_us = play.starts_us + play.stalls_us + min(heard_us, play.audio_us)
