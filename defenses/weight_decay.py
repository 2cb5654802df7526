"""Train with weight decay."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from privaudit.defenses.changed_recipe import changed_recipe
from privaudit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightDecay:
    """Pull all weights towards 0 at every step.

    Attributes:
        value: the optimizer's ``weight_decay``, above 0; with ``sgd`` and ``adam`` that of an L2 penalty on the loss.

    Raises:
        ConfigError: if it is not above 0 and finite.

    Source: as a defense: Shokri, Stronati, Song and Shmatikov, S&P 2017, section VIII (L2 regularisation).

    >>> WeightDecay(value=0.01).change({"steps": 10, "sample_rate": 0.1, "optimizer": {"lr": 0.5}})["optimizer"]
    {'lr': 0.5, 'weight_decay': 0.01}
    """

    name: ClassVar[str] = "weight_decay"
    value: float

    def __post_init__(self) -> None:
        """Check the value."""
        if not 0.0 < self.value < math.inf:
            raise ConfigError(f"value must be above 0 and finite; got {self.value}.", key="value")

    def change(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recipe whose optimizer has this decay in place of its own.

        Args:
            recipe: the block ``recipe`` of an audit config; it stays as it is.

        Raises:
            ConfigError: if no recipe comes out.
        """
        given = recipe.get("optimizer")
        own = given if given is not None else {}
        if not isinstance(own, Mapping):
            raise ConfigError(f"recipe.optimizer must be keys with values; got {own!r}.", key="recipe.optimizer")
        return changed_recipe(recipe, {"optimizer": {**own, "weight_decay": self.value}}, name=self.name)
