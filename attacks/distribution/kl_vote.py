"""From divergences to a vote: in what share of the pairs is a model farther from world 0's shadow model than from world 1's?

Over all pairs the share is the Mann-Whitney estimate of P[d0 > d1], a tie counting one half: no pair is drawn, the
numbers of shadow models may differ, and with the worlds exchanged it is 1 minus itself. ``published`` pairs are what the
authors' code compares: shadow model i of world 0 with j of world 1 for i < j, a tie speaking for world 0.
"""

from typing import Literal, get_args

import numpy as np

from privaudit.attacks.distribution.checks import Floats, Integers, check_choice
from privaudit.attacks.distribution.thresholds import exact_threshold
from privaudit.errors import ConfigError, UnsupportedError

Pairs = Literal["all", "published"]


def vote_share(d0: Floats, d1: Floats, pairs: Pairs = "all") -> Floats:
    """Return the share of pairs that vote for world 1.

    Args:
        d0: ``(n_models, n_shadows_0)`` divergence of each model from each of world 0's shadow models.
        d1: ``(n_models, n_shadows_1)`` from world 1's.
        pairs: ``all``, or ``published``, which takes equally many shadow models of both worlds, two at least.

    Returns:
        ``(n_models,)`` in [0, 1]; O(n log n) for each model over all pairs.

    Raises:
        ConfigError: if there is no such kind of pairs, or the numbers do not allow it.

    Source: Suri, Lu, Chen, Evans, "Dissecting Distribution Inference", SaTML 2023 (the vote); all pairs: ours.

    >>> d0, d1 = np.array([[1.0, 2.0, 4.0]]), np.array([[2.0, 3.0, 0.5]])
    >>> (vote_share(d0, d1) * 9).tolist(), (vote_share(d0, d1, "published") * 3).tolist()
    ([5.5], [2.0])
    """
    check_choice("pairs", pairs, get_args(Pairs))
    if pairs == "all":
        return np.array([_share_above(own, other) for own, other in zip(d0, d1, strict=True)], dtype=np.float64)
    if d0.shape != d1.shape or d0.shape[1] < 2:
        raise ConfigError(
            f"published pairs need equally many shadow models of both worlds, two at least; got {d0.shape[1]} and "
            f"{d1.shape[1]}. Use pairs: all.",
            key="pairs",
        )
    first, second = np.triu_indices(d0.shape[1], 1)
    return np.asarray((d0[:, first] > d1[:, second]).sum(axis=1) / len(first), dtype=np.float64)


def _share_above(d0: Floats, d1: Floats) -> float:
    ranked = np.sort(d1)
    twice = np.searchsorted(ranked, d0, side="left").sum() + np.searchsorted(ranked, d0, side="right").sum()
    return float(twice / (2 * len(d0) * len(d1)))


def left_out_shares(distances: Floats, world: Integers) -> Floats:
    """Return each shadow model's vote share among all others.

    Args:
        distances: ``(n_shadows, n_shadows)``; row i holds the divergences of shadow model i, taken as a victim.
        world: ``(n_shadows,)`` world of each, two models of each at least.

    Returns:
        ``(n_shadows,)`` over all pairs. Where the worlds have one law they are 1/2 in the mean, whatever the numbers of
        shadow models: a pair votes by its three models alone.

    Raises:
        UnsupportedError: if a world has one shadow model, which leaves none to compare it with.
    """
    counts = np.bincount(world, minlength=2)
    if counts.min() < 2:
        raise UnsupportedError(
            f"votes are calibrated on two shadow models of each world at least; got {counts.tolist()}."
        )
    shares = []
    for place, row in enumerate(distances):
        others = np.arange(len(world)) != place
        shares.append(_share_above(row[others & (world == 0)], row[others & (world == 1)]))
    return np.array(shares, dtype=np.float64)


def calibrated_threshold(shares: Floats, world: Integers) -> tuple[float, float]:
    """Return the vote share from which on a model is given to world 1, and its accuracy on the shadow models.

    Only "more votes say world 1" is tried. The mean of d0 - d1 is larger in world 1 than in world 0 by the energy distance
    of the two laws, which is never negative (to second order a divergence is a squared distance): the opposite direction
    can only come from noise, and would turn a weak attack against itself.

    Args:
        shares: ``(n_shadows,)`` left-out vote shares.
        world: ``(n_shadows,)`` world of each.

    Returns:
        threshold and balanced accuracy; 0.5 and 0.5 where no threshold does better than a coin.

    >>> calibrated_threshold(np.array([0.6, 0.7, 0.8, 0.9]), np.array([0, 0, 1, 1]))
    (0.75, 1.0)
    """
    found = exact_threshold(shares[world == 0], shares[world == 1], both_directions=False)
    return (found.threshold, found.accuracy) if found.direction else (0.5, 0.5)
