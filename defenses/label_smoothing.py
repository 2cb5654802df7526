"""Train on softened labels.

Smoothing has two edges: it regularises, yet it can also help an attacker: Kaya et al. (arXiv 2006.05336) found so for
membership inference, Struppek et al. (ICLR 2024) for model inversion. Look at the measured difference before it is trusted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from privaudit.defenses.changed_recipe import changed_recipe
from privaudit.validate import check_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSmoothing:
    """Spread a share of the wanted probability evenly over all classes.

    Attributes:
        share: in (0, 1); 0.05 to 0.3 are usual.

    Raises:
        ConfigError: if the share does not lie in (0, 1).

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture for Computer Vision", CVPR
    2016; its effect on privacy: Kaya, Hong and Dumitras, "On the Effectiveness of Regularization Against Membership
    Inference Attacks", 2020; Struppek, Hintersdorf and Kersting, "Be Careful What You Smooth For", ICLR 2024.

    >>> LabelSmoothing(share=0.1).change({"steps": 10, "sample_rate": 0.1})
    {'steps': 10, 'sample_rate': 0.1, 'label_smoothing': 0.1}
    """

    name: ClassVar[str] = "label_smoothing"
    share: float

    def __post_init__(self) -> None:
        """Check the share."""
        check_probability("share", self.share)

    def change(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recipe with this smoothing in place of its own.

        Args:
            recipe: the block ``recipe`` of an audit config; it stays as it is.

        Raises:
            ConfigError: if no recipe comes out.
        """
        return changed_recipe(recipe, {"label_smoothing": self.share}, name=self.name)
