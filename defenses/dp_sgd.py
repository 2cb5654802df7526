"""Train by DP-SGD, with noise that is given or found for a wanted risk.

It is the one defense here that comes with a guarantee. Clipping and shorter training lower a leak too: to credit the noise
with its own share, compare with the same recipe at noise 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from privaudit.config.reading import parse
from privaudit.config.recipe import NOISE_BY, DpConfig
from privaudit.defenses.changed_recipe import changed_recipe
from privaudit.errors import ConfigError

OVERRIDES = ("steps", "sample_rate", "epochs", "batch_size", "optimizer", "schedule", "label_smoothing")
DP_KEYS = (*NOISE_BY, "at", "max_grad_norm", "delta")


@dataclass(frozen=True, slots=True, kw_only=True)
class DpSgd:
    """Clip each record's gradient and add noise; what the noise is made for is given in exactly one way.

    Attributes:
        noise_multiplier: standard deviation of the noise in units of ``max_grad_norm``.
        epsilon: what the accountant is to find at most, at ``delta``.
        advantage: largest TPR - FPR that any attack may have, in (0, 1).
        tpr: largest true positive rate that any attack may have at the false positive rate ``at``.
        at: that false positive rate.
        max_grad_norm: the clipping norm of each record's gradient.
        delta: where epsilon is read off.
        recipe: keys of the recipe that are replaced whole, since private training wants other batches and learning rates;
            ``steps`` and ``sample_rate``, ``epochs`` and ``batch_size``, ``optimizer``, ``schedule``, ``label_smoothing``.

    Raises:
        ConfigError: if the noise is given in no way or in several, or a value is not legal.

    Source: Abadi et al., "Deep Learning with Differential Privacy", CCS 2016; noise for an advantage or a true positive
    rate: Kulynych et al., "Attack-Aware Noise Calibration for Differential Privacy", NeurIPS 2024.

    >>> DpSgd(noise_multiplier=1.0, recipe={"steps": 50}).change({"steps": 10, "sample_rate": 0.1})["steps"]
    50
    """

    name: ClassVar[str] = "dp_sgd"
    noise_multiplier: float | None = None
    epsilon: float | None = None
    advantage: float | None = None
    tpr: float | None = None
    at: float | None = None
    max_grad_norm: float = 1.0
    delta: float = 1e-5
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the noise and the keys that are replaced."""
        parse(DpConfig, self._dp(), where="defense dp_sgd")
        if not isinstance(self.recipe, Mapping):
            raise ConfigError(f"recipe must be keys with values; got {self.recipe!r}.", key="recipe")
        other = [key for key in self.recipe if key not in OVERRIDES]
        if other:
            raise ConfigError(
                f"defense dp_sgd replaces {', '.join(OVERRIDES)} of a recipe; got {other[0]!r}.", key="recipe"
            )

    def change(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recipe with DP-SGD in place of what privacy it had.

        Args:
            recipe: the block ``recipe`` of an audit config; it stays as it is.

        Raises:
            ConfigError: if no recipe comes out.
        """
        return changed_recipe(recipe, {**self.recipe, "dp": self._dp()}, name=self.name)

    def _dp(self) -> dict[str, Any]:
        return {key: value for key in DP_KEYS if (value := getattr(self, key)) is not None}
