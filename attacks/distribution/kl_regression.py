"""Which ratio? From a victim's divergences from shadow models of several ratios, the ratio in between is read off.

The published estimate weighs every ratio by its divergence, sum_g a_g D_g / sum_g D_g, so that the ratios that the victim is
farther from weigh more: the estimate falls where the truth rises. Here nearer ratios weigh more. ``softmin`` weighs ratio g by
exp(-D_g / tau), with the tau of least squared error on left-out shadow models; ``parabola`` takes the lowest point of the
parabola through the nearest ratio and its two neighbours.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.attacks.distribution.checks import (
    Floats,
    Integers,
    check_choice,
    check_clip,
    check_inputs,
    victim_probabilities,
)
from privaudit.attacks.distribution.kl_distance import mean_divergences
from privaudit.attacks.distribution.signals import CLIP
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs
from privaudit.validate import check_scores

Rule = Literal["softmin", "parabola"]
TAUS = tuple(2.0**power for power in range(-8, 4))  # in units of the usual range of a model's divergences


def softmin_ratio(divergences: Floats, ratios: Floats, tau: float) -> Floats:
    """Return the mean ratio with weights exp(-divergence / tau).

    Args:
        divergences: ``(n_models, n_ratios)`` mean divergence of each model from each ratio's shadow models.
        ratios: ``(n_ratios,)``.
        tau: in nats, above 0; the smaller, the more the nearest ratio decides.

    Returns:
        ``(n_models,)`` between the smallest ratio and the largest.

    >>> softmin_ratio(np.array([[1.0, 0.0, 1.0]]), np.array([0.2, 0.4, 0.6]), 0.1).round(6).tolist()
    [0.4]
    """
    weights = np.exp(-(divergences - divergences.min(axis=1, keepdims=True)) / tau)
    return np.asarray((weights * ratios).sum(axis=1) / weights.sum(axis=1))


def parabola_ratio(divergences: Floats, ratios: Floats) -> Floats:
    """Return the lowest point of the parabola through the nearest ratio and its neighbours.

    Args:
        divergences: ``(n_models, n_ratios)`` mean divergence of each model from each ratio's shadow models.
        ratios: ``(n_ratios,)`` rising, three at least.

    Returns:
        ``(n_models,)``, moved to between the neighbours where it is outside; at an end of the ratios the first (or last)
        three are taken. Where the three do not bend upwards it is the nearest ratio itself.

    >>> ratios = np.array([0.0, 0.5, 1.0])
    >>> parabola_ratio(np.square(ratios - 0.6)[None], ratios).round(6).tolist()
    [0.6]
    """
    rows = np.arange(len(divergences))
    nearest = divergences.argmin(axis=1)
    middle = nearest.clip(1, len(ratios) - 2)
    a, b, c = (ratios[middle + side] for side in (-1, 0, 1))
    f, g, h = (divergences[rows, middle + side] for side in (-1, 0, 1))
    down, up = (g - f) / (b - a), (h - g) / (c - b)
    bend = (up - down) / (c - a)
    bends = bend > 0
    lowest = (a + b) / 2 - down / (2 * np.where(bends, bend, 1.0))
    return np.asarray(np.where(bends, np.clip(lowest, a, c), ratios[nearest]))


def decide_between(estimates: ArrayLike, ratio_0: float, ratio_1: float) -> Floats:
    """Return scores that say world 1 where an estimated ratio is nearer to world 1's.

    Args:
        estimates: ``(n_victims,)`` estimated ratios.
        ratio_0: of world 0.
        ratio_1: of world 1.

    Returns:
        ``(n_victims,)`` distance from the midpoint on world 1's side; at the midpoint 0, which says world 1.

    Raises:
        ConfigError: if the ratios are equal, or no ratios.
        DegenerateScoresError: if an estimate is NaN.

    Source: Suri, Evans, "Formalizing and Estimating Distribution Inference Risks", PETS 2022, a regression's binary answer.

    >>> decide_between([0.3, 0.5], 0.2, 0.6).round(6).tolist()
    [-0.1, 0.1]
    """
    if not (0.0 <= ratio_0 <= 1.0 and 0.0 <= ratio_1 <= 1.0) or ratio_0 == ratio_1:
        raise ConfigError(f"ratios must differ and lie in [0, 1]; got {ratio_0} and {ratio_1}.")
    side = 1.0 if ratio_1 > ratio_0 else -1.0
    return np.asarray(side * (check_scores(estimates, name="estimates") - (ratio_0 + ratio_1) / 2))


def ratio_means(divergences: Floats, place: Integers, n_ratios: int) -> Floats:
    """Average divergences ``(n_models, n_shadows)`` over the shadow models of each ratio; a NaN is left out."""
    means = []
    for one in range(n_ratios):
        own = divergences[:, place == one]
        is_there = ~np.isnan(own)
        means.append(np.where(is_there, own, 0.0).sum(axis=1) / is_there.sum(axis=1))
    return np.stack(means, axis=1)


def choose_tau(divergences: Floats, truth: Floats, ratios: Floats) -> float:
    """Return the tau, in nats, of least squared error of `softmin_ratio`, each ratio counting alike.

    Args:
        divergences: ``(n_shadows, n_ratios)`` of left-out shadow models.
        truth: ``(n_shadows,)`` their ratios.
        ratios: ``(n_ratios,)``.
    """
    usual = float(np.median(np.ptp(divergences, axis=1)))
    taus = [tau * (usual if usual > 0 else 1.0) for tau in TAUS]
    weight = 1.0 / (truth[:, None] == truth).sum(axis=1)
    errors = [float((weight * np.square(softmin_ratio(divergences, ratios, tau) - truth)).sum()) for tau in taus]
    return taus[int(np.argmin(errors))]


@dataclass(frozen=True, slots=True, kw_only=True)
class KlRegression:
    """Estimate the ratio of the records with the property from divergences; scores are ratios.

    Attributes:
        rule: ``softmin`` (default), or ``parabola``, for three different ratios at least.
        clip: probabilities are moved into [clip, 1 - clip].

    Source: Suri, Lu, Chen, Evans, "Dissecting Distribution Inference", SaTML 2023, regression by divergences; both rules are
    ours, as the published weights are the wrong way round.
    """

    name: ClassVar[str] = "kl_regression"
    game: ClassVar[str] = "ratio_regression"
    access: ClassVar[Access] = "score"
    answers: ClassVar[Literal["world", "ratio"]] = "ratio"
    fewest_shadows: ClassVar[int] = 2
    rule: Rule = "softmin"
    clip: float = CLIP

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_choice("rule", self.rule, get_args(Rule))
        check_clip(self.clip)

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Estimate every victim's ratio.

        Args:
            inputs: worlds with ratios, two different ones at least; worlds of one ratio are put together.

        Raises:
            ConfigError: if the worlds have no ratios.
            UnsupportedError: if there are too few different ratios, or fewer than two shadow models of a world.
            MissingSignalError: if victims give labels alone.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows, is_binary=False)
        ratios, place = self._ratios(inputs)
        victims = victim_probabilities(inputs, self.name)
        theirs = ratio_means(mean_divergences(inputs.shadows, victims, self.clip), place, len(ratios))
        if self.rule == "parabola":
            return VictimScores(scores=parabola_ratio(theirs, ratios))
        ours = mean_divergences(inputs.shadows, inputs.shadows, self.clip)
        np.fill_diagonal(ours, np.nan)
        tau = choose_tau(ratio_means(ours, place, len(ratios)), ratios[place], ratios)
        return VictimScores(
            scores=softmin_ratio(theirs, ratios, tau), notes=(f"ratio weights: exp(-divergence / {tau:.3g} nats)",)
        )

    def _ratios(self, inputs: WorldInputs) -> tuple[Floats, NDArray[np.int64]]:
        """Return the different ratios, rising, and the place of each shadow model's among them."""
        if inputs.ratios is None or len(inputs.ratios) < inputs.n_worlds:
            raise ConfigError(f"{self.name} estimates ratios, and the worlds have none. Give property and ratios.")
        of_shadow = np.array(inputs.ratios, dtype=np.float64)[inputs.shadow_world]
        if not ((of_shadow >= 0.0) & (of_shadow <= 1.0)).all():
            raise ConfigError(f"ratios must lie in [0, 1]; got {list(inputs.ratios)}.", key="ratios")
        ratios, place = np.unique(of_shadow, return_inverse=True)
        fewest = 3 if self.rule == "parabola" else 2
        if len(ratios) < fewest:
            raise UnsupportedError(f"{self.name} by {self.rule} needs {fewest} different ratios; got {len(ratios)}.")
        return ratios, place.astype(np.int64)
