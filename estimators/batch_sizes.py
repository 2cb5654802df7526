"""Whether a run's batches were Poisson samples of the stated rate, from their sizes alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import binom

from privaudit.errors import ConfigError, DataError
from privaudit.validate import check_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingProbe:
    """What batch sizes say about sampling.

    Attributes:
        p_value_rate: chance of so many records in all batches together, or more, under the claim.
        p_value_evenness: bound on the chance of so many batches of one size, or more, under Poisson sampling of any rate.
        p_value: of both, corrected for looking at two.
        is_refuted: the batches are no Poisson samples of that rate, or of a higher one.
        mean_size: records per batch.
        expected_size: what the claim expects.
        confidence: of the probe.
    """

    p_value_rate: float
    p_value_evenness: float
    p_value: float
    is_refuted: bool
    mean_size: float
    expected_size: float
    confidence: float


def sampling_probe(sizes: ArrayLike, *, n_records: int, sample_rate: float, confidence: float) -> SamplingProbe:
    """Test by batch sizes whether every batch took each record with the stated probability, or a smaller one.

    Under the claim sizes are independent Binomial(n_records, sample_rate). It sees a higher rate, and batches of a fixed
    size at any rate; not which records were drawn.

    Args:
        sizes: ``(n_steps,)`` records in each batch.
        n_records: of the training set.
        sample_rate: the claimed probability, in (0, 1].
        confidence: of the probe, in (0, 1); half the error for each of its two tests.

    Raises:
        DataError: if there is no size, or one is negative, above ``n_records`` or no whole number.
        ConfigError: if an argument is out of range.

    Source: the binomial law of a Poisson sample's size (Abadi et al., "Deep Learning with Differential Privacy", CCS
        2016, sampling); the bound on equal sizes is our own.

    >>> sampling_probe([10] * 20, n_records=100, sample_rate=0.1, confidence=0.95).is_refuted
    True
    >>> sampling_probe([12, 7, 10, 9], n_records=100, sample_rate=0.1, confidence=0.95).is_refuted
    False
    """
    error = 1.0 - check_probability("confidence", confidence)
    if not 0.0 < sample_rate <= 1.0:
        raise ConfigError(f"sample_rate must be in (0, 1]; got {sample_rate}.", key="sample_rate")
    seen = _check_sizes(sizes, n_records)
    rate = float(binom.sf(seen.sum() - 1, n_records * len(seen), sample_rate))
    evenness = _evenness(seen, n_records)
    p_value = min(1.0, 2.0 * min(rate, evenness))
    return SamplingProbe(
        p_value_rate=rate,
        p_value_evenness=evenness,
        p_value=p_value,
        is_refuted=p_value < error,
        mean_size=float(seen.mean()),
        expected_size=n_records * sample_rate,
        confidence=confidence,
    )


def _check_sizes(sizes: ArrayLike, n_records: int) -> NDArray[np.int64]:
    seen = np.asarray(sizes)
    if seen.ndim != 1 or not len(seen) or not np.issubdtype(seen.dtype, np.integer):
        raise DataError(f"sizes must be one whole number per step; got {seen.dtype} of shape {seen.shape}.")
    if seen.min() < 0 or seen.max() > n_records:
        raise DataError(f"a batch holds between 0 and all {n_records} records; got {seen.min()} to {seen.max()}.")
    return seen.astype(np.int64)


def _evenness(seen: NDArray[np.int64], n_records: int) -> float:
    """Bound the chance that any size comes as often as the most frequent one did, given the records of all batches.

    Given their total, Poisson samples of any one rate are a draw without replacement from the records of all steps.
    """
    n_steps, total = len(seen), int(seen.sum())
    most = int(np.unique(seen, return_counts=True)[1].max())
    sizes = np.arange(0, min(n_records, total // most) + 1)
    rest_records, rest_total = n_records * (n_steps - most), total - most * sizes
    possible = rest_total <= rest_records
    together = most * _log_choose(n_records, sizes) + _log_choose(rest_records, np.minimum(rest_total, rest_records))
    each = together + _log_choose(n_steps, most) - _log_choose(n_records * n_steps, total)
    return float(min(1.0, np.exp(np.minimum(each[possible], 0.0)).sum()))


def _log_choose(n: int, k: ArrayLike) -> NDArray[np.float64]:
    chosen = np.asarray(k, dtype=np.float64)
    return np.asarray(gammaln(n + 1.0) - gammaln(chosen + 1.0) - gammaln(n - chosen + 1.0))
