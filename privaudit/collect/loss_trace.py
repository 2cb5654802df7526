"""Every record's loss at the end of every epoch, recorded while the models are trained."""

from dataclasses import dataclass
from typing import ClassVar

from privaudit.attacks.loss_trace import LEAST_POINTS
from privaudit.collect.stages import CollectContext, Stages, Train, refuse_filter
from privaudit.errors import UnsupportedError
from privaudit.scoring.signals import LOSS_TRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTraceCollector:
    """Trains the models of the design and reads every record's negative loss after each epoch; query axis = epoch."""

    name: ClassVar[str] = "loss_trace"
    produces: ClassVar[frozenset[str]] = frozenset({LOSS_TRACE})

    def check(self, context: CollectContext) -> None:
        """Refuse models whose training cannot be watched, or is too short to be.

        Raises:
            UnsupportedError: says why.
        """
        if context.is_filtered:
            refuse_filter(LOSS_TRACE)
        if context.has_own_training:
            raise UnsupportedError(
                f"signal {LOSS_TRACE} is recorded in training, and a training function of your own (model.train) cannot be "
                "watched. Train by a recipe, or leave out the attack that needs it."
            )
        if not context.design.is_trained.all():
            raise UnsupportedError(
                f"signal {LOSS_TRACE} is recorded in training, and a released model (model.checkpoint) is trained already. "
                "Leave out the attack that needs it."
            )
        if context.n_trace_points < LEAST_POINTS:
            raise UnsupportedError(
                f"signal {LOSS_TRACE} is recorded after each epoch, and needs at least {LEAST_POINTS}; the recipe has "
                f"{context.n_trace_points}. Train longer (recipe), or leave out the attack that needs it."
            )

    def stages(self, context: CollectContext) -> Stages:
        """Train all models, with their traces."""
        yield Train(models=context.trained, signals=self.produces)
