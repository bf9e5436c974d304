"""What a gateway process leaves of its start."""

import gc

from trunkline.relay.footprint import settle


def test_what_is_there_is_not_looked_through_again() -> None:
    gc.unfreeze()
    settle()
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen > 10_000
