"""Epsilon of a DP-SGD run from single steps of which the auditor knows whether the canary was in the batch.

With the coins known, a step's score is N(0, sigma^2) or N(1, sigma^2): a Gaussian mechanism, whose noise the outcomes
bound from above. The sample rate is not audited: it enters the composition as stated.
"""

from privaudit.errors import UnsupportedError
from privaudit.estimators.gaussian_tradeoff import check_gaussian_delta
from privaudit.estimators.rate_rectangle import count_diagnostics, flawless
from privaudit.estimators.subsampled_step_bound import check_steps, epsilon_below, least_inverse_noise
from privaudit.types import ConfusionCounts, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_probability

ASSUMPTIONS = (
    "the auditor was told which steps held the canary",
    "outcomes are independent: noise and the canary alone move a step's score",
    "the threshold was fixed before these outcomes were seen",
    (
        "every step adds Gaussian noise of one deviation, clips the canary to the full norm, and samples it at the stated rate: "
        "the sample rate is assumed, not audited"
    ),
)


def known_coin_step(
    counts: ConfusionCounts,
    *,
    sample_rate: float,
    steps: int,
    delta: float,
    confidence: float,
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound the epsilon of a run from outcomes of single steps whose coins are known, composed at the stated rate.

    Args:
        counts: outcomes of single steps; world 1 = the canary was in the batch.
        sample_rate: probability q with which a batch holds the canary, assumed.
        steps: number of steps of the run that the bound is for.
        delta: the delta of the claim, in (0, 1).
        confidence: chance that the bound holds; half the error per rate.
        neighbouring: ``ADD_REMOVE`` or ``None``, which is taken for it.

    Returns:
        the estimate, of validity ``in_family``, with ``inverse_noise`` in its diagnostics.

    Raises:
        ConfigError: if an argument is out of range.
        UnsupportedError: for other relations.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023, section 4.

    >>> counts = ConfusionCounts(tp=900, fn=100, fp=100, tn=900)
    >>> bound = known_coin_step(counts, sample_rate=0.01, steps=100, delta=1e-5, confidence=0.95)
    >>> bound.method, round(bound.diagnostics["inverse_noise"], 3), round(bound.lower, 1)
    ('known_coin_step', 2.347, 10.2)
    """
    check_gaussian_delta(delta)
    check_steps(sample_rate, steps)
    if neighbouring not in (None, Neighbouring.ADD_REMOVE):
        raise UnsupportedError(
            f"known_coin_step audits a canary that a batch holds or not (add_remove); got {neighbouring!s}. Use "
            "clopper_pearson for other relations."
        )
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    inverse, best = (least_inverse_noise(of, 1.0, tail) for of in (counts, flawless(counts)))
    return EpsilonEstimate(
        method="known_coin_step",
        kind=EstimateKind.LOWER_BOUND,
        lower=epsilon_below(inverse, sample_rate, int(steps), delta),
        delta=delta,
        confidence=confidence,
        neighbouring=Neighbouring.ADD_REMOVE,
        n_in=counts.n_in,
        n_out=counts.n_out,
        ceiling=epsilon_below(best, sample_rate, int(steps), delta),
        validity=Validity.IN_FAMILY,
        assumptions=ASSUMPTIONS,
        diagnostics={
            **count_diagnostics(counts),
            "inverse_noise": inverse,
            "sample_rate": sample_rate,
            "steps": int(steps),
        },
    )
