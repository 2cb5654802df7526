"""Outcomes of canaries, the test of the claimed curve and single steps, as findings of a report."""

from dataclasses import replace

import numpy as np

from privaudit.estimators import CurveTest, OneRunCurveTest
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.findings import attack_finding
from privaudit.types import AttackResult, EpsilonEstimate, Finding, Metric


def outcome_finding(
    outcome: CanaryOutcome,
    estimates: tuple[EpsilonEstimate, ...],
    curve: CurveTest | OneRunCurveTest | None,
    confidence: float,
) -> Finding:
    """Put an outcome, its bounds and the test of the claimed curve into a finding.

    Args:
        outcome: of the game.
        estimates: its bounds, the model-free one first.
        curve: the test of the claimed curve, or ``None``; its counts are kept, so that a gate can repeat it.
        confidence: of the intervals of rates.
    """
    finding = attack_finding(outcome_result(outcome), estimates, confidence=confidence)
    return replace(
        finding,
        id=f"{outcome.name}-{outcome.game}",
        params={"game": outcome.game, "is_independent": outcome.is_independent, **_curve_counts(curve)},
        metrics=(*finding.metrics, *_curve_metrics(curve)),
    )


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


def _curve_counts(curve: CurveTest | OneRunCurveTest | None) -> dict[str, dict[str, int]]:
    """Return the counts behind the test of the curve, from which a gate makes it anew at its own confidence."""
    if curve is None:
        return {}
    if isinstance(curve, CurveTest):
        return {"curve": {name: int(curve.diagnostics[name]) for name in ("tp", "fn", "fp", "tn")}}
    return {"curve": {name: int(getattr(curve, name)) for name in ("n_canaries", "n_guesses", "n_correct")}}


def _curve_metrics(curve: CurveTest | OneRunCurveTest | None) -> tuple[Metric, ...]:
    """Say how far the measured rates are beyond the claimed curve."""
    if curve is None:
        return ()
    if isinstance(curve, CurveTest):
        rule = (
            f"lower end of the true positive rate less the most that the claimed mechanism allows at the upper end of the "
            f"false positive rate, {curve.fpr_upper:.4g}; above 0 the accountant's curve is refuted"
        )
        value = curve.tpr_lower - curve.tpr_allowed
        return (
            Metric(name="tpr_beyond_claim", at=curve.fpr_upper, value=value, confidence=curve.confidence, rule=rule),
        )
    rule = (
        f"right guesses less the {curve.least_refuting} that refute the accountant's curve; at or above 0 it is refuted"
    )
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
                "sample rate: it audits the noise of a step, not the sampling."
            ),
        ),
    )
