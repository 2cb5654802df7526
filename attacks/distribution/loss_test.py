"""The loss test: a model is better on records of the world that it comes from. No shadow model is looked at."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from privaudit.attacks.distribution.checks import (
    Bools,
    Floats,
    check_choice,
    check_inputs,
    query_sets,
    victim_probabilities,
)
from privaudit.attacks.distribution.signals import CLIP, share_right
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

Quantity = Literal["accuracy", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTest:
    """Compare a victim's performance on both worlds' queries: the better served world is its own.

    Attributes:
        quantity: ``accuracy`` (default; labels do), or ``loss``, the mean cross-entropy, which reads probabilities.

    Source: Suri, Evans, "Formalizing and Estimating Distribution Inference Risks", PETS 2022, the loss test. A tie says
    world 1, as there.
    """

    name: ClassVar[str] = "loss_test"
    game: ClassVar[str] = "distribution_inference"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 0
    quantity: Quantity = "accuracy"

    def __post_init__(self) -> None:
        """Refuse an unknown quantity."""
        check_choice("quantity", self.quantity, get_args(Quantity))

    @property
    def access(self) -> Access:
        """Labels for the accuracy, probabilities for the loss."""
        return "label" if self.quantity == "accuracy" else "score"

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim.

        Args:
            inputs: two worlds, with queries of both.

        Raises:
            UnsupportedError: if there are more worlds.
            DataError: if a world gave no query.
            MissingSignalError: if the loss is asked for and victims give labels alone.
        """
        check_inputs(inputs, self.name, fewest=0)
        on_0, on_1 = (self._goodness(inputs, queries) for queries in query_sets(inputs, self.name))
        return VictimScores(scores=on_1 - on_0)

    def _goodness(self, inputs: WorldInputs, queries: Bools) -> Floats:
        if self.quantity == "accuracy":
            return share_right(inputs.victim_labels, inputs.query_label, queries)
        rows = np.flatnonzero(queries)
        own = victim_probabilities(inputs, self.name)[:, rows, inputs.query_label[rows]]
        return np.asarray(np.log(np.maximum(own, CLIP)).mean(axis=1))  # one sure mistake must not outweigh all others
