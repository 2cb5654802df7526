"""What the shadow models say of each record, per side (IN or OUT): mean and spread, for one target or for all of them.

A target and its complement never enter the sums of their own fit, not even to be taken out again: what a subtraction
leaves over depends on the side a model stood on, so its coins would show in the last digits, and wherever it is an
outlier. The sums of all other pairs are put together from those before it and those after it instead, which costs no
more. Values are taken relative to one shadow's on the same side: as that one is among the values, its distance from
the mean is no larger than their spread allows, and no digits are lost to a common offset.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import UnsupportedError
from privaudit.interfaces import AuditInputs

Exclude = Literal["pair", "target"]
Centre = Literal["mean", "median"]
Sides = Literal["both", "out"]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SMALLEST_SPREAD = 1e-50  # of any signal; keeps every score finite
BLOCK_NUMBERS = 2**18  # values fitted at a time: 2 MiB
KEPT_NUMBERS = 2**19  # fits kept between two passes: 40 MiB


class SideFit(NamedTuple):
    """The shadows of one side, each ``(n_records,)`` or ``(n_targets, n_records)``.

    Attributes:
        n: number of shadows on this side.
        origin: one of their values; ``offset`` counts from here.
        offset: their centre minus the origin.
        residual: sum of their squared deviations from the mean, 0 where it is no more than rounding.
    """

    n: Floats
    origin: Floats
    offset: Floats
    residual: Floats

    def distance(self, observed: Floats) -> Floats:
        """Return a target's signal minus the centre, to full precision however far both are from 0."""
        return np.asarray((observed - self.origin) - self.offset)


def left_out(pair: NDArray[np.int64], target: int, exclude: Exclude) -> list[int]:
    """Models that must not serve as shadows of a target: itself and, by default, its complement."""
    partner = int(pair[target])
    return [target, partner] if exclude == "pair" and partner >= 0 else [target]


def side_fit(n: Floats, origin: Floats, total: Floats, squares: Floats) -> SideFit:
    """Put a fit together from sums over one side's shadows.

    Args:
        n: number of shadows, at least 1 everywhere.
        origin: one shadow's value, contained in the sums.
        total: sum of the values minus the origin.
        squares: sum of the squares of the same.

    The subtraction below is harmless: a shadow lies at the origin, so the residual is at least the square of the mean's
    distance from it, and ``squares`` at most n + 1 times the residual.
    """
    offset = total / n
    residual = squares - total * offset
    rounding = np.maximum(4 * np.finfo(np.float64).eps * np.abs(origin), SMALLEST_SPREAD)
    return SideFit(n, origin, offset, np.where(residual > n * rounding * rounding, residual, 0.0))


def fit_side(shadows: Floats, on_side: Bools, *, centre: Centre = "mean") -> SideFit:
    """Fit the shadows of one side, whatever the design.

    Args:
        shadows: ``(n_shadows, n_records)`` their signal.
        on_side: ``(n_shadows, n_records)`` which of them stand on this side for each record.
        centre: what ``offset`` is; the residual is about the mean in any case.

    Raises:
        UnsupportedError: if a record has no shadow on this side.

    >>> fit = fit_side(np.array([[1.0], [3.0], [9.0]]), np.array([[True], [True], [False]]))
    >>> fit.n.tolist(), fit.distance(np.array([5.0])).tolist(), fit.residual.tolist()
    ([2.0], [3.0], [2.0])
    """
    n = on_side.sum(axis=0).astype(np.float64)
    if not n.all():
        raise _no_shadow(int((n == 0).sum()))
    origin = np.take_along_axis(shadows, on_side.argmax(axis=0)[None], axis=0)[0]
    values = np.where(on_side, shadows - origin, 0.0)
    fit = side_fit(n, origin, values.sum(axis=0), np.einsum("ij,ij->j", values, values))
    if centre == "mean":
        return fit
    return fit._replace(offset=np.nanmedian(np.where(on_side, values, np.nan), axis=0))


def _no_shadow(n_records: int) -> UnsupportedError:
    return UnsupportedError(
        "this attack needs a shadow model on each side (IN, OUT) that it compares a record with; "
        f"{n_records} records lack one. Train more models (design.n_models)."
    )


