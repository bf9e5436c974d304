"""Calls that ring, by files."""

from __future__ import annotations

import os
from pathlib import Path

from trunkline.protocol.incoming import Announced
from trunkline.relay.ringing import RINGS_NS, Ringers, Ringing

NOW_NS = 1_700_000_000 * 10**9


async def test_a_damaged_file_takes_no_place_for_ever(tmp_path: Path) -> None:
    ringers, damaged = Ringers(tmp_path), tmp_path / "0.json"
    damaged.write_bytes(b"")
    os.utime(damaged, ns=(NOW_NS, NOW_NS))
    call = Announced(provider_call="rtc_1", api="realtime")
    late = Ringing(call=call, org_id="org_1", webhook="desk", wall_ns=NOW_NS, path="/")
    await ringers.put(late)
    assert await ringers.overdue(NOW_NS + RINGS_NS) == []
    assert damaged.exists()
    assert await ringers.overdue(NOW_NS + RINGS_NS + 1) == [late]
    assert list(tmp_path.iterdir()) == []
