"""The stores that a server owns, opened together, and what the web is given of them.

Part of the wiring: it names concrete classes, and imports them where they are made.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trunkline.layout import Layout
from trunkline.sealing import Vault
from trunkline.settings import Settings

if TYPE_CHECKING:
    from trunkline.live.board import Board
    from trunkline.protocol.prices import PriceTable
    from trunkline.store.archives import Archives
    from trunkline.store.blobs import Blobs
    from trunkline.store.control.store import ControlStore
    from trunkline.store.erasure import Erasure
    from trunkline.store.facts.store import FactsStore
    from trunkline.store.recordings import Recordings
    from trunkline.store.tombstones import Tombstones
    from trunkline.vitals.desk import Desk
    from trunkline.web.deps import Dependencies
    from trunkline.web.traffic import Traffic


@dataclass(frozen=True)
class Kept:
    """What is kept of calls beside their facts."""

    archives: Archives
    recordings: Recordings
    erased: Tombstones
    erasure: Erasure


@dataclass(frozen=True)
class Stores:
    """The three stores that the server owns."""

    layout: Layout
    control: ControlStore
    facts: FactsStore
    blobs: Blobs
    vault: Vault

    def kept(self) -> Kept:
        """Return what is kept of calls beside their facts, and how it is erased."""
        from trunkline.store.archives import Archives
        from trunkline.store.erasure import Erasure
        from trunkline.store.recordings import Recordings
        from trunkline.store.tombstones import ERASED, Tombstones

        archives = Archives(self.blobs, self.layout.spool)
        recordings = Recordings(self.blobs, self.layout.cache)
        erased = Tombstones(self.layout.data / ERASED)
        erasure = Erasure(erased, self.facts, self.blobs, archives, recordings)
        return Kept(archives, recordings, erased, erasure)

    def dependencies(
        self,
        settings: Settings,
        prices: PriceTable,
        desk: Desk,
        traffic: Traffic,
        kept: Kept,
        board: Board,
    ) -> Dependencies:
        """Return what the web is given."""
        from trunkline.store.marks import Marks
        from trunkline.web.deps import Dependencies

        return Dependencies(
            settings=settings,
            control=self.control,
            facts=self.facts.judged_by(self.control.thresholds),
            archives=kept.archives,
            recordings=kept.recordings,
            erasure=kept.erasure,
            marks=Marks(self.blobs, self.facts, kept.erasure),
            desk=desk,
            traffic=traffic,
            prices=prices,
            board=board,
            seal=self.vault.seal,
        )


@contextlib.asynccontextmanager
async def opened(settings: Settings, control_url: str) -> AsyncGenerator[Stores]:
    from trunkline.store.blobs import Blobs
    from trunkline.store.control.store import ControlStore
    from trunkline.store.facts.store import FactsStore

    layout = Layout(settings.data)
    # The driver of the embedded engine writes every batch of rows to a temporary file: what a
    # killed process leaves of that must not lie where nobody looks.
    layout.clear_scratch()
    tempfile.tempdir = str(layout.scratch)
    vault = Vault(layout.master_key, settings.master_key)
    async with (
        ControlStore.opened(
            control_url, publish_to=layout.snapshot, wait=True, vault=vault
        ) as control,
        FactsStore.opened(layout.facts, settings, beside=layout.recorder) as facts,
    ):
        blobs = Blobs.open(settings.blobs_url, layout.blobs)
        yield Stores(layout, control, facts, blobs, vault)
