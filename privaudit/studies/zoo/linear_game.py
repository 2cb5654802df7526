"""Linear losses with an opposed background: per-record gradients are constants, and the whole game lies on one line.

Every background record's gradient is -C u and the canary's is +100 N C u before the clip. A mechanism turns the number
of background records in a batch and the canary's presence into what is released along u, in units of C.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from privaudit.estimators.calibrate import noise_for_epsilon
from privaudit.studies.zoo.judge_scores import judge_scores
from privaudit.studies.zoo.variant import Judgement
from privaudit.types import DpSgdParams

Numbers = NDArray[np.float64]
DELTA, CANARY = 1e-5, 100.0  # the canary's length, in N C


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a mechanism sees of a step, along the canary's direction and in units of C.

    Attributes:
        n_others: ``(...)`` background records in the batch, each of gradient -1.
        has_canary: ``(...)`` 1 where the canary is in the batch.
        n_expected: the public expected batch size.
    """

    n_others: Numbers
    has_canary: Numbers
    n_expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a mechanism releases before the noise.

    Attributes:
        clean: ``(...)`` along the canary's direction.
        unit: standard deviation of the noise per noise multiplier.
    """

    clean: Numbers
    unit: float


Mechanism = Callable[[Batch], Release]


def correct(batch: Batch) -> Release:
    """Clip every record, sum, divide sum and noise by the public size."""
    return Release(clean=(batch.has_canary - batch.n_others) / batch.n_expected, unit=1.0 / batch.n_expected)


def batch_mean_clipped(batch: Batch) -> Release:
    """Clip the mean of the batch to C and add noise of sigma C."""
    return Release(clean=_clipped_mean(batch.n_others, batch), unit=1.0)


def micro_batch_mean_clipped(batch: Batch) -> Release:
    """Clip the means of two micro-batches to C, sum them, add noise of sigma C; the canary joins the first."""
    first = np.ceil(batch.n_others / 2)
    clean = _clipped_mean(first, batch) + _clipped_mean(batch.n_others - first, batch, has_canary=False)
    return Release(clean=clean, unit=1.0)


def sum_by_realised_size(batch: Batch) -> Release:
    """Divide the clipped sum by the batch's true size, and the noise by the public one."""
    size = np.maximum(batch.n_others + batch.has_canary, 1.0)
    return Release(clean=(batch.has_canary - batch.n_others) / size, unit=1.0 / batch.n_expected)


def _clipped_mean(n_others: Numbers, batch: Batch, *, has_canary: bool = True) -> Numbers:
    there = batch.has_canary if has_canary else np.zeros_like(batch.has_canary)
    total = there * CANARY * batch.n_expected - n_others
    return np.clip(total / np.maximum(n_others + there, 1.0), -1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAudit:
    """Many trainings on linear losses; called with a seed it plays them and judges.

    Attributes:
        mechanism: what is audited.
        audit: the name of the audit.
        epsilon: the claimed epsilon at delta 1e-5.
        n_runs: on each side.
        n_records: background records.
        steps: of each training.
        sample_rate: of every record.
    """

    mechanism: Mechanism
    audit: str
    epsilon: float = 4.0
    n_runs: int = 500
    n_records: int = 32
    steps: int = 20
    sample_rate: float = 1.0

    @property
    def params(self) -> DpSgdParams:
        """The claimed mechanism."""
        return accounted(self.epsilon, self.steps, self.sample_rate)

    def __call__(self, seed: int) -> Judgement:
        """Play and judge."""
        rng = np.random.default_rng(seed)
        scores_in, scores_out = (self.scores(is_in, rng) for is_in in (True, False))
        return judge_scores(
            scores_in,
            scores_out,
            audit=self.audit,
            claim_epsilon=self.epsilon,
            delta=DELTA,
            params=self.params,
        )

    def scores(self, is_in: bool, rng: np.random.Generator) -> Numbers:
        """Return ``(n_runs,)`` log likelihood ratios of the transcripts, the background's batches known."""
        shape, sigma = (self.steps, self.n_runs), self.params.noise_multiplier
        n_others = rng.binomial(self.n_records, self.sample_rate, shape).astype(np.float64)
        drawn = (rng.random(shape) < self.sample_rate).astype(np.float64) if is_in else np.zeros(shape)
        released = self._release(n_others, drawn)
        seen = released.clean + sigma * released.unit * rng.standard_normal(shape)
        without, with_it = (self._release(n_others, np.full(shape, there)).clean for there in (0.0, 1.0))
        noise = sigma * released.unit
        ratio = (seen - (with_it + without) / 2) * (with_it - without) / noise**2
        if self.sample_rate == 1.0:
            return np.asarray(ratio.sum(axis=0))
        mixed = np.logaddexp(np.log1p(-self.sample_rate), np.log(self.sample_rate) + ratio)
        return np.asarray(mixed.sum(axis=0))

    def shift(self) -> float:
        """Return how far the canary moves a full batch's release, in units of the noise at multiplier 1."""
        n_others = np.full((1,), float(self.n_records))
        with_it, without = (self._release(n_others, np.full((1,), there)) for there in (1.0, 0.0))
        return float((with_it.clean - without.clean)[0]) / with_it.unit

    def _release(self, n_others: Numbers, has_canary: Numbers) -> Release:
        expected = self.n_records * self.sample_rate
        return self.mechanism(Batch(n_others=n_others, has_canary=has_canary, n_expected=expected))


@cache
def accounted(epsilon: float, steps: int, sample_rate: float) -> DpSgdParams:
    """Return the mechanism with the least noise that a claimed epsilon allows."""
    noise = noise_for_epsilon(epsilon, delta=DELTA, sample_rate=sample_rate, steps=steps)
    return DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
