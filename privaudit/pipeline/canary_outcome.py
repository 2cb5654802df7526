"""What a game with canaries gave: scores, the coins, and what may be assumed of them."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ShapeError
from privaudit.types.design import Access
from privaudit.types.frozen import set_array
from privaudit.validate import check_both_worlds, check_scores

CanaryGame = Literal["one_run", "many_runs"]
CONTROL_NAME = "noise 0, clip kept"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CanaryOutcome:
    """Scores of canaries in one run, or of one canary in many runs, beside the coins.

    Attributes:
        name: how the scores were made: ``black_box`` (loss at the end), ``white_box_final``, ``white_box_trajectory``.
        scores: ``(n,)`` one per canary (one run) or per run (many runs), higher = more member-like.
        is_in: ``(n,)`` uint8, 1 where the canary was in training.
        game: ``one_run`` or ``many_runs``.
        access: what the attacker saw.
        is_independent: outcomes are independent trials under the claimed mechanism: many runs, or orthogonal gradient
            canaries of one run with the background subtracted.
        notes: what a reader must know.

    Raises:
        ShapeError: if the lengths differ.
        DegenerateScoresError: if a score is NaN, or one world is empty.
    """

    name: str
    scores: NDArray[np.float64]
    is_in: NDArray[np.uint8]
    game: CanaryGame = "one_run"
    access: Access = "score"
    is_independent: bool = False
    notes: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        scores = set_array(self, "scores", self.scores, np.float64)
        is_in = set_array(self, "is_in", self.is_in, np.uint8)
        if scores.ndim != 1 or scores.shape != is_in.shape:
            raise ShapeError(f"scores and is_in must be of one length; got {scores.shape} and {is_in.shape}.")
        check_scores(scores, name=f"scores of {self.name}")
        check_both_worlds(is_in)

    @property
    def worlds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores with the canary in training, and without."""
        member = self.is_in.astype(bool)
        return self.scores[member], self.scores[~member]
