"""The logit margin of several views of each image."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privaudit.collect.stages import CollectContext, Query, Stages
from privaudit.errors import UnsupportedError
from privaudit.scoring.signals import AUGMENTED_MARGIN, is_image


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentedCollector:
    """Queries every model with 18 views of each image: plain and mirrored, shifted by a pixel at most along both axes."""

    name: ClassVar[str] = "augmented"
    produces: ClassVar[frozenset[str]] = frozenset({AUGMENTED_MARGIN})

    def check(self, context: CollectContext) -> None:
        """Refuse records that are no images.

        Raises:
            UnsupportedError: says what shape records have.
        """
        shape = context.record_shape
        if not is_image(shape):
            raise UnsupportedError(
                f"signal {AUGMENTED_MARGIN} mirrors and shifts images, records of shape (height, width) or (channels, height, "
                f"width); these have shape {shape}. Use queries: plain."
            )

    def stages(self, context: CollectContext) -> Stages:
        """Query the models that are there, a released one included."""
        released = np.flatnonzero(~context.design.is_trained).tolist()
        yield Query(models=[*context.trained, *released], signals=self.produces)
