"""The default collector: train every model of the design, then read the built-in signals that are wanted off it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privaudit.collect.stages import CollectContext, Query, Stages, Train
from privaudit.scoring.signals import SIGNALS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCollector:
    """Target, shadow and control models of the design, and on every record the signals that attacks or reports read."""

    name: ClassVar[str] = "shadow"
    produces: ClassVar[frozenset[str]] = frozenset(SIGNALS)

    def check(self, context: CollectContext) -> None:
        """Serve every audit."""

    def stages(self, context: CollectContext) -> Stages:
        """Train all models but a released one, then query that one and those that did not diverge."""
        signals = self.produces if context.wanted is None else self.produces & context.wanted
        trained = yield Train(models=context.trained)
        if trained.models:
            models = (*trained.models, *np.flatnonzero(~context.design.is_trained).tolist())
            yield Query(models=models, signals=signals)
