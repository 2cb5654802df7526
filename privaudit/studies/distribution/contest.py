"""All attacks on one setting's victims: who tells a world from the base, and how often?"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.distribution.gauss import GaussianQueries
from privaudit.attacks.distribution.kl import KlCalibrated, KlDivergence
from privaudit.attacks.distribution.kl_label import KlLabelOnly
from privaudit.attacks.distribution.loss_test import LossTest
from privaudit.attacks.distribution.meta_classifier import MetaClassifier
from privaudit.attacks.distribution.per_point import PerPointThresholdTest
from privaudit.attacks.distribution.threshold_test import ThresholdTest
from privaudit.estimators import accuracy_metrics, auc
from privaudit.games.declared import declared_world_inputs
from privaudit.interfaces import DistributionAttack
from privaudit.studies.distribution.trained import Outputs
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign, WorldInputs

FEW, FEW_NAME = 5, "kl, 5 shadow models"
LOSS, THRESHOLD, KL, LABEL_ONLY = LossTest.name, ThresholdTest.name, KlDivergence.name, KlLabelOnly.name
CALIBRATED, GAUSS = KlCalibrated.name, GaussianQueries.name


class Contestant(NamedTuple):
    """An attack, and how many shadow models of each world it is given (``None`` = all)."""

    name: str
    attack: DistributionAttack
    n_shadows: int | None = None


CONTESTANTS = (
    Contestant(LOSS, LossTest()),
    Contestant(THRESHOLD, ThresholdTest()),
    Contestant(PerPointThresholdTest.name, PerPointThresholdTest()),
    Contestant(MetaClassifier.name, MetaClassifier()),
    Contestant(KL, KlDivergence()),
    Contestant(FEW_NAME, KlDivergence(), FEW),
    Contestant(CALIBRATED, KlCalibrated()),
    Contestant(LABEL_ONLY, KlLabelOnly()),
    Contestant(GAUSS, GaussianQueries()),
)
ATTACKS = tuple(one.name for one in CONTESTANTS)


class Figures(NamedTuple):
    """What an attack reached on the victims of one world and of the base.

    Attributes:
        accuracy: mean of both worlds' shares of right answers.
        auc: area under the curve.
    """

    accuracy: float
    auc: float


def contest(outputs: Outputs, world: int, contestants: Sequence[Contestant] = CONTESTANTS) -> dict[str, Figures]:
    """Let every attack tell a world's victims from the base's.

    Args:
        outputs: what all models say.
        world: the other world.
        contestants: the attacks.

    Returns:
        attack -> figures.
    """
    truth = outputs.design.world[outputs.design.rows(TARGET, 0, world)] == world
    found = {}
    for one in contestants:
        inputs = world_inputs(outputs, world, n_shadows=one.n_shadows)
        scores = one.attack.run(declared_world_inputs(one.attack, inputs)).scores
        accuracy = accuracy_metrics(scores, truth, confidence=0.95)[0].value
        assert accuracy is not None  # there are victims of both worlds
        found[one.name] = Figures(accuracy, auc(scores, truth.astype(np.uint8)))
    return found


def world_inputs(outputs: Outputs, world: int, *, n_shadows: int | None = None) -> WorldInputs:
    """Return what an attack may see of the base (0) and another world (1).

    Args:
        outputs: what all models say.
        world: the other world.
        n_shadows: shadow models of each world, the first ones; ``None`` = all.
    """
    design = outputs.design
    shadows = np.concatenate([design.rows(SHADOW, one)[:n_shadows] for one in (0, world)])
    victims = design.rows(TARGET, 0, world)
    queries = np.flatnonzero(np.isin(design.query_world, (0, world)))
    said = two_classes(outputs.probability[np.ix_(victims, queries)])
    return WorldInputs(
        shadows=two_classes(outputs.probability[np.ix_(shadows, queries)]),
        shadow_world=(design.world[shadows] == world).astype(np.int64),
        victims=said,
        victim_labels=said.argmax(axis=2),
        query_label=outputs.labels[design.query_records[queries]],
        query_world=(design.query_world[queries] == world).astype(np.int64),
        ratios=None if design.ratios is None else (design.ratios[0], design.ratios[world]),
    )


def two_classes(probability: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return both classes' probabilities in a last axis.

    >>> two_classes(np.array([0.25], dtype=np.float32)).tolist()
    [[0.75, 0.25]]
    """
    of_one = probability.astype(np.float64)
    return np.stack([1.0 - of_one, of_one], axis=-1)


def contests(outputs: Outputs) -> Mapping[float, Mapping[str, Figures]]:
    """Return ratio -> attack -> figures, for every world but base and control.

    Args:
        outputs: what all models say.
    """
    design = outputs.design
    assert design.ratios is not None
    return {design.ratios[world]: contest(outputs, world) for world in others(design)}


def others(design: WorldDesign) -> list[int]:
    """Return the worlds that have a ratio of their own."""
    return [world for world in range(1, design.n_worlds) if world != design.control]


def task_accuracy(outputs: Outputs) -> float:
    """Return how often victims of the base are right on the base's queries."""
    design = outputs.design
    queries = np.flatnonzero(design.query_world == 0)
    said = outputs.probability[np.ix_(design.rows(TARGET, 0), queries)] > 0.5
    return float((said == outputs.labels[design.query_records[queries]]).mean())
