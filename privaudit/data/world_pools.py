"""Split the records of a distribution audit between the victims and the adversary."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.types.frozen import set_array
from privaudit.validate import check_probability

TEST_TENTHS = 3  # tenths of each half that no model is trained on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pools:
    """Who may draw from which records.

    Attributes:
        victim_train: int64 positions that victims are trained on.
        victim_test: int64 positions of the victims' owner, on which no model is trained.
        adversary_train: int64 positions that shadow models are trained on.
        adversary_test: int64 positions that queries are drawn from, on which no model is trained.
    """

    victim_train: NDArray[np.int64]
    victim_test: NDArray[np.int64]
    adversary_train: NDArray[np.int64]
    adversary_test: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("victim_train", "victim_test", "adversary_train", "adversary_test"):
            set_array(self, name, getattr(self, name), np.int64)


def split_pools(n_records: int, strata: ArrayLike, *, overlap: float = 0.0, seed: int) -> Pools:
    """Split records half and half between victims and adversary, and each half 70/30 into training and test.

    Every stratum is split in these shares to within one record. The victims' pools do not depend on the overlap.

    Args:
        n_records: number of records, at least 8.
        strata: ``(n_records,)`` whole numbers, e.g. one per combination of property and label.
        overlap: share of the adversary's training pool that is taken from the victims' training pool instead, in
            [0, 1]; 0 = disjoint, 1 = the same people. Queries come from the adversary's test pool in any case.
        seed: root seed.

    Returns:
        The four pools, each sorted.

    Raises:
        ConfigError: if the overlap is no share.
        DataError: if there are fewer than 8 records, or the strata are no whole numbers.
        ShapeError: if there is not one stratum per record.

    Source: Suri and Evans, PETS 2022 (disjoint pools of victims and adversary); the overlap is a relaxation of
    Suri, Lu, Chen and Evans, SaTML 2023.

    >>> pools = split_pools(40, [0] * 20 + [1] * 20, seed=0)
    >>> [len(pool) for pool in (pools.victim_train, pools.victim_test, pools.adversary_train, pools.adversary_test)]
    [14, 6, 14, 6]
    """
    codes = _check_strata(n_records, strata)
    check_probability("overlap", overlap, open_ends=False)
    order = stream_generator(seed, "world_pools").permutation(n_records)
    order = order[np.argsort(codes[order], kind="stable")]  # strata one after another, at random within each
    victim_train, victim_test = _train_and_test(order[::2])
    adversary_train, adversary_test = _train_and_test(order[1::2])
    if overlap:
        adversary_train = _mix(adversary_train, victim_train, round(overlap * len(adversary_train)))
    return Pools(
        victim_train=np.sort(victim_train),
        victim_test=np.sort(victim_test),
        adversary_train=np.sort(adversary_train),
        adversary_test=np.sort(adversary_test),
    )


def _check_strata(n_records: int, strata: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(strata)
    if codes.shape != (n_records,):
        raise ShapeError(f"strata must have shape ({n_records},), one per record; got {codes.shape}.")
    if codes.dtype.kind not in "biu":
        raise DataError(f"strata must be whole numbers; got {codes.dtype}. Number the groups first.")
    if n_records < 8:
        raise DataError(f"a distribution audit needs at least 8 records to split into four pools; got {n_records}.")
    return codes.astype(np.int64)


def _train_and_test(half: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut records that are ordered by stratum at even distances, so that each stratum is cut in the same shares."""
    is_test = np.arange(len(half)) * TEST_TENTHS % 10 < TEST_TENTHS
    return half[~is_test], half[is_test]


def _mix(own: NDArray[np.int64], other: NDArray[np.int64], n_other: int) -> NDArray[np.int64]:
    """Replace ``n_other`` of ``own``, stratum by stratum; ``other`` is never the shorter (see the halves above)."""
    return np.concatenate([own[~_evenly(n_other, len(own))], other[_evenly(n_other, len(other))]])


def _evenly(n_chosen: int, n: int) -> NDArray[np.bool_]:
    """Choose at even distances."""
    marks = np.arange(n + 1) * n_chosen // n
    return np.diff(marks) > 0


def check_positions(name: str, values: object, pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions as int64, refusing what is no position of the pool.

    Args:
        name: what returned them, for the message.
        values: what came.
        pool: the positions that are allowed, ascending.

    Raises:
        ConfigError: if they are not one-dimensional, no whole numbers, or not all in the pool.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ConfigError(f"{name} must return (n,) positions; got rows of different lengths.") from None
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ConfigError(
            f"{name} must return (n,) whole numbers, positions; got {array.dtype} of shape {array.shape}."
        )
    nearest = pool[np.minimum(np.searchsorted(pool, array), len(pool) - 1)]
    strangers = array[nearest != array]
    if len(strangers):
        raise ConfigError(
            f"{name} must return positions of the pool it was given; got {len(strangers)} others (first: {strangers[0]})."
        )
    return array.astype(np.int64)
