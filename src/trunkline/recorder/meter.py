"""Pure. Sessions that are paid by the second: translation, GPT-Live, and xAI's conversations.

GPT-Live tells how many seconds it has billed; the others tell nothing, so the time from
the session's beginning to its end is taken, and marked as estimated. Either is written
into the usage minute by minute: an hour's session must show in budgets before it is over.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trunkline.protocol.flow import SessionUsage
from trunkline.recorder import cost
from trunkline.recorder.bounds import clamped
from trunkline.recorder.state import Meter, State, Step

CHARGED_US: Final = 60_000_000
"""How much is charged at once."""


def begin(state: State, step: Step) -> None:
    """A session that is paid by time begins; told again, nothing changes."""
    if state.meter is None:
        state.meter = Meter(step.at_us)


def passed(state: State, step: Step) -> None:
    """Time goes by: charge the minutes that are full."""
    meter = state.meter
    if meter is None or meter.told or meter.over:
        return
    elapsed_us = step.at_us - meter.since_us
    if elapsed_us - meter.charged_us >= CHARGED_US:
        _charge(state, step, meter, elapsed_us // CHARGED_US * CHARGED_US)


def told(state: State, step: Step, usage: SessionUsage) -> None:
    """The provider says what it has billed so far: charge what is new of it."""
    meter = state.meter
    if meter is None or usage.seconds is None or meter.over:
        return
    meter.told = True
    total_us = clamped(round(min(max(usage.seconds, 0.0), 1e9) * 1_000_000))
    if total_us - meter.charged_us >= CHARGED_US:
        _charge(state, step, meter, total_us)
    meter.told_us = max(meter.told_us, total_us)


def end(state: State, step: Step) -> None:
    """The session is over: charge the rest, once."""
    meter = state.meter
    if meter is None or meter.over:
        return
    resume(state, step)
    _charge(state, step, meter, meter.told_us if meter.told else step.at_us - meter.since_us)
    meter.over = True


def stand_by(state: State, step: Step) -> None:
    """The caller is not listened to: some models cost less meanwhile."""
    if state.meter is not None and state.meter.standing_us is None:
        state.meter.standing_us = step.at_us


def resume(state: State, step: Step) -> None:
    """The caller is listened to again."""
    meter = state.meter
    if meter is not None and meter.standing_us is not None:
        meter.stood_us += max(0, step.at_us - meter.standing_us)
        meter.standing_us = None


def _charge(state: State, step: Step, meter: Meter, total_us: int) -> None:
    """Charge what `total_us` is more than what was charged already."""
    new_us = clamped(total_us) - meter.charged_us
    if new_us <= 0:
        return
    if meter.standing_us is not None:
        meter.stood_us += max(0, step.at_us - meter.standing_us)
        meter.standing_us = max(meter.standing_us, step.at_us)
    stood_us = min(meter.stood_us, new_us)
    meter.charged_us += new_us
    meter.stood_us -= stood_us
    row = cost.charge_session(state, step, new_us, stood_us)
    step.rows.append(msgspec.structs.replace(row, estimated=not meter.told or stood_us > 0))
