"""Bounds on epsilon from a game with canaries, and the test of the claimed curve: which method is legal for which game.

Model-free: `one_run` for the canaries of one run, `clopper_pearson` for independent runs. In-family (only where the
claimed mechanism is Gaussian, so at sample rate 1): `fdp_one_run`, `gaussian_dp`, and for runs the posterior.
"""

from dataclasses import replace
from typing import Literal

from privaudit.estimators import (
    CurveTest,
    OneRunCurveTest,
    Split,
    audit_curve,
    audit_scores,
    curve_one_run_test,
)
from privaudit.estimators.rate_rectangle import COUNT_ASSUMPTIONS
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.types import DpSgdParams, EpsilonEstimate, Neighbouring

CHOOSING_SHARE = 0.2  # of the outcomes choose a threshold; the rest certifies
ONE_TRAINING = (
    "the outcomes are canaries of one training that do not move each other's scores: orthogonal to each other, in every step "
    "(full batches), under noise that is independent between their directions"
)
Method = Literal["one_run", "fdp_one_run", "clopper_pearson", "gaussian_dp", "posterior"]
MODEL_FREE: dict[str, Method] = {"one_run": "one_run", "many_runs": "clopper_pearson"}


def model_free_bound(
    outcome: CanaryOutcome, *, delta: float, confidence: float, neighbouring: Neighbouring
) -> EpsilonEstimate:
    """Return the bound that holds for every mechanism.

    Args:
        outcome: of the game.
        delta: the delta of the statement.
        confidence: of the bound.
        neighbouring: the relation that the coins realise.
    """
    return _bound(outcome, MODEL_FREE[outcome.game], delta, confidence, neighbouring)


def family_bounds(
    outcome: CanaryOutcome, *, params: DpSgdParams | None, delta: float, confidence: float, neighbouring: Neighbouring
) -> tuple[EpsilonEstimate, ...]:
    """Return the bounds beside the model-free one, each at the stated confidence alone.

    Args:
        outcome: of the game.
        params: the claimed mechanism, or ``None``: then nothing is known of its family.
        delta: the delta of the statements.
        confidence: of each bound.
        neighbouring: the relation that the coins realise.
    """
    is_gaussian = params is not None and params.sample_rate == 1.0 and delta > 0.0
    methods: list[Method] = ["posterior"] if outcome.game == "many_runs" else []
    if is_gaussian:
        methods += ["fdp_one_run"] if outcome.game == "one_run" else []
        methods += ["gaussian_dp"] if outcome.is_independent else []
    return tuple(_bound(outcome, method, delta, confidence, neighbouring) for method in methods)


def _bound(
    outcome: CanaryOutcome, method: Method, delta: float, confidence: float, neighbouring: Neighbouring
) -> EpsilonEstimate:
    rule = None if method in ("one_run", "fdp_one_run") else Split(share=CHOOSING_SHARE)
    bound = audit_scores(
        *outcome.worlds,
        method=method,
        threshold=rule,
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
    )
    if outcome.game != "one_run":
        return bound
    said = tuple(ONE_TRAINING if text == COUNT_ASSUMPTIONS[0] else text for text in bound.assumptions)
    return replace(bound, assumptions=said)


def claimed_curve_test(
    outcome: CanaryOutcome, *, params: DpSgdParams, confidence: float, neighbouring: Neighbouring
) -> CurveTest | OneRunCurveTest:
    """Test whether the outcomes violate the trade-off curve of the claimed mechanism.

    Independent outcomes are tested by their two error rates, those of one run by the guesses that the one-run bound
    makes.

    Args:
        outcome: of the game.
        params: the claimed mechanism.
        confidence: of the test.
        neighbouring: the relation that the coins realise.
    """
    if outcome.is_independent:
        rule = Split(share=CHOOSING_SHARE)
        return audit_curve(
            *outcome.worlds, params=params, confidence=confidence, threshold=rule, neighbouring=neighbouring
        )
    guessed = _bound(outcome, "one_run", 0.0, confidence, neighbouring).diagnostics
    counts = (int(guessed[name]) for name in ("n_canaries", "n_guesses", "n_correct"))
    return curve_one_run_test(*counts, params=params, confidence=confidence, neighbouring=neighbouring)
