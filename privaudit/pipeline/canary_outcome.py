"""What a game with canaries gave: scores, the coins, and what may be assumed of them."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, ShapeError
from privaudit.types import DpSgdParams
from privaudit.types.design import Access
from privaudit.types.frozen import set_array
from privaudit.validate import check_both_worlds, check_scores

CanaryGame = Literal["one_run", "many_runs"]
CONTROL_NAME = "noise 0, clip kept"
AS_GRADIENTS = (
    "Canaries enter as gradients, and the audit draws them for each batch at the stated rate: they test clip and noise, not "
    "how records are drawn or how a record's gradient is formed."
)


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
        params: what the training that gave it did by its own record, or ``None`` where that is not known.
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
    params: DpSgdParams | None = None
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


def check_control(control: CanaryOutcome, first: CanaryOutcome, params: DpSgdParams | None) -> None:
    """Refuse as a control what is no training without noise under the same clip, sampling and steps.

    Args:
        control: the outcome.
        first: the outcome that carries the verdict.
        params: the claimed mechanism, or ``None``.

    Raises:
        ConfigError: says what differs.
    """
    if (control.name, control.game) != (first.name, first.game):
        raise ConfigError(
            f"the control is of {control.name} in the game {control.game}, the audit of {first.name} in {first.game}; take "
            "the first outcome of the same audit with noise 0.",
            key="control",
        )
    if control.params is None or params is None:
        return
    wanted = replace(params, noise_multiplier=0.0)
    if control.params != wanted:
        raise ConfigError(
            f"the control must have been trained with {wanted}; it was with {control.params}.", key="control"
        )
