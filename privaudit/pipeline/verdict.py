"""The verdict on a claim (violated, consistent, too weak) and what would suffice where it is open."""

import math
from collections.abc import Sequence

from privaudit.errors import ClaimError, UnsupportedError
from privaudit.estimators import one_run_p_value
from privaudit.report.words import epsilon_text
from privaudit.types import Control, EpsilonEstimate, PrivacyClaim, Validity, Verdict

MAX_SUGGESTED_RECORDS = 1_000_000
NO_CONTROL = "There is no control: one (control.n_models of at least 4 in the config of a run) would show what the attack could see."
NO_CANARY_CONTROL = (
    "There is no control: the same game with noise 0 and the clip kept would show what this audit could have seen."
)
WEAK_CONTROL = (
    "The positive control, trained without noise and clipping, was shown to leak only {reached} at least; a stronger "
    "attack, more shadow models, or inserted canaries would be needed."
)
WEAK_CANARY_CONTROL = (
    "The control, trained without noise and with the clip kept, was shown to leak only {reached} at least; more canaries "
    "or runs, or a stronger canary, would be needed."
)


def check_comparable(claim: PrivacyClaim, estimate: EpsilonEstimate) -> None:
    """Refuse to compare numbers about different neighbours or different deltas.

    Raises:
        ClaimError: says which.
    """
    if estimate.neighbouring is None or estimate.neighbouring != claim.neighbouring:
        raise ClaimError(
            f"the claim is about {claim.neighbouring} neighbours, the estimate about "
            f"{estimate.neighbouring or 'none that was stated'}; compare numbers of one relation only."
        )
    if estimate.delta != claim.delta:
        raise ClaimError(
            f"the claim holds at delta {claim.delta:g}, the estimate at {estimate.delta:g}; use one delta."
        )


def judge_claim(
    claim: PrivacyClaim, estimates: Sequence[EpsilonEstimate], control: Control | None, *, is_canary: bool = False
) -> Verdict:
    """Compare a claim with the primary bounds by the three-way rule.

    ``violated`` if a lower bound exceeds the claim; else ``consistent`` if both the ceiling and the positive control's
    bound exceed it, so that a violation could have been seen; else ``too_weak``.

    Args:
        claim: the promised guarantee.
        estimates: the primary estimate of each target, at confidences that hold jointly.
        control: the positive control, or ``None``.
        is_canary: whether canaries were played, whose control keeps the clip; only words depend on it.

    Raises:
        ClaimError: if the numbers are not about the same neighbours and delta.
    """
    for estimate in estimates:
        check_comparable(claim, estimate)
        if estimate.validity is not Validity.VALID:
            raise UnsupportedError(
                f"a claim is judged by valid lower bounds only; {estimate.method} is {estimate.validity}. Name one_run or "
                "clopper_pearson as the primary estimator."
            )
    lower = max(estimate.lower for estimate in estimates)
    ceiling = min(estimate.ceiling for estimate in estimates)
    reached = control.estimate.lower if control is not None else None
    numbers = {"lower": lower, "claim": claim.epsilon, "ceiling": ceiling, "control_lower": reached}
    if lower > claim.epsilon:
        reason = "The lower bound exceeds the claim: look for the error in the training code or the accounting."
        return Verdict(rule="claim", outcome="violated", numbers=numbers, reason=reason)
    wants = _what_would_suffice(claim, estimates[0], ceiling, reached, is_canary)
    if wants:
        return Verdict(rule="claim", outcome="too_weak", numbers=numbers, reason=" ".join(wants))
    reason = "The bound is below the claim, and the control shows that this audit could have seen more."
    return Verdict(rule="claim", outcome="consistent", numbers=numbers, reason=reason)


def _what_would_suffice(
    claim: PrivacyClaim, estimate: EpsilonEstimate, ceiling: float, reached: float | None, is_canary: bool
) -> list[str]:
    wants = []
    if ceiling <= claim.epsilon:
        more = _what_would_lift(claim, estimate, is_canary)
        wants.append(
            f"The ceiling of {epsilon_text(ceiling, 'up')} does not reach the claim of {epsilon_text(claim.epsilon, 'up')}; {more}."
        )
    if reached is None:
        wants.append(NO_CANARY_CONTROL if is_canary else NO_CONTROL)
    elif reached <= claim.epsilon:
        wants.append((WEAK_CANARY_CONTROL if is_canary else WEAK_CONTROL).format(reached=epsilon_text(reached, "down")))
    return wants


def _what_would_lift(claim: PrivacyClaim, estimate: EpsilonEstimate, is_canary: bool) -> str:
    if not estimate.method.endswith("one_run"):  # outcomes are counted, one per training
        return "more independent trainings would lift it"
    n_now, n_guesses = (int(estimate.diagnostics.get(name, 0)) for name in ("n_canaries", "n_guesses"))
    share = n_guesses / n_now if n_now else 0.1
    needed = canaries_for_ceiling(
        claim.epsilon, delta=claim.delta, confidence=estimate.confidence, share=share, above=max(n_now, 100)
    )
    if needed:
        return f"about {needed:,} {'canaries' if is_canary else 'records with coins'} would lift it above the claim"
    if is_canary:
        return "more canaries alone do not lift it: a larger share of guesses or a smaller delta may"
    return "more records alone do not lift it: a larger share of guesses, a smaller delta or fewer targets may"


def canaries_for_ceiling(
    epsilon: float, *, delta: float, confidence: float, share: float, above: int = 100
) -> int | None:
    """Return roughly how many records with coins lift the one-run ceiling above ``epsilon``.

    Args:
        epsilon: the ceiling wanted.
        delta: the delta of the audit.
        confidence: the confidence of the bound.
        share: the share of guesses, kept as it is.
        above: the number there is now.

    Returns:
        the number, rounded up to two digits; ``None`` if none up to `MAX_SUGGESTED_RECORDS` suffices (with more records
        the delta term grows, too).
    """
    n = above
    while n <= MAX_SUGGESTED_RECORDS:
        guesses = max(2 * int(share * n / 2), 1)
        # one p-value instead of the whole bound: with every guess right, is this epsilon rejected?
        if one_run_p_value(n, guesses, guesses, epsilon, delta) <= 1 - confidence:
            unit = 10 ** (int(math.log10(n)) - 1)
            return int(math.ceil(n / unit) * unit)
        n = int(n * 1.1) + 1
    return None
