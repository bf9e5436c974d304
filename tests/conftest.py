"""What tests of more than one package share."""

from collections.abc import Iterator

import pytest
from tests.support.facts import open_facts

from trunkline.store.facts.store import FactsStore


@pytest.fixture(scope="session")
def facts() -> Iterator[FactsStore]:
    """The embedded facts engine of this process. Tests tell theirs apart by organisation."""
    yield from open_facts()
