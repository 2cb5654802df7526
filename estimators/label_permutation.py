"""Does a group's label say anything about its records' outcomes? The groups' labels dealt out anew among the records."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, ShapeError
from privaudit.estimators.played_models import Floats, check_coins

CELLS_AT_A_TIME = 2**20


def rate_residuals(called: ArrayLike, counted: ArrayLike) -> NDArray[np.int64]:
    """Return how far each record's outcomes lie above the common rate, in whole numbers.

    Args:
        called: ``(n_models, n_records)`` True where a record was called a member.
        counted: ``(n_models, n_records)`` True for the outcomes that count.

    Returns:
        ``(n_records,)``: its calls less the common rate times its outcomes, all times the number of outcomes. They add up
        to 0, and over a group to a multiple of what the group's calls exceed the common rate by.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a value is neither 0 nor 1.

    >>> rate_residuals([[1, 0, 0], [1, 0, 1]], [[1, 1, 0], [1, 0, 0]]).tolist()
    [2, -2, 0]
    """
    hits, counts = check_coins(called), check_coins(counted)
    if hits.shape != counts.shape:
        raise ShapeError(f"called and counted must have one shape; got {hits.shape} and {counts.shape}.")
    by_record = (hits & counts).sum(axis=0, dtype=np.int64)
    outcomes = counts.sum(axis=0, dtype=np.int64)
    return np.asarray(by_record * outcomes.sum() - by_record.sum() * outcomes)


def label_permutation_p_values(
    residuals: ArrayLike, sizes: Sequence[int], sums: ArrayLike, *, n_draws: int = 1999, seed: int = 0
) -> Floats:
    """Return the two-sided p-value of each group's sum among those of random sets of as many records.

    Exact, at every number of records and draws, if the group says nothing about a record's outcomes: records are a sample,
    coins are drawn and models trained without looking at groups, so all ways to deal out the labels are equally likely.
    Nothing is assumed about how the outcomes of one model or of one record depend on each other. It is no test that two rates
    are equal: groups of one rate whose records differ more among themselves, such as a few that are always found, are called
    different more often than the level says.

    Args:
        residuals: ``(n_records,)`` whole numbers that add up to 0.
        sizes: records of each group.
        sums: ``(n_groups,)`` sum of the residuals over each group.
        n_draws: random deals.
        seed: of the draws.

    Returns:
        ``(n_groups,)``, at least 1 / (1 + n_draws).

    Raises:
        ShapeError: if sizes and sums differ in length.
        ConfigError: if a group is larger than the number of records, or there is no draw.

    Source: Fisher, "The Design of Experiments", 1935; draws counted with the observed one: Phipson and Smyth,
        Statistical Applications in Genetics and Molecular Biology 2010.

    >>> label_permutation_p_values([3, -1, -1, -1], [2], [2], n_draws=99).tolist()
    [1.0]
    """
    values, observed = np.asarray(residuals, dtype=np.int64), np.abs(np.asarray(sums, dtype=np.int64))
    ends = np.asarray(sizes, dtype=np.int64)
    if observed.shape != ends.shape:
        raise ShapeError(f"every group needs a size and a sum; got {ends.shape} and {observed.shape}.")
    if n_draws < 1 or (ends < 0).any() or (ends > len(values)).any():
        raise ConfigError(f"sizes must lie between 0 and {len(values)} and n_draws be at least 1; they do not.")
    random = np.random.default_rng(seed)
    extreme = np.ones(len(ends), dtype=np.int64)
    left, chunk = n_draws, max(1, CELLS_AT_A_TIME // max(len(values), 1))
    while left:
        n = min(left, chunk)
        dealt = random.permuted(np.broadcast_to(values, (n, len(values))), axis=1)
        running = np.concatenate([np.zeros((n, 1), dtype=np.int64), dealt.cumsum(axis=1)], axis=1)
        extreme += (np.abs(running[:, ends]) >= observed).sum(axis=0)
        left -= n
    return np.asarray(extreme / (n_draws + 1))
