"""What a report shows at the policy's confidence, computed anew from the counts it stores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from privaudit.errors import ClaimError
from privaudit.estimators import clopper_pearson, one_run
from privaudit.types import AuditReport, ConfusionCounts, EpsilonEstimate, EstimateKind, PrivacyClaim, Validity

COUNTS = ("n_canaries", "n_guesses", "n_correct")
RATES = ("tp", "fn", "fp", "tn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Lower bounds that were looked at together.

    Attributes:
        lower: the largest of them, valid at the joint confidence.
        ceiling: the smallest of their ceilings.
        n_looked_at: how many shared the error rate.
        problem: why there is no bound, or "".
    """

    lower: float = 0.0
    ceiling: float = 0.0
    n_looked_at: int = 0
    problem: str = ""


def shared_confidence(confidence: float, n_looked_at: int) -> float:
    """Return the confidence of each of several statements that hold together (Bonferroni).

    >>> round(shared_confidence(0.99, 4), 6)
    0.9975
    """
    return 1 - (1 - confidence) / max(n_looked_at, 1)


def is_proof(estimate: EpsilonEstimate) -> bool:
    """Whether an estimate may speak about a claim: a lower bound, valid for every mechanism and sample size."""
    return estimate.kind is EstimateKind.LOWER_BOUND and estimate.validity is Validity.VALID


def joint_bound(estimates: Sequence[EpsilonEstimate], confidence: float) -> Bound:
    """Return what several lower bounds show together.

    Args:
        estimates: lower bounds of one relation and delta.
        confidence: the joint confidence.

    Returns:
        The bound; one with a ``problem`` if there is none, or it cannot be had at this confidence.
    """
    if not estimates:
        return Bound(problem="the report holds no such lower bound on epsilon")
    loose = sorted({f"{e.method} ({e.validity})" for e in estimates if not is_proof(e)})
    if loose:
        return Bound(problem=f"{', '.join(loose)} is no lower bound that holds at its confidence for every mechanism")
    share = shared_confidence(confidence, len(estimates))
    anew = [at_confidence(estimate, share) for estimate in estimates]
    known = [estimate for estimate in anew if estimate is not None]
    if len(known) < len(anew):
        methods = ", ".join(sorted({old.method for old, new in zip(estimates, anew, strict=True) if new is None}))
        problem = f"the bound of {methods} was made at a lower confidence than {share:g}; audit again with that one"
        return Bound(problem=problem)
    lower, ceiling = max(e.lower for e in known), min(e.ceiling for e in known)
    return Bound(lower=lower, ceiling=ceiling, n_looked_at=len(known))


def at_confidence(estimate: EpsilonEstimate, confidence: float) -> EpsilonEstimate | None:
    """Return the estimate at another confidence, or ``None`` if that cannot be had.

    A one-run estimate, and one of two error rates at a threshold chosen on other scores, is computed anew from its
    counts; any other counts only if it was made at this confidence or a higher one.
    """
    if estimate.method == "one_run" and all(name in estimate.diagnostics for name in COUNTS):
        n_canaries, n_guesses, n_correct = (int(estimate.diagnostics[name]) for name in COUNTS)
        # The best of several shares of guesses: each had its part of the error.
        each = shared_confidence(confidence, int(estimate.diagnostics.get("n_candidates", 1)))
        bound = one_run(n_canaries, n_guesses, n_correct, delta=estimate.delta, confidence=each)
        return replace(estimate, lower=bound.lower, ceiling=bound.ceiling, confidence=confidence)
    if estimate.method == "clopper_pearson" and all(name in estimate.diagnostics for name in (*RATES, "n_chosen_on")):
        counts = ConfusionCounts(**{name: int(estimate.diagnostics[name]) for name in RATES})
        made = clopper_pearson(counts, delta=estimate.delta, confidence=confidence, neighbouring=estimate.neighbouring)
        return replace(estimate, lower=made.lower, ceiling=made.ceiling, confidence=confidence)
    return estimate if estimate.confidence >= confidence else None


def primary_bound(report: AuditReport, confidence: float) -> Bound:
    """Return what the primary attack and estimator show over all targets."""
    return joint_bound([estimate for _, estimate in report.primary_estimates()], confidence)


def control_bound(report: AuditReport, confidence: float) -> Bound:
    """Return what the positive control of the primary attack shows."""
    attack = (report.provenance.get("primary") or {}).get("attack")
    # at the level of each target's bound: only so does it say what a target's bound could have been
    share = shared_confidence(confidence, max(len(report.primary_estimates()), 1))
    bound = joint_bound([c.estimate for c in report.controls if c.attack == attack], share)
    return Bound(problem="no control") if bound.problem and not report.controls else bound


def membership_bound(report: AuditReport, confidence: float) -> Bound:
    """Return what all attacks on all targets show: valid bounds of the claim's (or primary's) relation and delta."""
    found = [estimate for finding in report.attacked() for estimate in finding.estimates if is_proof(estimate)]
    primary = [estimate for _, estimate in report.primary_estimates()]
    reference = report.claim or next(iter([*primary, *found]), None)
    if reference is None:
        return joint_bound([], confidence)
    wanted = (reference.neighbouring, reference.delta)
    return joint_bound([e for e in found if (e.neighbouring, e.delta) == wanted], confidence)


def check_relation(report: AuditReport, claim: PrivacyClaim) -> None:
    """Refuse to compare numbers of different relations or deltas.

    Raises:
        ClaimError: if a primary estimate's relation is not stated or not the claim's, or its delta is another.
    """
    for finding, estimate in report.primary_estimates():
        if (estimate.neighbouring, estimate.delta) != (claim.neighbouring, claim.delta):
            raise ClaimError(
                f"the claim is about {claim.neighbouring} at delta {claim.delta:g}, the estimate of {finding.id} about "
                f"{estimate.neighbouring or 'a relation not stated'} at delta {estimate.delta:g}; they cannot be "
                "compared. State the claim for the audit's relation and delta."
            )
