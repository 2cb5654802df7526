"""Several challenges per trained model: are their outcomes independent, and how many independent ones are they worth?

A model answers for many challenges, and what they share makes their outcomes alike. With an intraclass correlation rho,
m outcomes per model carry the information of m / (1 + (m - 1) rho) independent ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import DataError, DegenerateScoresError, ShapeError, UnsupportedError
from privaudit.types import ConfusionCounts
from privaudit.types.frozen import set_array
from privaudit.validate import check_both_worlds, check_same_length

LEAST_MODELS = 20


@dataclass(frozen=True, slots=True, eq=False)
class ChallengeOutcomes:
    """Outcomes of challenges, each with the model that answered it.

    Attributes:
        model: ``(n,)`` number of the trained model.
        world: ``(n,)`` 1 if the challenge point was in that model's training set, else 0.
        guess: ``(n,)`` 1 if the attack said so.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a world or guess is neither 0 nor 1, a model number is no whole number, or a world is empty.

    >>> ChallengeOutcomes([0, 0, 1, 1], [1, 0, 1, 0], [1, 0, 0, 0]).counts
    ConfusionCounts(tp=1, fn=1, fp=0, tn=2)
    """

    model: NDArray[np.int64]
    world: NDArray[np.bool_]
    guess: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Refuse arrays that are no outcomes."""
        given = {name: np.asarray(getattr(self, name)) for name in ("model", "world", "guess")}
        for name, array in given.items():
            if array.ndim != 1:
                raise ShapeError(f"{name} must have shape (n,), one entry per challenge; got {array.shape}.")
        check_same_length(**given)
        if given["model"].dtype.kind not in "iu":
            raise DataError(f"model must hold whole numbers; got {given['model'].dtype}. Number the models.")
        if given["guess"].dtype.kind not in "biuf" or not np.isin(given["guess"], (0, 1)).all():
            raise DataError("guess must be 1 (in the training set) or 0; got other values. Apply the threshold first.")
        set_array(self, "model", given["model"], np.int64)
        set_array(self, "world", check_both_worlds(given["world"]), np.bool_)
        set_array(self, "guess", given["guess"], np.bool_)

    @property
    def counts(self) -> ConfusionCounts:
        """The outcomes of all models together."""
        tp, fp = int((self.guess & self.world).sum()), int((self.guess & ~self.world).sum())
        n_in = int(self.world.sum())
        return ConfusionCounts(tp=tp, fn=n_in - tp, fp=fp, tn=len(self.world) - n_in - fp)

    @property
    def n_models(self) -> int:
        """Models that answered at least one challenge."""
        return len(np.unique(self.model))


def require_models(outcomes: ChallengeOutcomes) -> None:
    """Refuse several challenges per model from so few models that their correlation cannot be estimated.

    Raises:
        UnsupportedError: if a model has more than one challenge and there are fewer than 20 models.
    """
    n_challenges, n_models = len(outcomes.model), outcomes.n_models
    if n_challenges > n_models and n_models < LEAST_MODELS:
        raise UnsupportedError(
            f"{n_challenges} challenges of {n_models} models: with several per model at least "
            f"{LEAST_MODELS} models are needed to see how dependent they are. Train more models, or use one_run, which "
            "is valid at a single model."
        )


def intraclass_correlation(correct: ArrayLike, model: ArrayLike) -> float:
    """Estimate how alike outcomes of one model are, by analysis of variance.

    Args:
        correct: ``(n,)`` 0 or 1, outcomes of one world.
        model: ``(n,)`` the model of each.

    Returns:
        the correlation, at most 1; below 0 where models differ less than by chance.

    Raises:
        ShapeError: if the lengths differ.
        DegenerateScoresError: if there are not two models, no model has two outcomes, or all outcomes are equal.

    Source: Donner, "A review of inference procedures for the intraclass correlation coefficient in the one-way random
        effects model", International Statistical Review 1986, section 2 (unequal group sizes).

    >>> round(intraclass_correlation([1, 1, 1, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3]), 4)
    0.5714
    """
    sizes, right = _by_model(np.asarray(correct, dtype=np.float64), np.asarray(model))
    correlation = correlation_of(sizes, right)
    if correlation is None:
        raise DegenerateScoresError(
            f"a correlation needs two models, one with two outcomes, and both outcomes; got {len(sizes)} models, at most "
            f"{int(sizes.max(initial=0))} outcomes each, {int(right.sum())} of {int(sizes.sum())} right."
        )
    return correlation


