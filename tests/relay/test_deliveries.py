"""Which deliveries of webhooks have been seen, by files."""

from __future__ import annotations

from pathlib import Path

from trunkline.protocol.webhooks import Delivery
from trunkline.relay.deliveries import Deliveries


async def test_a_file_that_another_gateway_sweeps_at_that_moment_costs_no_other(
    tmp_path: Path,
) -> None:
    # It is listed, and gone when it is looked at.
    (tmp_path / "taken-gone").symlink_to(tmp_path / "nowhere")
    delivery = Delivery("wh_1", 1_700_000_000)
    assert await Deliveries(tmp_path).is_new("hook", delivery)
    assert not await Deliveries(tmp_path).is_new("hook", delivery)
