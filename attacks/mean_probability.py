"""The mean probability that reference models give to each record: the denominator of every ratio attack.

A mean of probabilities, taken in log space and to full relative precision at both ends: probabilities that underflow
keep their ratios, and among records of which every model is all but sure the differences count. The cost is that of
the exponentials. They are looked up, a table of exp(k / 1024) - 1 times a short Taylor series, which is two to three
times as fast as calling ``expm1`` where the processor has no instruction for it.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import UnsupportedError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STEPS = 1024  # of the table per unit
LOWEST = -40.0  # exp(-40) is less than the rounding of a sum that holds a 1
TABLE = np.expm1(np.arange(round(-LOWEST * STEPS) + 1) / -STEPS)
BLOCK_NUMBERS = 2**17  # values at a time: 1 MiB


class Workspace(NamedTuple):
    """Room for one block's intermediate results; fresh memory for each of them would cost more than the arithmetic.

    Attributes:
        below: ``(n_models, n)`` log-probabilities under their peak; overwritten by what the table leaves over.
        place: ``(n_models, n)``.
        row: ``(n_models, n)`` places in the table.
        rest: ``(n_models, n)``.
    """

    below: Floats
    place: Floats
    row: NDArray[np.intp]
    rest: Floats

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Workspace":
        """Allocate."""
        return cls(np.empty(shape), np.empty(shape), np.empty(shape, dtype=np.intp), np.empty(shape))

    def narrowed(self, width: int) -> "Workspace":
        """Return the first columns of each array."""
        return Workspace(self.below[:, :width], self.place[:, :width], self.row[:, :width], self.rest[:, :width])


def sum_of_expm1(work: Workspace) -> Floats:
    """Return the column sums of exp(x) - 1, to a relative error of a few units in the last place per term.

    Args:
        work: ``below`` holds x, at most 0; what lies under ``LOWEST`` counts as that. All is overwritten.

    >>> work = Workspace.of((2, 3))
    >>> work.below[:] = [[0.0, -1e-20, -1.0], [0.0, -2e-20, -1e6]]
    >>> [f"{value:.12g}" for value in sum_of_expm1(work)]
    ['0', '-3e-20', '-1.63212055883']
    """
    x, place, row, rest = work
    np.maximum(x, LOWEST, out=x)
    np.rint(np.multiply(x, -STEPS, out=place), out=place)
    np.copyto(row, place, casting="unsafe")
    x += np.divide(place, STEPS, out=place)  # what is left, at most 1 / 2048
    np.multiply(x, 1 / 24, out=rest)
    for coefficient in (1 / 6, 1 / 2, 1.0):
        rest += coefficient
        rest *= x
    at_place = np.take(TABLE, row, mode="clip", out=place)
    return np.asarray(np.einsum("ij,ij->j", at_place, rest) + rest.sum(axis=0) + at_place.sum(axis=0))


def log_mean_probability(
    log_p: Floats, *, models: NDArray[np.int64] | None = None, is_used: Bools | None = None
) -> Floats:
    """Return the log of the mean probability of each record over models.

    Args:
        log_p: ``(n_models, n_records)`` finite log-probabilities.
        models: ``(n,)`` the rows to take the mean of, ``None`` = all of them.
        is_used: ``(n_models, n_records)`` where False, a model does not count for that record; ``None`` = all count.

    Returns:
        ``(n_records,)``.

    Raises:
        UnsupportedError: if no model counts for a record.

    >>> log_mean_probability(np.log([[0.5], [0.25], [0.0625]]), models=np.array([0, 1])).round(6).tolist()
    [-0.980829]
    """
    rows = np.arange(len(log_p)) if models is None else np.asarray(models, dtype=np.int64)
    result = np.empty(log_p.shape[1])
    size = min(len(result), max(1, BLOCK_NUMBERS // max(1, len(rows))))
    work = Workspace.of((len(rows), size))
    for start in range(0, len(result), size):
        records = slice(start, min(start + size, len(result)))
        used = None if is_used is None else is_used[rows, records]
        result[records] = _block_mean(log_p[rows, records], used, work.narrowed(records.stop - start))
    return result


def _block_mean(log_p: Floats, used: Bools | None, work: Workspace) -> Floats:
    n = np.full(log_p.shape[1], len(log_p)) if used is None else used.sum(axis=0)
    if not n.all():
        raise UnsupportedError(
            f"each record needs a reference model that was not trained on it; {int((n == 0).sum())} records or more "
            "have none. Train more models (design.n_models), or take more references."
        )
    if used is not None:
        unused = ~used
        np.copyto(log_p, -np.inf, where=unused)  # the block is a copy
    peak = log_p.max(axis=0)
    np.subtract(log_p, peak, out=work.below)
    if used is not None:
        np.copyto(work.below, 0.0, where=unused)  # exp(0) - 1 adds nothing
    return np.asarray(peak + np.log1p(sum_of_expm1(work) / n))


def log_offline_probability(log_p_out: Floats, a: float) -> Floats:
    """Return the log of P = ((1 + a) P_out + 1 - a) / 2, an estimate of the mean over IN and OUT models.

    It supposes that P_in = a P_out + 1 - a: training on a record takes its probability a share of the way to 1.

    Args:
        log_p_out: log mean probability over models that were not trained on the record, at most 0.
        a: between 0 (training makes every model sure of the record) and 1 (training changes nothing).

    Source: Zarifzadeh, Liu, Shokri, "Low-Cost High-Power Membership Inference Attacks", ICML 2024 (offline
    form).

    >>> np.exp(log_offline_probability(np.log([0.5, 0.5, 0.5]), 0.2)).round(6).tolist()
    [0.7, 0.7, 0.7]
    >>> log_offline_probability(np.array([-1e-20, -800.0]), 1.0).tolist()
    [-1e-20, -800.0]
    """
    near_one = np.log1p(0.5 * (1.0 + a) * np.expm1(np.maximum(log_p_out, -1.0)))
    log_rest = math.log1p(-a) if a < 1.0 else -math.inf
    far = np.logaddexp(math.log1p(a) - math.log(2.0) + log_p_out, log_rest - math.log(2.0))
    return np.asarray(np.where(log_p_out >= -1.0, near_one, far))
