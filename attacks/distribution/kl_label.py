"""The divergence attack on victims that give labels alone."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from privaudit.attacks.distribution.checks import Floats, Integers, check_choice, check_clip, check_inputs
from privaudit.attacks.distribution.kl_scores import KlSettings, kl_scores
from privaudit.attacks.distribution.signals import CLIP
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

LEFT_TO_OTHERS = 0.01  # the published probability of the class that is not given
LabelDecision = Literal["vote", "calibrated"]


def harden(labels: Integers, n_classes: int) -> Floats:
    """Return the probabilities that a label is taken for: 0.99 for it, and 0.01 in equal parts for all other classes.

    Args:
        labels: ``(n_models, n_queries)`` class that each model gives.
        n_classes: number of classes, two at least.

    Returns:
        ``(n_models, n_queries, n_classes)``, summing to 1.

    >>> harden(np.array([[1]]), 2).round(4).tolist(), harden(np.array([[0]]), 3).round(4).tolist()
    ([[[0.01, 0.99]]], [[[0.99, 0.005, 0.005]]])
    """
    given = labels[:, :, None] == np.arange(n_classes)
    return np.where(given, 1.0 - LEFT_TO_OTHERS, LEFT_TO_OTHERS / max(n_classes - 1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class KlLabelOnly:
    """`KlDivergence` with each victim's label taken for a probability of 0.99; shadow models keep their probabilities.

    Attributes:
        decision: ``calibrated`` (default): the share of votes that tells left-out shadow models apart best, hardened like
            the victim. ``vote``, as published: half of the votes. A hardened victim is nearer to whichever world's models
            are the surer ones, so that half of the votes often gives most victims to that world.
        clip: probabilities are moved into [clip, 1 - clip].

    Source: Suri, Lu, Chen, Evans, "Dissecting Distribution Inference", SaTML 2023, the label-only variant (two classes; the
    equal parts for several, and the calibration, are ours).
    """

    name: ClassVar[str] = "kl_label"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "label"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 2
    decision: LabelDecision = "calibrated"
    clip: float = CLIP

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_choice("decision", self.decision, get_args(LabelDecision))
        check_clip(self.clip)

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim: vote share minus threshold.

        Args:
            inputs: two worlds, with queries of both.

        Raises:
            UnsupportedError: if there are more worlds, or fewer than two shadow models of one.
            DataError: if a world gave no query.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        n_classes = inputs.shadows.shape[2]
        settings = KlSettings(clip=self.clip, pairs="all", decision=self.decision)
        victims, as_victims = (
            harden(labels, n_classes) for labels in (inputs.victim_labels, inputs.shadows.argmax(axis=2))
        )
        return kl_scores(inputs, victims, as_victims, settings, self.name)
