"""The logit margin averaged over slightly moved copies of each record."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privaudit.collect.stages import CollectContext, Query, Stages
from privaudit.scoring.signals import AVERAGED_MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedCollector:
    """Queries every model 32 times about each record: as it is, and moved by next to nothing."""

    name: ClassVar[str] = "averaged"
    produces: ClassVar[frozenset[str]] = frozenset({AVERAGED_MARGIN})

    def check(self, context: CollectContext) -> None:
        """Serve every audit."""

    def stages(self, context: CollectContext) -> Stages:
        """Query the models that are there, a released one included."""
        released = np.flatnonzero(~context.design.is_trained).tolist()
        yield Query(models=[*context.trained, *released], signals=self.produces)
