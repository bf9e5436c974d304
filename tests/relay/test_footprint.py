"""What a gateway process leaves of its start."""

import gc

import pytest

from trunkline.relay.footprint import settle


# What tests before it have left open is found here: kosoku, for one, closes nothing.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_there_is_not_looked_through_again() -> None:
    gc.unfreeze()
    settle()
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen > 10_000
