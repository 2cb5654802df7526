"""Train for a shorter time.

This is a shorter public schedule, the same for every model. No model stops by its own validation loss: when it does is a
function of its records, so the number of steps would itself tell something about them, models of one audit would be trained
by different recipes, and no accountant's claim, which counts a fixed number of steps, would hold.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from privaudit.defenses.changed_recipe import changed_recipe
from privaudit.errors import ConfigError
from privaudit.validate import check_probability


def shortened(n: int, share: float) -> int:
    """Return a share of a number of steps, rounded up, 1 at least.

    Args:
        n: steps or epochs.
        share: that is left, in (0, 1).

    >>> shortened(30, 0.1), shortened(5, 0.5), shortened(1, 0.01)
    (3, 3, 1)
    """
    return max(1, math.ceil(share * n - 1e-9))


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStopping:
    """Stop every model after the same share of the steps.

    Attributes:
        share: of the steps or epochs that are left, in (0, 1). The learning rate's schedule is spread over them.

    Raises:
        ConfigError: if the share does not lie in (0, 1).

    Source: Song and Mittal, "Systematic Evaluation of Privacy Risks of Machine Learning Models", USENIX Security 2021
    (early stopping as a defense; here by a public schedule).

    >>> EarlyStopping(share=0.5).change({"epochs": 5, "batch_size": 8})
    {'epochs': 3, 'batch_size': 8}
    """

    name: ClassVar[str] = "early_stopping"
    share: float

    def __post_init__(self) -> None:
        """Check the share."""
        check_probability("share", self.share)

    def change(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recipe with fewer steps, or epochs.

        Args:
            recipe: the block ``recipe`` of an audit config; it stays as it is.

        Raises:
            ConfigError: if it has neither, or no recipe comes out.
        """
        length = next((key for key in ("steps", "epochs") if recipe.get(key) is not None), None)
        if length is None:
            raise ConfigError(
                "defense early_stopping needs a recipe with steps or epochs; it has neither.", key="recipe"
            )
        n = recipe[length]
        if isinstance(n, bool) or not isinstance(n, int):
            raise ConfigError(f"recipe.{length} must be a whole number; got {n!r}.", key=f"recipe.{length}")
        return changed_recipe({**recipe, length: shortened(n, self.share)}, {}, name=self.name)
