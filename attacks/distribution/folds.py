"""Folds of shadow models for attacks that fit: as many of either world are left out at a time."""

from collections.abc import Iterator

import numpy as np

from privaudit.attacks.distribution.checks import Bools, Integers

MOST_FOLDS = 10


def balanced_folds(world: Integers, most: int = MOST_FOLDS) -> Iterator[Bools]:
    """Yield which shadow models are left out, each of them once.

    Every fold leaves out as many models of world 0 as of world 1 (or one more, where their numbers do not divide), so that
    what is fitted to the rest does not lean to one world for having seen more of it.

    Args:
        world: ``(n_shadows,)`` world 0 or 1 of each; in their order they go to the folds in turn.
        most: number of folds, the smaller world's number of models if that is less.

    >>> [np.flatnonzero(out).tolist() for out in balanced_folds(np.array([0, 0, 1, 1, 1]))]
    [[0, 2, 4], [1, 3]]
    """
    n_folds = min(int(np.bincount(world, minlength=2).min()), most)
    place = np.zeros(len(world), dtype=np.int64)
    for one in (0, 1):
        rows = np.flatnonzero(world == one)
        place[rows] = np.arange(len(rows)) % n_folds
    for fold in range(n_folds):
        yield place == fold