def effective_counts(outcomes: ChallengeOutcomes) -> tuple[ConfusionCounts, dict[str, float]]:
    """Scale counts down to the number of independent outcomes they are worth, world by world.

    n outcomes in groups of n_i become n / (1 + (m - 1) rho) with m the sum of n_i^2 over n and rho the intraclass
    correlation, held within [0, 1]. Where rho cannot be told (all outcomes equal, or one model) it is taken to be 1,
    which counts models. Numbers of outcomes round down. Errors round up for an attack better than chance, else down: both
    rates move towards chance, never towards a higher epsilon.

    Args:
        outcomes: challenges; several per model need 20 models.

    Returns:
        the scaled counts, for `clopper_pearson` or the posterior, whose statement is then asymptotic in the number of
        models; and ``correlation_*``, ``design_effect_*`` and ``n_effective_*`` of both worlds.

    Raises:
        UnsupportedError: if a model has several challenges and there are fewer than 20 models.

    Source: Kish, "Survey Sampling", 1965, section 8.2 (the design effect).

    >>> model, world = np.repeat(np.arange(30), 40), np.tile([0, 1], 600)
    >>> effective_counts(ChallengeOutcomes(model, world, model % 2))[0]
    ConfusionCounts(tp=15, fn=15, fp=15, tn=15)
    """
    require_models(outcomes)
    counts = outcomes.counts
    up = counts.fn / counts.n_in + counts.fp / counts.n_out <= 1.0  # better than chance: errors round up
    diagnostics: dict[str, float] = {"n_models": outcomes.n_models}
    cells = {}
    for inside, name, n_wrong in ((True, "in", counts.fn), (False, "out", counts.fp)):
        sizes, right = right_by_model(outcomes, inside=inside)
        correlation = correlation_of(sizes, right)
        held = 1.0 if correlation is None else min(1.0, max(0.0, correlation))
        n = int(sizes.sum())
        effect = 1.0 + (float((sizes**2).sum()) / n - 1.0) * held
        kept = max(1, int(n / effect))
        cells[name] = kept, (-(-n_wrong * kept // n) if up else n_wrong * kept // n)
        diagnostics |= {f"correlation_{name}": held, f"design_effect_{name}": effect, f"n_effective_{name}": kept}
    (n_in, fn), (n_out, fp) = cells["in"], cells["out"]
    return ConfusionCounts(tp=n_in - fn, fn=fn, fp=fp, tn=n_out - fp), diagnostics


def right_by_model(outcomes: ChallengeOutcomes, *, inside: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(n_models,)`` outcomes in one world, and how many of them were right, of the models that have any."""
    chosen = outcomes.world == inside
    return _by_model((outcomes.guess == outcomes.world)[chosen], outcomes.model[chosen])


def _by_model(correct: NDArray[np.generic], model: NDArray[np.generic]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(n_models,)`` outcomes per model and how many of them were right."""
    check_same_length(correct=correct, model=model)
    _, number = np.unique(model, return_inverse=True)
    right = np.bincount(number, weights=correct.astype(np.float64))
    return np.bincount(number).astype(np.int64), right.astype(np.int64)


def correlation_of(sizes: NDArray[np.int64], right: NDArray[np.int64]) -> float | None:
    """Return the intraclass correlation of ``(n_models,)`` counts, ``None`` where they cannot tell it."""
    n, k, total = int(sizes.sum()), len(sizes), int(right.sum())
    if k < 2 or n == k or total in (0, n):
        return None
    rate = right / sizes
    between = float((sizes * (rate - total / n) ** 2).sum()) / (k - 1)
    within = float((right * (1.0 - rate)).sum()) / (n - k)
    size = (n - float((sizes**2).sum()) / n) / (k - 1)
    return (between - within) / (between + (size - 1.0) * within)