def sides_of_pairs(values: Floats, is_in: Bools, pairs: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the signals of the model with the record and of the one without it, pair by pair.

    Args:
        values: ``(n_models, n_records)`` the signal.
        is_in: ``(n_models, n_records)`` the coins.
        pairs: ``(n_pairs, 2)`` complementary models.

    Returns:
        two arrays ``(n_pairs, n_records)``.
    """
    first, second, inside = values[pairs[:, 0]], values[pairs[:, 1]], is_in[pairs[:, 0]]
    return np.where(inside, first, second), np.where(inside, second, first)


def fits_without_each(side: Floats, wanted: NDArray[np.int64], *, centre: Centre = "mean") -> SideFit:
    """Fit all pairs but one, for each of the wanted ones.

    Args:
        side: ``(n_pairs, n_records)`` one value per pair, at least two pairs.
        wanted: ``(n_wanted,)`` pairs to leave out, one at a time.
        centre: what ``offset`` is.

    Returns:
        arrays of shape ``(n_wanted, n_records)``.

    >>> fits_without_each(np.array([[1.0], [3.0], [8.0]]), np.array([2])).offset.tolist()
    [[1.0]]
    """
    shape = (len(wanted), side.shape[1])
    origin = np.broadcast_to(side[0], shape).copy()
    total, squares = np.empty(shape), np.empty(shape)
    later = wanted > 0
    values = side - side[0]
    total[later] = sums_without_each(values, wanted[later])
    squares[later] = sums_without_each(values * values, wanted[later])
    for place in np.flatnonzero(~later):  # the first pair lies at the others' origin: it gets one of its own
        origin[place] = side[1]
        rest = side[1:] - side[1]
        total[place], squares[place] = rest.sum(axis=0), np.einsum("ij,ij->j", rest, rest)
    fit = side_fit(np.full((len(wanted), 1), len(side) - 1.0), origin, total, squares)
    if centre == "mean":
        return fit
    offset = medians_without_each(values, wanted)
    offset[~later] = np.median(side[1:] - side[1], axis=0)
    return fit._replace(offset=offset)


def sums_without_each(values: Floats, wanted: NDArray[np.int64]) -> Floats:
    """Return the column sums of all rows but one, for each wanted one: those before it plus those after it.

    Args:
        values: ``(n_rows, n_columns)``.
        wanted: ``(n_wanted,)`` rows.
    """
    sums = np.empty((len(wanted), values.shape[1]))
    order = np.argsort(wanted, kind="stable")
    running, done = np.zeros(values.shape[1]), 0
    for place in order:
        running += values[done : wanted[place]].sum(axis=0)
        sums[place], done = running, wanted[place]
    running, done = np.zeros(values.shape[1]), len(values)
    for place in order[::-1]:
        running += values[wanted[place] + 1 : done].sum(axis=0)
        sums[place], done = sums[place] + running, wanted[place] + 1
    return sums


def medians_without_each(side: Floats, wanted: NDArray[np.int64]) -> Floats:
    """Return the medians of all rows but one, for each wanted one: one sort, and a comparison each.

    Args:
        side: ``(n_rows, n_columns)``, at least two rows.
        wanted: ``(n_wanted,)`` rows.

    >>> medians_without_each(np.array([[1.0], [2.0], [5.0], [9.0]]), np.array([0, 3])).tolist()
    [[5.0], [2.0]]
    """
    n = len(side) - 1
    middle = ((n - 1) // 2, n // 2)
    ordered = np.sort(side, axis=0)
    absent = side[wanted]
    lower, upper = (np.where(absent <= ordered[place], ordered[place + 1], ordered[place]) for place in middle)
    return np.asarray(lower + (upper - lower) / 2)


class BlockFit(NamedTuple):
    """Some records' fits for every target.

    Attributes:
        records: which columns.
        observed: ``(n_targets, n)`` the targets' signals.
        sides: fits of the shadows that trained on the records (IN) and of those that did not (OUT), or of OUT alone;
            arrays ``(n_targets, n)``.
    """

    records: slice
    observed: Floats
    sides: tuple[SideFit, ...]

    @property
    def outside(self) -> SideFit:
        """The fits of the shadows that did not train on the records."""
        return self.sides[-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShadowFits:
    """The fits of every record for every target, a block of records at a time.

    Attributes:
        values: ``(n_models, n_records)`` the signal.
        is_in: ``(n_models, n_records)`` bool, the coins.
        pair: ``(n_models,)`` the complement of each model, -1 = none.
        usable: ``(n,)`` models that may serve as shadows.
        targets: models to attack.
        exclude: see `left_out`.
        centre: ``mean`` or ``median``.
        sides: ``both``, or ``out``: IN shadows are not looked at, so no record needs one.
    """

    values: Floats
    is_in: Bools
    pair: NDArray[np.int64]
    usable: NDArray[np.int64]
    targets: Sequence[int]
    exclude: Exclude = "pair"
    centre: Centre = "mean"
    sides: Sides = "both"

    def blocks(self) -> Iterable[BlockFit]:
        """Return block after block, to be gone through several times: kept where they are small, else made anew."""
        return list(self) if len(self.targets) * self.values.shape[1] <= KEPT_NUMBERS else self

    def __iter__(self) -> Iterator[BlockFit]:
        """Yield block after block, the same every time.

        Raises:
            UnsupportedError: if a record has no shadow on a side that is fitted.
        """
        pairs = self._whole_pairs()
        n_records = self.values.shape[1]
        size = max(64, BLOCK_NUMBERS // max(1, len(self.usable) // 2, len(self.targets)))
        for start in range(0, n_records, size):
            records = slice(start, min(start + size, n_records))
            observed = self.values[np.asarray(self.targets, dtype=np.int64), records]
            yield BlockFit(records, observed, (self._of_pairs if pairs is not None else self._one_by_one)(records))

    def _whole_pairs(self) -> NDArray[np.int64] | None:
        """Return the usable pairs, or ``None`` where a model's complement is missing or serves as its shadow."""
        partner = self.pair[self.usable]
        if self.exclude != "pair" or (partner < 0).any() or not np.isin(partner, self.usable).all():
            return None
        first = self.usable[self.usable < partner]
        return np.stack([first, self.pair[first]], axis=1)

    def _of_pairs(self, records: slice) -> tuple[SideFit, ...]:
        pairs = self._whole_pairs()
        assert pairs is not None
        place = np.zeros(len(self.pair), dtype=np.int64)
        place[pairs[:, 0]] = place[pairs[:, 1]] = np.arange(len(pairs))
        absent, of_target = np.unique(place[list(self.targets)], return_inverse=True)
        if len(pairs) < 2:
            raise _no_shadow(self.values.shape[1])
        fits = []
        inside, outside = sides_of_pairs(self.values[:, records], self.is_in[:, records], pairs)
        for side in (inside, outside) if self.sides == "both" else (outside,):
            fit = fits_without_each(side, absent, centre=self.centre)
            fits.append(SideFit(*(part[of_target] for part in fit)))
        return tuple(fits)

    def _one_by_one(self, records: slice) -> tuple[SideFit, ...]:
        fits: list[list[SideFit]] = [[], []] if self.sides == "both" else [[]]
        for target in self.targets:
            shadows = np.setdiff1d(self.usable, left_out(self.pair, int(target), self.exclude))
            kept, inside = self.values[shadows, records], self.is_in[shadows, records]
            for side, on_side in zip(fits, (inside, ~inside) if self.sides == "both" else (~inside,), strict=True):
                side.append(fit_side(kept, on_side, centre=self.centre))
        return tuple(SideFit(*(np.stack(parts) for parts in zip(*side, strict=True))) for side in fits)


def shadow_fits(
    inputs: AuditInputs,
    values: Floats,
    targets: Sequence[int],
    *,
    usable: NDArray[np.int64] | None = None,
    exclude: Exclude = "pair",
    centre: Centre = "mean",
    sides: Sides = "both",
) -> ShadowFits:
    """Return the fits of the records with a coin.

    Args:
        inputs: the design, and which models may be used.
        values: ``(n_models, n_coin_records)`` the signal.
        targets: models to attack.
        usable: models that may serve as shadows, where they are not all usable ones.
        exclude: see `left_out`.
        centre: ``mean`` or ``median``.
        sides: ``both`` or ``out``.
    """
    return ShadowFits(
        values=values,
        is_in=inputs.design.is_in[:, inputs.design.coin_records].astype(bool),
        pair=inputs.design.pair,
        usable=inputs.usable if usable is None else usable,
        targets=targets,
        exclude=exclude,
        centre=centre,
        sides=sides,
    )
