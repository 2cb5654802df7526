"""The records that an adversary adds to every training set: which they are, and how many.

The adversary makes one set: records with the property and one class from its own training pool, in an order that a stream of
its own draws (``world_poison``). Every model of the audit gets the same ones, with the planted class; where the roles' training
sets have different sizes the smaller role gets the first of them. A model that draws n records gets round(share / (1 - share) n)
in addition, which makes up the share of the whole, to within half a record. A defense that changes how many of the n are left
changes the share as well: the adversary does not know how many it leaves, and adds as many.

Shadow models draw from the pool that the poison is from. A record can be in one's training set twice, with both classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError
from privaudit.types.worlds import Poison


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoisonRecords:
    """The adversary's set.

    Attributes:
        poison: share and classes.
        records: ``(n,)`` int64 positions, as many as the largest training set needs.
    """

    poison: Poison
    records: NDArray[np.int64]

    def added_to(self, n_records: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return positions and classes of what is added to a training set.

        Args:
            n_records: that the model draws, before a defense.
        """
        added = self.records[: n_added(self.poison.share, n_records)]
        return added, np.full(len(added), self.poison.planted_class, dtype=np.int64)


def n_added(share: float, n_records: int) -> int:
    """Return how many records make up a share of a training set to which they are added.

    Args:
        share: of the whole, below 1.
        n_records: that are there before.

    >>> n_added(0.02, 980), n_added(0.5, 7)
    (20, 7)
    """
    return round(share / (1.0 - share) * n_records)


def choose_poison(
    poison: Poison,
    *,
    pool: NDArray[np.int64],
    has_property: NDArray[np.bool_],
    labels: NDArray[np.int64],
    n_classes: int,
    sizes: tuple[int, ...],
    seed: int,
) -> PoisonRecords:
    """Choose the records that are added, for training sets of some sizes.

    Args:
        poison: share and classes.
        pool: int64 positions of the adversary's training pool.
        has_property: ``(n_records,)`` bool, of all records.
        labels: ``(n_records,)`` int64 true classes, of all records.
        n_classes: number of classes.
        sizes: training records that models draw, one number for each role.
        seed: root seed. A larger share adds to the records of a smaller one.

    Raises:
        ConfigError: if a class does not exist, a training set would get no record, or the pool has too few.

    Source: Chaudhari, Abascal, Oprea, Jagielski, Tramer and Ullman, "SNAP: Efficient Extraction of Private Properties with
    Poisoning", IEEE S&P 2023 (records with the property and one class, relabelled); one set for all models: this project.
    """
    for name, value in (("true_class", poison.true_class), ("planted_class", poison.planted_class)):
        if not 0 <= value < n_classes:
            raise ConfigError(f"{name} must lie in 0..{n_classes - 1}; got {value}.", key=f"distribution.poison.{name}")
    fewest, most = (n_added(poison.share, n) for n in (min(sizes), max(sizes)))
    if not fewest:
        raise ConfigError(
            f"poison of {poison.share:g} of {min(sizes)} records is none. Raise distribution.poison.share to "
            f"{1.0 / (min(sizes) + 1):.1g} or more.",
            key="distribution.poison.share",
        )
    suitable = pool[has_property[pool] & (labels[pool] == poison.true_class)]
    if len(suitable) < most:
        raise ConfigError(
            f"poison of {poison.share:g} of {max(sizes)} records needs {most} records with the property of class {poison.true_class} "
            f"from the adversary's training pool; there are {len(suitable)}. {_advice(len(suitable), max(sizes))}",
            key="distribution.poison.share",
        )
    records = stream_generator(seed, "world_poison").permutation(suitable)[:most]
    return PoisonRecords(poison=poison, records=records)


def _advice(n_suitable: int, n_records: int) -> str:
    if not n_suitable:
        return "Take another distribution.poison.true_class."
    largest = np.floor(1e4 * n_suitable / (n_suitable + n_records)) / 1e4
    return f"Lower distribution.poison.share to {largest:g}, or distribution.n_records."
