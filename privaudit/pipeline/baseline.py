"""The blind baseline as a finding: its AUC, and an interval that does not exceed its error where nothing differs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.blind import N_BLOCKS, UNSCORED, BlindScores, blind_scores
from privaudit.errors import DataError, UnsupportedError
from privaudit.estimators import auc, auc_interval
from privaudit.pipeline.score_options import ScoreAuditOptions
from privaudit.types import Finding, Metric

DIFFERS = "members and non-members differ without the model"
POINTER = f"{DIFFERS} (see the finding blind): this attack may see no more than that"
CONTRADICTION = 1 - 1e-6  # confidence at which features refute coins that were stated to be fair
RULE = (
    "mean AUC of blocks of records, weighted by the smaller of their two sides; each block is scored by a classifier "
    "fitted to the blocks before it, so that the blocks' errors are uncorrelated where nothing differs and their "
    "Mann-Whitney variances add up; Wilson interval on the distribution-free bound of that variance"
)


def blind_auc(scored: BlindScores, is_member: NDArray[np.bool_], *, confidence: float) -> Metric:
    """Return the blind baseline's AUC, averaged over blocks and never pooled.

    With block AUCs A_k and smaller sides m_k the variance of the mean weighted by m_k is at most
    sum(m_k A_k (1 - A_k)) / sum(m_k)^2, and by concavity at most A (1 - A) / sum(m_k): the variance bound of one AUC
    whose smaller side is sum(m_k).

    Args:
        scored: scores and blocks.
        is_member: ``(n,)`` the truth.
        confidence: of the interval.

    Source: Birnbaum and Klose, Annals of Mathematical Statistics 1957 (the bound).
    """
    areas, sizes = [], []
    for block in range(UNSCORED + 1, int(scored.block.max()) + 1):
        rows = scored.block == block
        n_in = int(is_member[rows].sum())
        areas.append(auc(scored.scores[rows], is_member[rows]))
        sizes.append(min(n_in, int(rows.sum()) - n_in))
    value = float(np.average(areas, weights=sizes))
    lower, upper = auc_interval(value, sum(sizes), sum(sizes), confidence=confidence)
    return Metric(name="auc", value=value, lower=lower, upper=upper, confidence=confidence, rule=RULE)


def excludes_chance(metric: Metric) -> bool:
    """Whether an AUC's interval lies on one side of 1/2."""
    return metric.lower is not None and metric.upper is not None and not metric.lower <= 0.5 <= metric.upper


def blind_finding(
    features: NDArray[np.float64], label: NDArray[np.uint8], *, confidence: float, seed: int, are_fair_coins: bool
) -> Finding:
    """Ask whether features alone tell members from non-members.

    Args:
        features: ``(n, d)`` of the records.
        label: ``(n,)`` 1 for members.
        confidence: of the interval.
        seed: of blocks and classifiers.
        are_fair_coins: the user says that membership is independent of everything else.

    Returns:
        The finding; ``access`` is ``None`` because no model is looked at.

    Raises:
        UnsupportedError: if there are too few records.
        DataError: if the features refute the fair coins.
    """
    member = label.astype(bool)
    scored = blind_scores(features, member, seed=seed)
    refuting = blind_auc(scored, member, confidence=CONTRADICTION)
    if are_fair_coins and excludes_chance(refuting):
        raise DataError(
            f"the features alone tell members from non-members (AUC {refuting.value:.3f}), which independent fair coins would "
            "allow with probability below 1e-6. Membership depends on the records: leave --fair-coins out."
        )
    params = {"n_blocks": N_BLOCKS, "n_features": features.shape[1], "seed": seed}
    return finding_of_scores(scored, member, params=params, confidence=confidence)


def finding_of_scores(
    scored: BlindScores, member: NDArray[np.bool_], *, params: Mapping[str, Any], confidence: float
) -> Finding:
    """Put what the blind classifiers said into a finding.

    Args:
        scored: scores and blocks.
        member: ``(n,)`` the truth.
        params: settings of the classifiers.
        confidence: of the interval.

    Returns:
        The finding; ``access`` is ``None`` because no model is looked at.
    """
    metric = blind_auc(scored, member, confidence=confidence)
    tested = scored.block != UNSCORED
    n_in = int(member[tested].sum())
    return Finding(
        id="blind",
        method="blind",
        params=params,
        access=None,
        n_in=n_in,
        n_out=int(tested.sum()) - n_in,
        metrics=(metric,),
        notes=(DIFFERS,) if excludes_chance(metric) else (),
    )


def with_baseline(
    features: NDArray[np.float64], label: NDArray[np.uint8], findings: Sequence[Finding], options: ScoreAuditOptions
) -> tuple[list[Finding], tuple[str, ...]]:
    """Add the blind baseline, and a pointer to it under every attack where it finds something.

    Args:
        features: ``(n, d)`` of the records.
        label: ``(n,)`` 1 for members.
        findings: of the attacks.
        options: what the user states and wants.

    Returns:
        The findings, and why there is no baseline if there is none.

    Raises:
        DataError: if the features refute the fair coins.
    """
    try:
        blind = blind_finding(
            features,
            label,
            confidence=options.confidence,
            seed=options.seed,
            are_fair_coins=options.fair_coins,
        )
    except UnsupportedError as error:
        return list(findings), (f"No blind baseline: {error}",)
    if blind.notes:
        findings = [replace(finding, notes=(*finding.notes, POINTER)) for finding in findings]
    return [*findings, blind], ()
