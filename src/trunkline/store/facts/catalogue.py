"""Pure. All that can be measured, by its id: data for `measure`."""

from __future__ import annotations

from typing import Final

from trunkline.store.facts.catalogue_calls import OF_CALLS
from trunkline.store.facts.catalogue_parts import OF_PARTS
from trunkline.store.facts.metric import Metric

METRICS: Final[tuple[Metric, ...]] = (*OF_CALLS, *OF_PARTS)

PROPERTY: Final = "property:"
"""What the name of a property follows, as a dimension: `property:Environment`."""
SCORED: Final = "score:"
"""What the name of a score follows, as a field: `score:accuracy`."""

METRIC_OF: Final = {metric.id: metric for metric in METRICS}
