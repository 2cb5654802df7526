"""From the scores of both worlds to a bound on epsilon, with a threshold that spends no data twice."""

from functools import partial
from typing import Literal

from numpy.typing import ArrayLike

from privaudit.errors import ConfigError, DegenerateScoresError
from privaudit.estimators.score_counts import COUNT_METHODS, audit_by_counts, bound_of_counts, merit_of
from privaudit.estimators.score_guesses import GUESS_METHODS, audit_by_guesses
from privaudit.estimators.score_thresholds import Scores
from privaudit.estimators.thresholds import Split, ThresholdRule, TwoSidedGuesses
from privaudit.types import EpsilonEstimate, Neighbouring
from privaudit.validate import check_delta, check_probability, check_scores, nearest

Method = Literal["one_run", "fdp_one_run", "clopper_pearson", "jeffreys", "katz_log", "gaussian_dp", "posterior"]


def audit_scores(
    scores_in: ArrayLike,
    scores_out: ArrayLike,
    *,
    method: Method = "one_run",
    threshold: ThresholdRule | None = None,
    delta: float,
    confidence: float = 0.95,
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound epsilon from attack scores in both worlds.

    ``one_run`` and ``fdp_one_run`` guess about canaries of one training whose presence was drawn by independent fair
    coins: ``scores_in`` are those that were in, ``scores_out`` those that were not, and the guess methods look at both
    together. All other methods need independent trials, one training each; they are wrong on the records of one model.

    Args:
        scores_in: ``(n_in,)`` scores with the record present, higher = more member-like; infinities are legal.
        scores_out: ``(n_out,)`` scores with it absent.
        method: ``one_run``, ``fdp_one_run`` (guesses) or ``clopper_pearson``, ``jeffreys``, ``katz_log``,
            ``gaussian_dp``, ``posterior`` (counts).
        threshold: `Explicit`, `Split`, `Bonferroni`, or for guesses `TwoSidedGuesses`; ``None`` = ``TwoSidedGuesses()``
            for guesses, ``Split()`` for counts.
        delta: the delta of the statement, in [0, 1).
        confidence: of the whole statement, the choice of the threshold included.
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Returns:
        the method's estimate; its assumptions say what was chosen, and on what.

    Raises:
        DegenerateScoresError: if a score is NaN or a world is empty.
        ConfigError: if the method is unknown, a rule does not fit it, or too few scores are left to certify.

    Source: rules after Nasr et al., USENIX Security 2023, appendix; Steinke et al., NeurIPS 2023, algorithm 1.

    >>> estimate = audit_scores(range(100, 200), range(100), delta=1e-5, confidence=0.95)
    >>> estimate.method, round(estimate.lower, 2), round(estimate.ceiling, 2)
    ('one_run', 2.55, 2.55)
    """
    world_in, world_out = _checked(scores_in, "scores_in"), _checked(scores_out, "scores_out")
    check_delta(delta)
    check_probability("confidence", confidence)
    if isinstance(method, str) and method in GUESS_METHODS:
        bound = partial(GUESS_METHODS[method], delta=delta, neighbouring=neighbouring)
        rule = TwoSidedGuesses() if threshold is None else threshold
        return audit_by_guesses(bound, world_in, world_out, rule, confidence)
    if method in COUNT_METHODS:
        of_counts = partial(bound_of_counts, method, delta=delta, neighbouring=neighbouring)
        rule = Split() if threshold is None else threshold
        return audit_by_counts(of_counts, world_in, world_out, rule, confidence, merit_of(method, delta, confidence))
    known = (*GUESS_METHODS, *COUNT_METHODS)
    raise ConfigError(
        f"method must be one of {', '.join(known)}; got {method!r}.{nearest(str(method), known)}", key="method"
    )


def _checked(scores: ArrayLike, name: str) -> Scores:
    values = check_scores(scores, name=name)
    if not len(values):
        raise DegenerateScoresError(f"{name} must hold at least one score; got none. Both worlds need outcomes.")
    return values
