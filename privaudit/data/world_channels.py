"""What tells the worlds of a distribution audit apart without any model: the size of a training set and its classes.

A defense that changes the ratio can change these with it. An attack that then succeeds need not have read the ratio.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from privaudit.types import WorldDesign
from privaudit.types.design import TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldChannel:
    """How well one number that is no model tells a world from the base.

    Attributes:
        name: ``size`` (training records, repeats counted), ``distinct records`` (a record with two classes is two) or
            ``class 1 share``.
        world: the world that was told from the base.
        accuracy: mean of the two worlds' shares of victims told rightly.
        n_right: victims told rightly, those of every half of the victims by the threshold of the other half.
        n_victims: victims of both worlds.
        p_value: of the two-sample Kolmogorov-Smirnov test, exact (conservative where numbers are equal): the chance of so
            large a difference between the worlds' numbers if their laws were the same.
        n_apart: difference of both worlds' means; of shares in records of the smallest training set.
        is_fixed: whether the number is one and the same within each world, and another in the other: certain to tell.
        is_constant: whether the number is the same for all these victims, so that it can tell nothing.
    """

    name: str
    world: int
    accuracy: float
    n_right: int
    n_victims: int
    p_value: float
    n_apart: float
    is_fixed: bool
    is_constant: bool


def world_channels(design: WorldDesign, labels: NDArray[np.int64], n_classes: int) -> tuple[WorldChannel, ...]:
    """Tell each world from the base by the size and the class shares of training sets alone.

    The threshold and its direction are those that tell one half of the victims' training sets apart best; they are then used
    on the other half, and the other way round. The adversary's own training sets are not looked at: they may be of another
    size, or without the defense that opens the channel.

    Args:
        design: the audit's design.
        labels: ``(n_records,)`` true classes of all records.
        n_classes: number of classes; of two classes the share of one says all.

    Returns:
        World after world; the number of distinct records is left out where no training set repeats one.

    Source: privaudit's own; that the size of an under-sampled training set tells its ratio was seen with the
    re-sampling of Suri, Lu, Chen and Evans, SaTML 2023.

    >>> design = WorldDesign(names=("base", "more"), ratios=None, world=[0, 0, 1, 1], role=["target"] * 4,
    ...                      members=tuple(np.arange(n) for n in (4, 4, 6, 6)), query_records=[], query_world=[],
    ...                      control=None, seed=0)
    >>> size, share = world_channels(design, np.arange(6) % 2, 2)
    >>> size.name, size.accuracy, share.name, share.is_constant
    ('size', 1.0, 'class 1 share', True)
    """
    values = _channel_values(design, labels, n_classes)
    return tuple(
        _channel(design, name, of_models, world)
        for world in range(1, design.n_worlds)
        for name, of_models in values.items()
    )


def _channel_values(design: WorldDesign, labels: NDArray[np.int64], n_classes: int) -> dict[str, NDArray[np.float64]]:
    sizes = design.sizes()
    values = {"size": sizes.astype(np.float64)}
    classes = design.member_labels or tuple(labels[rows] for rows in design.members)
    width = 1 + max(int(own.max()) for own in classes)
    distinct = np.array([len(np.unique(rows * width + own)) for rows, own in zip(design.members, classes, strict=True)])
    if (distinct < sizes).any():
        values["distinct records"] = distinct.astype(np.float64)
    for label in range(1 if n_classes == 2 else 0, n_classes):
        values[f"class {label} share"] = np.array([float((seen == label).mean()) for seen in classes])
    return values


def _channel(design: WorldDesign, name: str, values: NDArray[np.float64], world: int) -> WorldChannel:
    victims = [design.rows(TARGET, each) for each in (0, world)]
    halves = [np.concatenate([rows[start::2] for rows in victims]) for start in (0, 1)]
    right = np.zeros(design.n_models, dtype=np.bool_)
    for own, other in (halves, halves[::-1]):
        threshold, is_up = _best_threshold(values[other], design.world[other] == world)
        right[own] = ((values[own] >= threshold) == is_up) == (design.world[own] == world)
    both = np.concatenate(victims)
    unit = float(design.sizes()[both].min()) if name.endswith("share") else 1.0
    return WorldChannel(
        name=name,
        world=world,
        accuracy=float(np.mean([right[rows].mean() for rows in victims])),
        n_right=int(right[both].sum()),
        n_victims=len(both),
        p_value=_p_value(*(values[rows] for rows in victims)),
        n_apart=abs(float(values[victims[0]].mean() - values[victims[1]].mean())) * unit,
        is_fixed=all(np.ptp(values[rows]) == 0.0 for rows in victims) and bool(np.ptp(values[both]) > 0.0),
        is_constant=bool(np.ptp(values[both]) == 0.0),
    )


def _p_value(base: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    with (
        warnings.catch_warnings()
    ):  # of many and fully separated numbers the exact sum is given up for the limit, which does
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(ks_2samp(base, other, method="exact").pvalue)


def _best_threshold(values: NDArray[np.float64], is_other: NDArray[np.bool_]) -> tuple[float, bool]:
    """Choose the threshold, and whether values from it on mean the other world, with the best balanced accuracy."""
    order = np.argsort(values, kind="stable")
    ascending, other = values[order], is_other[order]
    steps = np.flatnonzero(np.diff(ascending) > 0)
    below = np.concatenate([[0], steps + 1])  # how many values lie below each threshold
    middles = np.concatenate([[-np.inf], (ascending[steps] + ascending[steps + 1]) / 2])
    below_other = np.concatenate([[0], np.cumsum(other)])[below] / max(1, other.sum())
    below_base = np.concatenate([[0], np.cumsum(~other)])[below] / max(1, (~other).sum())
    gain = below_base - below_other
    best = int(np.abs(gain).argmax())
    return float(middles[best]), bool(gain[best] >= 0)
