"""The default collector: train every model of the design, then read the built-in signals off it."""

from dataclasses import dataclass
from typing import ClassVar

from privaudit.collect.stages import CollectContext, Query, Stages, Train
from privaudit.scoring.signals import SIGNALS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCollector:
    """Target, shadow and control models of the design, and their signals on every record."""

    name: ClassVar[str] = "shadow"
    produces: ClassVar[frozenset[str]] = frozenset(SIGNALS)

    def stages(self, context: CollectContext) -> Stages:
        """Train all models, then query those that did not diverge."""
        trained = yield Train(models=range(context.design.n_models))
        if trained.models:
            yield Query(models=trained.models, signals=self.produces)
