"""What a report on canaries says in sentences: what was played, which numbers decide, at which confidence."""

from collections.abc import Mapping
from typing import Any

from privaudit.config.canaries import GRADIENT_KINDS, CanaryConfig
from privaudit.estimators import CurveTest, OneRunCurveTest
from privaudit.estimators.verdict_shares import VerdictShares
from privaudit.pipeline.canary_outcome import CONTROL_NAME, CanaryOutcome
from privaudit.types import DpSgdParams, EpsilonEstimate

ALONE = "Every other bound and interval holds at its own confidence alone, not together with these."
TIED = (
    "{n_tied} of the {n_guesses} guesses fell among equal scores at a cut; those that the scores leave undecided are counted "
    "as wrong."
)


def canary_facts(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return kind and norm of the canaries as the provenance tells them; empty where training ran elsewhere.

    Args:
        provenance: of the report.
    """
    if "canaries" in provenance:
        return dict(provenance["canaries"])
    config = provenance.get("config")
    if config is None:
        return {}
    return config.get("canaries") or CanaryConfig().model_dump()


def played_note(
    game: str, n_in: int, n_out: int, *, facts: Mapping[str, Any], params: DpSgdParams | None, is_clip_known: bool
) -> str:
    """Say which game was played, with which canaries, and around which mechanism; what is unknown is left out.

    Args:
        game: ``one_run`` or ``many_runs``.
        n_in: canaries that were in, or runs with the canary.
        n_out: canaries that were not, or runs without it.
        facts: of `canary_facts`.
        params: the claimed mechanism, or ``None``.
        is_clip_known: whether the clip of ``params`` is the training's own.

    >>> played_note("one_run", 11, 9, facts={"kind": "bias", "norm": 100.0}, params=None, is_clip_known=False)
    'Played: one training run with 20 gradient canaries of kind bias, 100 clips long before the clip, 11 in and 9 out.'
    """
    kind = facts.get("kind")
    what = "" if kind is None else "gradient " if kind in GRADIENT_KINDS else "record "
    of_kind = "" if kind is None else f" of kind {kind}"
    if kind in GRADIENT_KINDS:
        of_kind += f", {facts['norm']:g} clips long before the clip"
    if game == "one_run":
        text = f"one training run with {n_in + n_out} {what}canaries{of_kind}, {n_in} in and {n_out} out"
    else:
        text = f"{n_in + n_out} training runs of one {what}canary{of_kind}, {n_in} with it and {n_out} without"
    return f"Played: {text}{_mechanism(params, is_clip_known)}."


def _mechanism(params: DpSgdParams | None, is_clip_known: bool) -> str:
    if params is None:
        return ""
    clip = f", clip {params.max_grad_norm:.6g}" if is_clip_known else ""
    noise, rate = f"noise multiplier {params.noise_multiplier:.6g}", f"sample rate {params.sample_rate:.6g}"
    return f"; the claimed mechanism: {noise}, {rate}, {params.steps} steps{clip}"


def curve_note(curve: CurveTest | OneRunCurveTest, *, whose: str, is_for_verdict: bool = True) -> str:
    """Say what was measured, and what it would take to refute the claimed curve.

    Args:
        curve: the test.
        whose: what was measured, as the sentence's first words.
        is_for_verdict: whether the verdict rests on it.
    """
    level = f"at {exact_percent(curve.confidence)} confidence"
    so = f"so the curve is {'' if curve.is_refuted else 'not '}refuted"
    alone = "" if is_for_verdict else " (not for the verdict)"
    if isinstance(curve, CurveTest):
        return f"{whose}, {level}: {_rates(curve)}, {so}{alone}."
    if curve.least_refuting > curve.n_guesses:
        needed = f"not even {curve.n_guesses} would refute the claimed curve"
    else:
        needed = f"{curve.least_refuting} or more refute the claimed curve"
    return f"{whose}: {curve.n_correct} of {curve.n_guesses} guesses are right; {level} {needed}, {so}{alone}."


def _rates(curve: CurveTest) -> str:
    # Both directions test one event; shown is the one that the curve's rounding left room for.
    by_negatives = curve.is_refuted and curve.tpr_lower <= curve.tpr_allowed
    least, most, allowed = (
        (curve.tnr_lower, curve.fnr_upper, curve.tnr_allowed)
        if by_negatives
        else (curve.tpr_lower, curve.fpr_upper, curve.tpr_allowed)
    )
    rate, error = ("true negative", "false negative") if by_negatives else ("true positive", "false positive")
    return (
        f"{rate} rate at least {exact_percent(least)}, {error} rate at most {exact_percent(most)}; there the claim allows a "
        f"{rate} rate of at most {exact_percent(allowed)}"
    )


def tied_note(bound: EpsilonEstimate) -> tuple[str, ...]:
    """Say how guesses among equal scores are counted, where there are any.

    Args:
        bound: of guesses, or any other.
    """
    n_tied = int(bound.diagnostics.get("n_tied", 0))
    return (TIED.format(n_tied=n_tied, n_guesses=int(bound.diagnostics["n_guesses"])),) if n_tied else ()


def confidence_note(
    confidence: float, shares: VerdictShares, *, has_claim: bool, has_curve: bool, has_noise: bool, has_sampling: bool
) -> str:
    """Say how the tests behind the verdict share its error.

    Args:
        confidence: of the verdict.
        shares: of each test.
        has_claim: whether there is a verdict.
        has_curve: whether the claimed curve counts for it.
        has_noise: whether the noise probe does.
        has_sampling: whether the sampling probe does.
    """
    if not has_claim:
        return "Every bound and interval holds at its own confidence alone, not together with the others."
    if not has_curve:
        return f"The verdict rests on the primary bound, at {exact_percent(confidence)} confidence. {ALONE}"
    parts = [f"the primary bound and the test of the claimed curve at {exact_percent(shares.curve)} each"]
    parts += [f"the noise probe at {exact_percent(shares.noise)}"] if has_noise else []
    parts += [f"the sampling probe at {exact_percent(shares.sampling)}"] if has_sampling else []
    return (
        f"The verdict holds at {exact_percent(confidence)} confidence, shared by its tests: {', '.join(parts)}. {ALONE}"
    )


def exact_percent(share: float) -> str:
    """Return a share in four digits, in which confidences of a verdict can be added up.

    >>> exact_percent(0.9775), exact_percent(0.95)
    ('97.75 %', '95 %')
    """
    return f"{100 * share:.4g} %"


def outcome_note(outcome: CanaryOutcome, params: DpSgdParams | None, provenance: Mapping[str, Any]) -> str:
    """Say what was played, as an outcome and its provenance tell it.

    Args:
        outcome: that carries the verdict.
        params: the claimed mechanism, or ``None``.
        provenance: of the report.
    """
    n_in = int(outcome.is_in.sum())
    return played_note(
        outcome.game,
        n_in,
        len(outcome.is_in) - n_in,
        facts=canary_facts(provenance),
        params=params,
        is_clip_known=outcome.params is not None,  # of training elsewhere nobody stated one
    )


def curve_notes(
    curve: CurveTest | OneRunCurveTest | None, control: CurveTest | OneRunCurveTest | None, *, is_for_verdict: bool
) -> list[str]:
    """Say what the tests of the claimed curve measured, in the game and in its control.

    Args:
        curve: the test, or ``None``.
        control: that of the control, or ``None``.
        is_for_verdict: whether the verdict rests on the first.
    """
    found = [] if curve is None else [curve_note(curve, whose="Measured", is_for_verdict=is_for_verdict)]
    return found + ([] if control is None else [curve_note(control, whose=f"Control ({CONTROL_NAME})")])
