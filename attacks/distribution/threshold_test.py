"""The threshold test: accuracy on one world's queries, against the threshold that tells shadow models apart best."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from privaudit.attacks.distribution.checks import check_inputs, query_sets, split_worlds
from privaudit.attacks.distribution.signals import share_right
from privaudit.attacks.distribution.thresholds import ExactThreshold, exact_threshold
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdTest:
    """Score a victim by its accuracy's distance from a threshold, on the query set that tells shadow models apart better.

    The set is the one of *higher* accuracy on shadow models. (One of the published scripts, for botnets, keeps the lower.)
    Between equally good sets the one with the larger distance between the worlds' mean accuracies is kept. Where no threshold
    on either set beats a coin, every score is 0, which says world 1.

    Source: Suri, Evans, "Formalizing and Estimating Distribution Inference Risks", PETS 2022, the threshold test.
    """

    name: ClassVar[str] = "threshold_test"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "label"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 2

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim.

        Args:
            inputs: two worlds, with queries of both.

        Raises:
            UnsupportedError: if there are more worlds, or fewer than two shadow models of one.
            DataError: if a world gave no query.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        said, found, apart = inputs.shadows.argmax(axis=2), [], []
        sets = query_sets(inputs, self.name)
        for queries in sets:
            metric_0, metric_1 = split_worlds(share_right(said, inputs.query_label, queries), inputs.shadow_world)
            found.append(exact_threshold(metric_0, metric_1))
            apart.append(abs(float(metric_1.mean() - metric_0.mean())))
        kept = max((0, 1), key=lambda world: (found[world].accuracy, apart[world]))
        accuracy = share_right(inputs.victim_labels, inputs.query_label, sets[kept])
        scores = found[kept].direction * (accuracy - found[kept].threshold)
        return VictimScores(scores=np.asarray(scores), notes=(_note(found[kept], kept),))


def _note(found: ExactThreshold, kept: int) -> str:
    if not found.direction:
        return "threshold test: no threshold tells the shadow models apart on either query set; every score is 0"
    side = "above" if found.direction > 0 else "below"
    return (
        f"threshold test on the queries of world {kept}: accuracy {side} {found.threshold:.4g} says world 1 "
        f"(right for {found.accuracy:.0%} of the shadow models it was chosen on)"
    )
