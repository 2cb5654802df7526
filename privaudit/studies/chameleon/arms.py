"""The arms of the study on one seed: which copies are planted, what targets answer, and what their scores reach."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from privaudit.attacks.label_only.chameleon import agreement_scores, asked_queries
from privaudit.collect.chameleon_rounds import PoisonPlan, chameleon_rounds, play_rounds
from privaudit.estimators import auc, expected_tpr, tpr_at_fpr
from privaudit.scoring.candidates import read_agreement
from privaudit.scoring.label_oracle import label_oracle_of
from privaudit.studies.chameleon.models import Models
from privaudit.studies.chameleon.task import Task

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FPR, WIDER_FPR = 0.01, 0.05
ADAPTIVE, TIE_BREAK, CLEAN, EVERY = (
    "adaptive",
    "adaptive, ties broken",
    "adaptive, record alone",
    "adaptive, all candidates",
)
PRIVATE, PRIVATE_AWARE = "DP-SGD, copies of plain shadows", "DP-SGD, shadows trained likewise"


def fixed_arm(copies: int) -> str:
    """Return what tables call a fixed number of copies.

    >>> fixed_arm(1), fixed_arm(3)
    ('1 copy for all', '3 copies for all')
    """
    return f"{copies} {'copy' if copies == 1 else 'copies'} for all"


class Figures(NamedTuple):
    """What scores reach, all targets and challenge records of a seed in one curve.

    Attributes:
        auc: area under it.
        floor: true positive rate at 1 % FPR by the floor rule.
        expected: the same where equal scores are accepted by lot.
        wider: the expected rate at 5 % FPR.
        at_top: share of the non-members with the highest score.
        queries: labels asked per record, mean.
    """

    auc: float
    floor: float
    expected: float
    wider: float
    at_top: float
    queries: float


class Answers(NamedTuple):
    """What the targets of an arm answered.

    Attributes:
        networks: the targets.
        agreement: ``(n_targets, n, n_queries)`` 1 where the answer is the record's class.
        is_in: ``(n_targets, n)`` their coins.
        accuracy: mean on test images.
    """

    networks: Sequence[nn.Module]
    agreement: Floats
    is_in: Bools
    accuracy: float


def decide(task: Task, models: Models, *, seed: int) -> PoisonPlan:
    """Play the rounds on the shadow models.

    Args:
        task: settings of the attack.
        models: of the seed.
        seed: of random wrong classes.
    """
    is_in = models.design.is_in[: models.n_shadows, models.challenge]
    dataset = models.drawn.dataset
    labels = dataset.labels[models.challenge]
    rounds = chameleon_rounds(task.settings, is_in, labels, n_classes=dataset.n_classes, seed=seed)
    return play_rounds(rounds, models.shadow_outputs)


def answers(models: Models, copies: NDArray[np.int64], labels: NDArray[np.int64]) -> Answers:
    """Train the targets with copies planted, and ask each for the label of every candidate.

    Args:
        models: of the seed.
        copies: ``(n,)`` copies of each challenge record.
        labels: ``(n,)`` their class.
    """
    networks = models.trained(models.targets, copies, labels)
    true, (n, n_queries) = models.drawn.dataset.labels[models.challenge], models.drawn.candidates.shape[:2]
    agreement = [
        read_agreement(label_oracle_of(network, n_records=n, budget=n_queries), models.drawn.candidates, true)
        for network in networks
    ]
    is_in = models.design.is_in[np.ix_(np.array(models.targets), models.challenge)].astype(np.bool_)
    return Answers(networks, np.stack(agreement), is_in, models.accuracy(networks))


def figures(scores: Floats, is_in: Bools, *, queries: float) -> Figures:
    """Put the scores of all targets into one curve.

    Args:
        scores: ``(n_targets, n)``.
        is_in: ``(n_targets, n)`` the coins.
        queries: labels asked per record.
    """
    values, member = scores.ravel(), is_in.ravel()
    floor = tpr_at_fpr(values, member, FPR, confidence=0.95).value
    return Figures(
        auc=auc(values, member),
        floor=float("nan") if floor is None else floor,
        expected=expected_tpr(values, member, FPR),
        wider=expected_tpr(values, member, WIDER_FPR),
        at_top=float((values[~member] == values.max()).mean()),
        queries=queries,
    )


def chameleon_figures(found: Answers, kept: Bools, *, n_queries: int | None = None, tie_break: bool = False) -> Figures:
    """Score answers by the share of neighbours.

    Args:
        found: what the targets answered.
        kept: ``(n, n_queries)`` the neighbourhoods.
        n_queries: most queries per record.
        tie_break: order equal scores by all candidates.
    """
    scores = agreement_scores(found.agreement, kept, n_queries=n_queries, tie_break=tie_break)
    asked = asked_queries(kept, n_queries=n_queries, has_rest=tie_break)
    return figures(scores, found.is_in, queries=float(asked.sum(axis=1).mean()))


def adaptive_arms(found: Answers, kept: Bools) -> Mapping[str, Figures]:
    """Return the adaptive arm, and what the neighbourhood is worth.

    Args:
        found: answers of targets with adaptive numbers of copies.
        kept: the neighbourhoods.
    """
    return {
        ADAPTIVE: chameleon_figures(found, kept),
        TIE_BREAK: chameleon_figures(found, kept, tie_break=True),
        CLEAN: chameleon_figures(found, kept, n_queries=1),
        EVERY: chameleon_figures(found, np.ones_like(kept)),
    }


def query_curve(found: Answers, kept: Bools) -> Mapping[int, tuple[Figures, Figures]]:
    """Return figures against the most queries per record, without and with the tie-break.

    Args:
        found: answers of targets with adaptive numbers of copies.
        kept: the neighbourhoods.
    """
    n_all = kept.shape[1]
    limits = [2**power for power in range(n_all.bit_length()) if 2**power < n_all]
    return {
        limit: (
            chameleon_figures(found, kept, n_queries=limit),
            chameleon_figures(found, kept, n_queries=limit, tie_break=True),
        )
        for limit in (*limits, n_all)
    }
