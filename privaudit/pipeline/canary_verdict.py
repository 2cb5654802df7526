"""The verdict on a claim about a mechanism: its whole trade-off curve is put to the test, not epsilon alone.

The curve says more than (epsilon, delta): at epsilon 10 no affordable number of runs exceeds epsilon even where training
adds no noise at all, but their error rates may lie far beyond the curve. A violated curve refutes what the accountant
computed from the parameters; (epsilon, delta) itself is refuted only where the model-free bound exceeds it. What was
computed rests on noise and sensitivity as stated, so a probe that refutes one of them violates the claim as well.
"""

from collections.abc import Sequence
from dataclasses import replace

from privaudit.estimators import CurveTest, OneRunCurveTest
from privaudit.pipeline.canary_probes import Probes
from privaudit.pipeline.verdict import NO_CANARY_CONTROL, check_comparable, judge_claim
from privaudit.types import Control, EpsilonEstimate, PrivacyClaim, Verdict

CURVE_REFUTED = "refutes the accountant's curve"
EPSILON_REFUTED = "(epsilon, delta) refuted"
NOT_EPSILON = (
    "(epsilon, delta) itself is not refuted (model-free bound {bound.lower:.4g} of at most {bound.ceiling:.4g})."
)
LOOK_FOR = "Look for the error in the training code or the accounting."


def judge_mechanism(
    claim: PrivacyClaim,
    bound: EpsilonEstimate,
    curve: CurveTest | OneRunCurveTest | None,
    control: Control | None,
    control_curve: CurveTest | OneRunCurveTest | None = None,
    *,
    probes: Probes | None = None,
    untested: Sequence[str] = (),
) -> Verdict:
    """Judge a claim by its curve, by the model-free bound and by the probes, which share the error.

    Args:
        claim: the promised guarantee, with its mechanism where a curve is tested.
        bound: the model-free bound.
        curve: the test of the claimed curve, or ``None`` where only (epsilon, delta) is claimed.
        control: the same game with noise 0, or ``None``.
        control_curve: the test of the claimed curve on the control's outcomes.
        probes: of noise, sampling and clip; the last one has no error to share.
        untested: what the claim rests on and this audit could not look at, in sentences; nothing is consistent then.

    Returns:
        ``violated`` where one of them contradicts it, and the reason says which; ``consistent`` only where the control,
        which must violate the curve, does; else ``too_weak``.

    Raises:
        ClaimError: if the bound is not about the claim's neighbours and delta.
    """
    check_comparable(claim, bound)
    probes = probes or Probes()
    numbers = _numbers(claim, bound, curve, control) | probes.numbers()
    refuted = [*_refuted_by_scores(claim, bound, curve), *probes.refuted()]
    if refuted:
        if bound.lower <= claim.epsilon:
            refuted.append(NOT_EPSILON.format(bound=bound))
        return Verdict(rule="claim", outcome="violated", numbers=numbers, reason=" ".join([*refuted, LOOK_FOR]))
    if curve is None:
        found = judge_claim(claim, [bound], control, is_canary=True)
    else:
        found = Verdict(rule="claim", numbers=numbers, **_not_refuted(control, control_curve))
    if untested and found.outcome == "consistent":
        return replace(found, outcome="too_weak", reason=" ".join(untested))
    return found


def _not_refuted(control: Control | None, control_curve: CurveTest | OneRunCurveTest | None) -> dict[str, str]:
    """Return outcome and reason by what the control could show."""
    if control is None or control_curve is None:
        return {"outcome": "too_weak", "reason": NO_CANARY_CONTROL}
    if not control_curve.is_refuted:
        reason = (
            "The control, trained without noise, did not violate the accountant's curve either: this audit could not "
            "have seen a violation. More canaries or runs, or a stronger canary, would be needed."
        )
        return {"outcome": "too_weak", "reason": reason}
    reason = "The accountant's curve was not violated, and the control, trained without noise, shows that it could have been."
    return {"outcome": "consistent", "reason": reason}


def _refuted_by_scores(
    claim: PrivacyClaim, bound: EpsilonEstimate, curve: CurveTest | OneRunCurveTest | None
) -> list[str]:
    is_epsilon, is_curve = bound.lower > claim.epsilon, curve is not None and curve.is_refuted
    if is_curve and is_epsilon:
        return [f"The audit {CURVE_REFUTED}, and {EPSILON_REFUTED}: the model-free bound exceeds the claim."]
    if is_epsilon:
        return [f"{EPSILON_REFUTED}: the model-free bound exceeds the claim."]
    if is_curve:
        return [f"The audit {CURVE_REFUTED}: training is not the mechanism that epsilon {claim.epsilon:.4g} is for."]
    return []


def _numbers(
    claim: PrivacyClaim,
    bound: EpsilonEstimate,
    curve: CurveTest | OneRunCurveTest | None,
    control: Control | None,
) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {
        "lower": bound.lower,
        "claim": claim.epsilon,
        "ceiling": bound.ceiling,
        "control_lower": control.estimate.lower if control is not None else None,
    }
    if isinstance(curve, CurveTest):
        numbers |= {"tpr_lower": curve.tpr_lower, "fpr_upper": curve.fpr_upper, "tpr_allowed": curve.tpr_allowed}
    elif curve is not None:
        numbers |= {"n_guesses": curve.n_guesses, "n_correct": curve.n_correct, "least_refuting": curve.least_refuting}
    if curve is not None:
        numbers |= {"curve_refuted": float(curve.is_refuted), "curve_confidence": curve.confidence}
    return numbers
