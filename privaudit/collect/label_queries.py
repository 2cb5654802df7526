"""What is measured through a label oracle, on models that are trained."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privaudit.collect.stages import CollectContext, Query, Stages
from privaudit.scoring.signals import LABEL_SIGNALS, measured_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelQueryCollector:
    """Queries models for hard labels near each record: those that have a signal, every model or the targets alone."""

    name: ClassVar[str] = "label_queries"
    produces: ClassVar[frozenset[str]] = frozenset(LABEL_SIGNALS)

    def check(self, context: CollectContext) -> None:
        """Serve every audit: images are shifted and turned, other records perturbed as their features allow."""

    def stages(self, context: CollectContext) -> Stages:
        """Query for one signal after the other, so that a failure leaves those before it."""
        there = [*context.trained, *np.flatnonzero(~context.design.is_trained).tolist()]
        for signal in LABEL_SIGNALS:
            if context.wanted is not None and signal not in context.wanted:
                continue
            rows = measured_rows(signal, context.design).tolist()
            yield Query(models=[row for row in there if row in rows], signals=frozenset({signal}))
