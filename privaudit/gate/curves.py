"""The tests behind a claim on a mechanism at the policy's confidence, made anew from what a canary report stores."""

from collections.abc import Mapping
from typing import Any

from privaudit.estimators import curve_one_run_test, curve_test
from privaudit.estimators.verdict_shares import verdict_shares
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
    """Judge a claim on a mechanism by its curve, the model-free bound and the probes.

    Args:
        report: with a claim on a mechanism.
        counts: from `curve_counts`.
        confidence: of the verdict, whose error the tests share.

    Returns:
        ``violated``, ``consistent`` or ``too_weak``, the numbers compared, and a sentence.
    """
    assert report.claim is not None
    own = report.claim_verdict()
    p_value = own.numbers.get("noise_p_value") if own else None
    sampling = own.numbers.get("sampling_p_value") if own else None
    shares = verdict_shares(
        confidence, has_curve=True, has_noise=p_value is not None, has_sampling=sampling is not None
    )
    bound, is_refuted = primary_bound(report, shares.bound), _is_refuted(report, counts, shares.curve)
    numbers: dict[str, float | None] = {
        "lower": None if bound.problem else bound.lower,
        "claim": report.claim.epsilon,
        "ceiling": None if bound.problem else bound.ceiling,
        "control_lower": own.numbers.get("control_lower") if own else None,
        "curve_refuted": float(is_refuted),
        "noise_p_value": p_value,
        "sampling_p_value": sampling,
        "confidence": confidence,
    }
    if not bound.problem and bound.lower > report.claim.epsilon:
        return "violated", numbers, f"epsilon >= {bound.lower:.4g} is above the claim of {report.claim.epsilon:.4g}."
    if is_refuted:
        return "violated", numbers, "The outcomes refute the accountant's curve behind the claim."
    if p_value is not None and p_value < 1.0 - shares.noise:
        return "violated", numbers, "The noise of the steps is smaller than claimed (noise probe)."
    if sampling is not None and sampling < 1.0 - shares.sampling:
        return "violated", numbers, "The batches are no Poisson samples of the claimed rate (sampling probe)."
    if own is not None and own.numbers.get("sensitivity_refuted"):
        return "violated", numbers, "One canary moves a step's sum by more than the clip (sensitivity probe)."
    if own is None or own.outcome != "consistent":
        reason = own.reason if own else "The report holds no verdict."
        return "too_weak", numbers, f"At {confidence:g} the claim is not refuted, but the report says: {reason}"
    if not _is_seen_on_control(report, shares.curve):
        reason = f"At {confidence:g} the control does not refute the curve either: more canaries or runs are needed."
        return "too_weak", numbers, reason
    return (
        "consistent",
        numbers,
        "The accountant's curve is not refuted, and the control shows that it could have been.",
    )


def _is_seen_on_control(report: AuditReport, confidence: float) -> bool:
    attack = (report.provenance.get("primary") or {}).get("attack")
    found = [control.params.get("curve") for control in report.controls if control.attack == attack]
    return any(_is_refuted(report, counts, confidence) for counts in found if counts)


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
