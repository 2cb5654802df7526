"""The attacks of the study, and what poison did to the victims: task accuracy and log-odds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.distribution.gauss import GaussianQueries
from privaudit.attacks.distribution.kl import KlDivergence
from privaudit.attacks.distribution.snap import Snap, planted_log_odds
from privaudit.estimators import accuracy_metrics
from privaudit.games.declared import declared_world_inputs
from privaudit.studies.distribution.contest import Contestant, two_classes, world_inputs
from privaudit.studies.distribution.population import Population
from privaudit.studies.distribution.trained import Outputs
from privaudit.studies.poisoning.settings import SHARES, TRUE_CLASS, poison_of
from privaudit.types.design import TARGET
from privaudit.types.worlds import WorldInputs

FEW = 4
KL_FEW, KL_ALL, SNAP_FEW, SNAP_ALL, PUBLISHED = "kl, 4", "kl", "snap, 4", "snap", "snap published, 4"
GAUSS_FEW, GAUSS_ALL = "gauss, 4", "gauss"
CONTESTANTS = (
    Contestant(KL_FEW, KlDivergence(), FEW),
    Contestant(KL_ALL, KlDivergence()),
    Contestant(GAUSS_FEW, GaussianQueries(), FEW),
    Contestant(GAUSS_ALL, GaussianQueries()),
    Contestant(PUBLISHED, Snap(rule="published"), FEW),
    Contestant(SNAP_FEW, Snap(), FEW),
    Contestant(SNAP_ALL, Snap()),
)
ATTACKS = tuple(one.name for one in CONTESTANTS)
RULE_POISON = poison_of(
    SHARES[-1]
)  # what SNAP's rule is told of victims that are not poisoned: the classes alone count


def accuracies(population: Population, outputs: Outputs, world: int) -> Mapping[str, float]:
    """Let every attack tell a world's victims from the base's.

    SNAP's rule is put to victims without poison as well, to tell what the poison adds to it.

    Args:
        population: the records.
        outputs: what all models say.
        world: the other world.

    Returns:
        attack -> mean of both worlds' shares of right answers.
    """
    truth = outputs.design.world[outputs.design.rows(TARGET, 0, world)] == world
    found = {}
    for one in CONTESTANTS:
        inputs = poisoned_inputs(population, outputs, world, n_shadows=one.n_shadows)
        scores = one.attack.run(declared_world_inputs(one.attack, inputs)).scores
        accuracy = accuracy_metrics(scores, truth, confidence=0.95)[0].value
        assert accuracy is not None  # there are victims of both worlds
        found[one.name] = accuracy
    return found


def poisoned_inputs(
    population: Population, outputs: Outputs, world: int, *, n_shadows: int | None = None
) -> WorldInputs:
    """Return what an attack may see of the base (0) and another world (1), with property and poison.

    Args:
        population: the records.
        outputs: what all models say.
        world: the other world.
        n_shadows: shadow models of each world, the first ones; ``None`` = all.
    """
    design = outputs.design
    asked = design.query_records[np.isin(design.query_world, (0, world))]
    return replace(
        world_inputs(outputs, world, n_shadows=n_shadows),
        query_property=population.has_property[asked],
        poison=design.poison or RULE_POISON,
    )


def victims_log_odds(population: Population, outputs: Outputs, world: int) -> NDArray[np.float64]:
    """Return the planted class's log-odds of a world's victims, their mean for each query of the true class with the property.

    Args:
        population: the records.
        outputs: what all models say.
        world: whose victims; the queries are those of all worlds.

    Returns:
        ``(n,)``.
    """
    design = outputs.design
    asked = design.query_records
    chosen = np.flatnonzero(population.has_property[asked] & (population.labels[asked] == TRUE_CLASS))
    said = two_classes(outputs.probability[np.ix_(design.rows(TARGET, world), chosen)])
    return np.asarray(planted_log_odds(said, RULE_POISON).mean(axis=0))


class Groups(NamedTuple):
    """Shares of right answers of the base's victims, on the base's queries."""

    all: float
    with_property: float


def task_accuracies(population: Population, outputs: Outputs) -> Groups:
    """Return how often victims of the base are right, on all queries and on those with the property.

    Args:
        population: the records.
        outputs: what all models say.
    """
    design = outputs.design
    queries = np.flatnonzero(design.query_world == 0)
    asked = design.query_records[queries]
    said = outputs.probability[np.ix_(design.rows(TARGET, 0), queries)] > 0.5
    right = (said == population.labels[asked]).mean(axis=0)
    return Groups(float(right.mean()), float(right[population.has_property[asked]].mean()))
