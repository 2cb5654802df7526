"""From the scores of many runs to a verdict on the claim: the claimed trade-off curve, with both bounds beside it."""

from functools import partial

from numpy.typing import ArrayLike

from privaudit.estimators.curve_scores import audit_curve
from privaudit.estimators.score_audit import audit_scores
from privaudit.estimators.thresholds import Split
from privaudit.studies.zoo.variant import Judgement
from privaudit.types import DpSgdParams, Neighbouring

CONFIDENCE = 0.95
CHOOSES = Split(share=0.2)  # a fifth of the runs chooses the threshold, the rest certifies


def judge_scores(
    scores_in: ArrayLike,
    scores_out: ArrayLike,
    *,
    audit: str,
    claim_epsilon: float,
    delta: float,
    params: DpSgdParams | None = None,
    mu: float | None = None,
    neighbouring: Neighbouring = Neighbouring.ADD_REMOVE,
) -> Judgement:
    """Judge a claim by the scores of independent runs with and without the canary.

    Args:
        scores_in: ``(n_in,)`` one score per run with the canary, higher = more member-like.
        scores_out: ``(n_out,)`` one score per run without it.
        audit: the name of the audit.
        claim_epsilon: the claimed epsilon.
        delta: of the claim.
        params: the claimed mechanism; or
        mu: of the claimed Gaussian mechanism.
        neighbouring: the relation of the two worlds.

    Returns:
        The judgement: flagged where the claimed trade-off curve is refuted.

    Source: Nasr et al., USENIX Security 2023; Dong, Roth, Su, JRSS B 2022.
    """
    test = audit_curve(
        scores_in, scores_out, params=params, mu=mu, confidence=CONFIDENCE, threshold=CHOOSES, neighbouring=neighbouring
    )
    bound = partial(
        audit_scores,
        scores_in,
        scores_out,
        threshold=CHOOSES,
        delta=delta,
        confidence=CONFIDENCE,
        neighbouring=neighbouring,
    )
    model_free = bound(method="clopper_pearson").lower
    return Judgement(
        is_flagged=test.is_refuted,
        audit=audit,
        lower=model_free,
        in_family=bound(method="gaussian_dp").lower,
        claim_epsilon=claim_epsilon,
        refutes_epsilon_delta=model_free > claim_epsilon,
    )
