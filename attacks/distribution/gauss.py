"""Normal curves for each query: the log-odds that shadow models of either world give its true class.

With means m0, m1 and a common variance s^2 the log-likelihood ratio of a victim's log-odds x is
(m1 - m0) (x - (m0 + m1) / 2) / s^2; the score is the sum over all queries. Queries are no independent observations of a
model, so the sum is no log-likelihood ratio itself; its sign is what counts.

Variances. A few shadow models' own variances would let the luckiest queries decide all. Each query's variance is drawn
towards a common scale, as strongly as the spread of the variances over queries says (`variance_prior`): with the prior's
strength nu0 and scale tau^2, d = n_0 + n_1 - 2 and the residual sum S the precision's posterior mean is
(nu0 + d) / (nu0 tau^2 + S).

Unequal numbers of shadow models. The ratio is ((x - m0)^2 - (x - m1)^2) / (2 s^2). Averaged over the errors of both means it
is too high by sigma^2 (1/n_0 - 1/n_1) / (2 s^2), for victims of either world; the posterior mean of sigma^2 / s^2 is
(nu0 + d) / (nu0 + d - 2), and this is subtracted. It matters most when a left-out shadow model is scored: its world has one
model less, which without it would move all scores away from their own worlds.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np

from privaudit.attacks.distribution.checks import (
    Floats,
    Integers,
    check_choice,
    check_clip,
    check_inputs,
    split_worlds,
    victim_probabilities,
)
from privaudit.attacks.distribution.signals import CLIP, true_class_log_odds
from privaudit.attacks.distribution.thresholds import exact_threshold
from privaudit.attacks.shadow_fit import SideFit
from privaudit.attacks.variance_prior import fit_prior, log_variances
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

FALLBACK_STRENGTH = 4.0  # of the prior, where too few queries have spread to fit one
SMALLEST_SPREAD = 1e-18  # residual sums below it are rounding: log-odds are a few units at most
Decision = Literal["midpoint", "calibrated"]


class Prior(NamedTuple):
    """A scaled inverse chi-squared prior of the queries' variances: strength in shadow models' worth, and scale."""

    strength: float
    scale: float


class QueryFit(NamedTuple):
    """The shadow models' log-odds; means and residual have a last axis of ``n_queries``.

    Attributes:
        n_0: number of world 0's models.
        n_1: of world 1's.
        mean_0: mean over world 0's models.
        mean_1: over world 1's.
        residual: sum over both worlds of squared deviations from their means.
    """

    n_0: int
    n_1: int
    mean_0: Floats
    mean_1: Floats
    residual: Floats

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the residual."""
        return self.n_0 + self.n_1 - 2


def fit_queries(log_odds_0: Floats, log_odds_1: Floats) -> QueryFit:
    """Fit every query's two means and common residual.

    Args:
        log_odds_0: ``(n_0, n_queries)`` of world 0's shadow models.
        log_odds_1: ``(n_1, n_queries)`` of world 1's.

    >>> fit = fit_queries(np.array([[0.0], [2.0]]), np.array([[3.0], [3.0]]))
    >>> float(fit.mean_0[0]), float(fit.mean_1[0]), float(fit.residual[0])
    (1.0, 3.0, 2.0)
    """
    mean_0, mean_1 = log_odds_0.mean(axis=0), log_odds_1.mean(axis=0)
    residual = np.square(log_odds_0 - mean_0).sum(axis=0) + np.square(log_odds_1 - mean_1).sum(axis=0)
    residual = np.where(residual > SMALLEST_SPREAD, residual, 0.0)
    return QueryFit(len(log_odds_0), len(log_odds_1), mean_0, mean_1, residual)


def variance_prior(fit: QueryFit) -> Prior:
    """Fit the prior to the spread of the queries' variances.

    Args:
        fit: of the queries, with a degree of freedom at least.

    Returns:
        strength and scale; where fewer than ten queries have spread, a strength of 4 and the mean variance, 1 if that is 0.
    """
    row = np.zeros((1, len(fit.residual)))
    side = SideFit(n=np.full((1, 1), fit.freedom + 1.0), origin=row, offset=row, residual=fit.residual[None])
    strength, scale = (float(value[0]) for value in fit_prior(log_variances(side)))
    if np.isfinite(strength) and np.isfinite(scale):
        return Prior(strength, scale)
    usual = float(fit.residual.mean()) / fit.freedom
    return Prior(FALLBACK_STRENGTH, usual if usual > 0 else 1.0)


