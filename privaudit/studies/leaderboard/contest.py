"""The contestants, and what each reaches on one seed's models: means over the models in the role of the target."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from privaudit.estimators import auc, tpr_at_fpr
from privaudit.games.declared import run_declared
from privaudit.interfaces import AuditInputs
from privaudit.registry import create_attack
from privaudit.types import AttackResult

MOST_TARGETS = 12
FPRS = (0.01, 0.001)


class Contestant(NamedTuple):
    """An attack with its parameters.

    Attributes:
        label: what tables call it.
        attack: the registered name.
        params: its parameters.
    """

    label: str
    attack: str
    params: Mapping[str, Any]


class Figures(NamedTuple):
    """What an attack reached.

    Attributes:
        auc: mean over targets.
        tpr_1: true positive rate at 1 % FPR, floor rule, mean over targets.
        tpr_01: the same at 0.1 %; NaN where it cannot be measured.
    """

    auc: float
    tpr_1: float
    tpr_01: float


WITHOUT_SHADOWS = (
    Contestant("loss", "loss", {}),
    Contestant("modified entropy, one threshold", "modified_entropy", {"thresholds": "global"}),
    Contestant("population", "population", {}),
    Contestant("quantile", "quantile", {}),
)
CONTESTANTS = (
    Contestant("modified entropy", "modified_entropy", {}),
    Contestant("difficulty", "difficulty", {}),
    Contestant("reference", "reference", {}),
    Contestant("LiRA offline", "lira", {"mode": "offline"}),
    Contestant("LiRA offline, pooled", "lira", {"mode": "offline", "variance": "pooled"}),
    Contestant("nig offline", "nig", {"mode": "offline"}),
    Contestant("RMIA offline", "rmia", {"mode": "offline"}),
    Contestant("proxy", "proxy", {}),
    Contestant("LiRA", "lira", {}),
    Contestant("LiRA, pooled", "lira", {"variance": "pooled"}),
    Contestant("nig", "nig", {}),
    Contestant("nig, normal", "nig", {"form": "normal"}),
    Contestant("RMIA", "rmia", {}),
    Contestant("BASE", "base", {}),
)


def played(n_models: int, *, most: int = MOST_TARGETS) -> list[int]:
    """Return the models that play the target: spread over the design, as many with an even number as with an odd one.

    >>> played(4), played(64, most=4)
    ([0, 1, 2, 3], [0, 21, 42, 63])
    """
    places = np.linspace(0, n_models - 1, min(most, n_models)).round()
    return [int(place) for place in np.unique(places)]


def contest(
    inputs: AuditInputs, contestants: Sequence[Contestant] = CONTESTANTS, *, n_models: int, most: int = MOST_TARGETS
) -> dict[str, Figures]:
    """Run attacks on the first models of a design.

    Args:
        inputs: of all models.
        contestants: who takes part.
        n_models: how many of the models are there for the attacker.
        most: number of models that play the target.
    """
    restricted = inputs.restricted_to(range(n_models))
    targets = played(n_models, most=most)
    return {
        one.label: figures(run_declared(create_attack(one.attack, one.params), restricted, targets=targets))
        for one in contestants
    }


def figures(results: Sequence[AttackResult]) -> Figures:
    """Average an attack's rates over its targets."""
    areas = [auc(result.scores, result.label) for result in results]
    rates = [
        [tpr_at_fpr(result.scores, result.label, fpr, confidence=0.95).value for result in results] for fpr in FPRS
    ]
    means = [float(np.mean(np.array(row, dtype=np.float64))) for row in rates]
    return Figures(float(np.mean(areas)), *means)


ONE_PAIR = (
    Contestant("RMIA, one pair, a tuned", "rmia", {"mode": "offline", "n_references": 2}),
    Contestant("LiRA, one pair, one-sided", "lira", {"mode": "offline", "variance": "pooled"}),
)


def one_pair(inputs: AuditInputs, *, n_models: int) -> dict[str, float]:
    """Return mean AUCs of attacks whose attacker trained a single pair: one OUT reference for each record.

    The pair after the target's is the reference; RMIA tunes its ``a`` on the pair after that one.

    Args:
        inputs: of all models.
        n_models: number of models, every pair of which plays target, reference and tuning pair once.
    """
    areas: dict[str, list[float]] = {one.label: [] for one in ONE_PAIR}
    starts = range(0, n_models - 5, 6)
    for start in starts:
        for target in (start, start + 1):
            for one, size in zip(ONE_PAIR, (6, 4), strict=True):
                restricted = inputs.restricted_to(range(start, start + size))
                (result,) = run_declared(create_attack(one.attack, one.params), restricted, targets=[target])
                areas[one.label].append(auc(result.scores, result.label))
    return {label: float(np.mean(found)) for label, found in areas.items()}
