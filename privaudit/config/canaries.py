"""The canary part of the audit config: which game is played with what."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from privaudit.config.reading import StrictModel
from privaudit.config.recipe import Positive

GRADIENT_KINDS = ("coordinate", "spread", "layer", "bias", "alternating")
RECORD_KINDS = ("mislabelled", "random", "blank", "clipbkd")


class CanaryConfig(StrictModel):
    """One run with many canaries, or many runs with one canary.

    Attributes:
        game: ``one_run`` or ``many_runs``.
        kind: a shape of gradient canaries (``coordinate``, ``spread``, ``layer``, ``bias``, ``alternating``), or of
            record canaries (``mislabelled``, ``random``, ``blank``, ``clipbkd``).
        n_canaries: coins of a one-run game.
        n_runs: runs of a many-runs game in all, half of them with the canary; with ``stop_when`` the budget.
        norm: length of a gradient canary before the clip, in clips.
        layer: name of the weight that canaries of kind ``layer`` lie in.
        stop_when: ``decided`` ends a many-runs game as soon as the claim is exceeded, or the rest of the budget could
            not exceed it.
    """

    game: Literal["one_run", "many_runs"] = "one_run"
    kind: Literal[
        "coordinate", "spread", "layer", "bias", "alternating", "mislabelled", "random", "blank", "clipbkd"
    ] = "coordinate"
    n_canaries: Annotated[int, Field(ge=20)] = 1000
    n_runs: Annotated[int, Field(ge=40)] = 2000
    norm: Positive = 100.0
    layer: str | None = None
    stop_when: Literal["decided"] | None = None

    @property
    def is_gradient(self) -> bool:
        """Whether canaries are gradients, not records."""
        return self.kind in GRADIENT_KINDS

    @model_validator(mode="after")
    def _keys_fit_the_game(self) -> "CanaryConfig":
        if self.stop_when is not None and self.game != "many_runs":
            raise ValueError("stop_when is for game: many_runs; a one-run game has nothing to stop. Remove it")
        if self.kind == "blank" and self.game == "one_run":
            raise ValueError("blank canaries are copies of each other; take them with game: many_runs")
        if self.n_runs % 2:
            raise ValueError(f"n_runs must be even, half of them with the canary; got {self.n_runs}")
        if (self.layer is not None) != (self.kind == "layer"):
            raise ValueError("layer names the weight of canaries of kind: layer; give both or neither")
        return self
