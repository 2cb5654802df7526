"""The test of a claimed curve at the policy's confidence, made anew from the counts that a canary report stores."""

from collections.abc import Mapping
from typing import Any

from privaudit.estimators import curve_one_run_test, curve_test
from privaudit.gate.bounds import primary_bound
from privaudit.types import AuditReport, ConfusionCounts


def curve_counts(report: AuditReport) -> Mapping[str, int] | None:
    """Return the counts behind the primary finding's test of the claimed curve, or ``None`` where none was made."""
    if report.claim is None or report.claim.mechanism is None:
        return None
    found = [finding.params.get("curve") for finding, _ in report.primary_estimates()]
    return found[0] if len(found) == 1 and found[0] else None


def curve_outcome(
    report: AuditReport, counts: Mapping[str, int], confidence: float
) -> tuple[str, dict[str, float | None], str]:
    """Judge a claim on a mechanism by its curve and the model-free bound.

    Args:
        report: with a claim on a mechanism.
        counts: from `curve_counts`.
        confidence: of the verdict; half the error each for the two tests.

    Returns:
        ``violated``, ``consistent`` or ``too_weak``, the numbers compared, and a sentence.
    """
    assert report.claim is not None
    each = 1.0 - (1.0 - confidence) / 2
    bound, is_refuted = primary_bound(report, each), _is_refuted(report, counts, each)
    own = report.claim_verdict()
    numbers: dict[str, float | None] = {
        "lower": None if bound.problem else bound.lower,
        "claim": report.claim.epsilon,
        "ceiling": None if bound.problem else bound.ceiling,
        "control_lower": own.numbers.get("control_lower") if own else None,
        "curve_refuted": float(is_refuted),
        "confidence": confidence,
    }
    if not bound.problem and bound.lower > report.claim.epsilon:
        return "violated", numbers, f"epsilon >= {bound.lower:.4g} is above the claim of {report.claim.epsilon:.4g}."
    if is_refuted:
        return "violated", numbers, "The outcomes refute the accountant's curve behind the claim."
    if own is None or own.outcome != "consistent":
        reason = own.reason if own else "The report holds no verdict."
        return "too_weak", numbers, f"At {confidence:g} the claim is not refuted, but the report says: {reason}"
    return (
        "consistent",
        numbers,
        "The accountant's curve is not refuted, and the control shows that it could have been.",
    )


def _is_refuted(report: AuditReport, counts: Mapping[str, Any], confidence: float) -> bool:
    assert report.claim is not None and report.claim.mechanism is not None
    settings: dict[str, Any] = {
        "params": report.claim.mechanism,
        "confidence": confidence,
        "neighbouring": report.claim.neighbouring,
    }
    if "tp" in counts:
        return curve_test(ConfusionCounts(**{name: int(counts[name]) for name in counts}), **settings).is_refuted
    guesses = (int(counts[name]) for name in ("n_canaries", "n_guesses", "n_correct"))
    return curve_one_run_test(*guesses, **settings).is_refuted