def gaussian_scores(log_odds: Floats, fit: QueryFit, prior: Prior) -> Floats:
    """Return the sum over queries of the normal curves' log-likelihood ratio, freed from what unequal numbers add.

    Args:
        log_odds: ``(n_models, n_queries)`` of the models to score.
        fit: means ``(n_queries,)``, or ``(n_models, n_queries)`` of each model's own shadow models.
        prior: of the variances.

    Returns:
        ``(n_models,)``, higher = more like world 1.
    """
    worth = prior.strength + fit.freedom
    precision = worth / (prior.strength * prior.scale + fit.residual)
    ratio = (fit.mean_1 - fit.mean_0) * (log_odds - (fit.mean_0 + fit.mean_1) / 2) * precision
    spread = (fit.residual > 0).sum(axis=-1)
    # two degrees of freedom at least are left by two shadow models of each world, and the prior adds to them
    excess = spread * (1 / fit.n_0 - 1 / fit.n_1) / 2 * worth / max(worth - 2, 0.1)
    return np.asarray(ratio.sum(axis=-1) - excess)


def left_out_scores(log_odds: Floats, world: Integers, fit: QueryFit, prior: Prior) -> Floats:
    """Return each shadow model's score by all others.

    Args:
        log_odds: ``(n_shadows, n_queries)``.
        world: ``(n_shadows,)`` world of each, two models of each at least.
        fit: of all of them.
        prior: of the variances, of all of them: two numbers that no one model moves much.

    Returns:
        ``(n_shadows,)``; means and residuals without a model follow from those with it, O(n_shadows n_queries).
    """
    scores = np.zeros(len(world))
    for one in (0, 1):
        rows = world == one
        n, mean = ((fit.n_0, fit.mean_0), (fit.n_1, fit.mean_1))[one]
        away = log_odds[rows] - mean
        residual = np.maximum(fit.residual - np.square(away) * n / (n - 1), 0.0)
        own = mean - away / (n - 1)
        if one == 0:
            without = QueryFit(n - 1, fit.n_1, own, fit.mean_1, residual)
        else:
            without = QueryFit(fit.n_0, n - 1, fit.mean_0, own, residual)
        scores[rows] = gaussian_scores(log_odds[rows], without, prior)
    return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianQueries:
    """Add up a likelihood ratio of normal curves over all queries of both sets.

    Attributes:
        decision: ``midpoint`` (default): the sign decides. ``calibrated``: a threshold that tells left-out shadow models
            apart best is subtracted.
        clip: probabilities are moved into [clip, 1 - clip] before their log-odds are taken.

    Source: this project.
    """

    name: ClassVar[str] = "gauss"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "score"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 2
    decision: Decision = "midpoint"
    clip: float = CLIP

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_choice("decision", self.decision, get_args(Decision))
        check_clip(self.clip)

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim.

        Args:
            inputs: two worlds and victims' probabilities; queries may be of one world.

        Raises:
            UnsupportedError: if there are more worlds, or fewer than two shadow models of one.
            MissingSignalError: if victims give labels alone.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        victims = victim_probabilities(inputs, self.name)
        ours, theirs = (true_class_log_odds(p, inputs.query_label, self.clip) for p in (inputs.shadows, victims))
        fit = fit_queries(*split_worlds(ours, inputs.shadow_world))
        prior = variance_prior(fit)
        scores = gaussian_scores(theirs, fit, prior)
        if self.decision == "midpoint":
            return VictimScores(scores=scores)
        left_out = left_out_scores(ours, inputs.shadow_world, fit, prior)
        found = exact_threshold(*split_worlds(left_out, inputs.shadow_world), both_directions=False)
        if not found.direction:
            return VictimScores(
                scores=scores, notes=("gauss: no threshold tells left-out shadow models apart; the sign decides",)
            )
        note = (
            f"gauss: {found.threshold:.4g} says world 1 (right for {found.accuracy:.0%} of the left-out shadow models)"
        )
        return VictimScores(scores=scores - found.threshold, notes=(note,))
