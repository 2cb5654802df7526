"""Outcomes of canaries, the test of the claimed curve and single steps, as findings of a report."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from privaudit.estimators import CurveTest, OneRunCurveTest
from privaudit.pipeline.canary_bounds import claimed_curve_test, family_bounds, model_free_bound
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.findings import attack_finding, attack_metrics
from privaudit.types import AttackResult, DpSgdParams, EpsilonEstimate, Finding, Metric, Neighbouring

CAVEAT = "descriptive only"  # from there on rules say that the records of one model are no independent trials
INDEPENDENT = "outcomes are independent trials if training is what it claims to be"


class Evidence(NamedTuple):
    """What one outcome says.

    Attributes:
        bound: the model-free bound.
        curve: the test of the claimed curve, or ``None``.
        finding: both with the bounds of families, for the report.
    """

    bound: EpsilonEstimate
    curve: CurveTest | OneRunCurveTest | None
    finding: Finding


def outcome_evidence(
    outcome: CanaryOutcome,
    *,
    params: DpSgdParams | None,
    delta: float,
    neighbouring: Neighbouring,
    bound_at: float,
    curve_at: float,
    confidence: float,
    is_for_verdict: bool,
) -> Evidence:
    """Bound epsilon by an outcome, and test the claimed curve.

    Args:
        outcome: of the game.
        params: the claimed mechanism, or ``None``: then no curve is tested.
        delta: the delta of the bounds.
        neighbouring: the relation that the coins realise.
        bound_at: confidence of the model-free bound.
        curve_at: confidence of the test of the curve.
        confidence: of intervals of rates and of bounds of families, each alone.
        is_for_verdict: whether the test of the curve counts for the verdict; the report says so where it does not.
    """
    bound = model_free_bound(outcome, delta=delta, confidence=bound_at, neighbouring=neighbouring)
    curve = None
    if params is not None:
        curve = claimed_curve_test(outcome, params=params, confidence=curve_at, neighbouring=neighbouring)
    families = family_bounds(outcome, params=params, delta=delta, confidence=confidence, neighbouring=neighbouring)
    finding = attack_finding(outcome_result(outcome), (bound, *families), confidence=confidence)
    finding = replace(
        finding,
        id=f"{outcome.name}-{outcome.game}",
        params={"game": outcome.game, "is_independent": outcome.is_independent, **curve_counts_of(curve)},
        metrics=(
            *outcome_metrics(outcome, confidence=confidence),
            *_curve_metrics(curve, is_for_verdict=is_for_verdict),
        ),
    )
    return Evidence(bound, curve, finding)


def outcome_result(outcome: CanaryOutcome) -> AttackResult:
    """Return an outcome as the result of an attack, from which rates are measured."""
    return AttackResult(
        attack=outcome.name,
        target=-1,
        scores=outcome.scores,
        label=outcome.is_in,
        unit_ids=np.arange(len(outcome.scores)),
        unit="model" if outcome.game == "many_runs" else "record",
        game="canary",
        access=outcome.access,
        notes=outcome.notes,
    )


def outcome_metrics(outcome: CanaryOutcome, *, confidence: float) -> tuple[Metric, ...]:
    """Measure AUC and rates, and say whether the outcomes are independent trials.

    Args:
        outcome: of the game.
        confidence: of the intervals.
    """
    metrics = attack_metrics(outcome_result(outcome), confidence=confidence)
    return tuple(map(_of_independent, metrics)) if outcome.is_independent else metrics


def _of_independent(metric: Metric) -> Metric:
    head, caveat, _ = metric.rule.partition(CAVEAT)
    return replace(metric, rule=f"{head}{INDEPENDENT}") if caveat else metric


def curve_counts_of(curve: CurveTest | OneRunCurveTest | None) -> dict[str, dict[str, int]]:
    """Return the counts behind the test of the curve, from which a gate makes it anew at its own confidence."""
    if curve is None:
        return {}
    if isinstance(curve, CurveTest):
        return {"curve": {name: int(curve.diagnostics[name]) for name in ("tp", "fn", "fp", "tn")}}
    return {"curve": {name: int(getattr(curve, name)) for name in ("n_canaries", "n_guesses", "n_correct")}}


def _curve_metrics(curve: CurveTest | OneRunCurveTest | None, *, is_for_verdict: bool) -> tuple[Metric, ...]:
    """Say how far the measured rates are beyond the claimed curve."""
    if curve is None:
        return ()
    alone = "" if is_for_verdict else "; at its own confidence, not for the verdict"
    if isinstance(curve, CurveTest):
        rule = (
            f"lower end of the true positive rate less the most that the claimed mechanism allows at the upper end of the "
            f"false positive rate, {curve.fpr_upper:.4g}; above 0 the accountant's curve is refuted{alone}"
        )
        value = curve.tpr_lower - curve.tpr_allowed
        return (
            Metric(name="tpr_beyond_claim", at=curve.fpr_upper, value=value, confidence=curve.confidence, rule=rule),
        )
    rule = f"right guesses less the {curve.least_refuting} that refute the accountant's curve; at or above 0 it is refuted{alone}"
    beyond = float(curve.n_correct - curve.least_refuting)
    return (Metric(name="guesses_beyond_claim", value=beyond, confidence=curve.confidence, rule=rule),)


def step_finding(bound: EpsilonEstimate) -> Finding:
    """Put the bound of single steps with known coins into a finding that says what it assumes."""
    return Finding(
        id="steps",
        method="per_step",
        game="canary",
        access="white_box",
        n_in=bound.n_in,
        n_out=bound.n_out,
        estimates=(bound,),
        notes=(
            (
                "Single steps, with the coins of every step known to the auditor, composed by the accountant at the stated "
                "sample rate: it audits the noise of a step, not the sampling. Outcomes are those of the second half of the steps; "
                "the first half chose the threshold."
            ),
        ),
    )
