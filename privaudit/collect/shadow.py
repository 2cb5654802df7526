"""The default collector: train every model of the design, then read the built-in signals off it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privaudit.collect.stages import CollectContext, Query, Stages, Train
from privaudit.scoring.signals import SIGNALS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCollector:
    """Target, shadow and control models of the design, and their signals on every record."""

    name: ClassVar[str] = "shadow"
    produces: ClassVar[frozenset[str]] = frozenset(SIGNALS)

    def check(self, context: CollectContext) -> None:
        """Serve every audit."""

    def stages(self, context: CollectContext) -> Stages:
        """Train all models but a released one, then query that one and those that did not diverge."""
        trained = yield Train(models=context.trained)
        if trained.models:
            models = (*trained.models, *np.flatnonzero(~context.design.is_trained).tolist())
            yield Query(models=models, signals=self.produces)
