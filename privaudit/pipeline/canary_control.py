"""The control of an audit with canaries: the same game with noise 0, at the confidences of the verdict."""

from privaudit.estimators import CurveTest, OneRunCurveTest
from privaudit.estimators.verdict_shares import VerdictShares
from privaudit.pipeline.canary_findings import curve_counts_of, outcome_evidence, outcome_metrics
from privaudit.pipeline.canary_outcome import CONTROL_NAME, CanaryOutcome, check_control
from privaudit.types import Control, DpSgdParams, Neighbouring


def control_of(
    outcome: CanaryOutcome | None,
    first: CanaryOutcome,
    judged: DpSgdParams | None,
    shares: VerdictShares,
    *,
    params: DpSgdParams | None,
    delta: float,
    neighbouring: Neighbouring,
) -> tuple[Control | None, CurveTest | OneRunCurveTest | None]:
    """Return the control at the confidences of the verdict, and its test of the claimed curve.

    Args:
        outcome: of the control, or ``None``.
        first: the outcome that carries the verdict.
        judged: the mechanism whose curve the verdict is about, or ``None``.
        shares: the confidences.
        params: the mechanism that was stated, or ``None``.
        delta: the delta of the bound.
        neighbouring: the relation that the coins realise.

    Raises:
        ConfigError: if it is no control of this training.
    """
    if outcome is None:
        return None, None
    check_control(outcome, first, params)
    found = outcome_evidence(
        outcome,
        bound_at=shares.bound,
        curve_at=shares.curve,
        confidence=shares.bound,
        is_for_verdict=True,
        params=judged,
        delta=delta,
        neighbouring=neighbouring,
    )
    control = Control(
        name=CONTROL_NAME,
        attack=outcome.name,
        n_models=1 if outcome.game == "one_run" else len(outcome.scores),
        estimate=found.bound,
        metrics=outcome_metrics(outcome, confidence=shares.bound),
        params=curve_counts_of(found.curve),
    )
    return control, found.curve
