"""Shuffled batches accounted for as if they were Poisson samples: the pairs in which that matters, and where it does not.

Records are numbers in [-1, 1], batches are summed, each batch's sum gets noise of sigma; one epoch. The background is -1.
Zero-out neighbours replace the canary, +1, by a 0. Shuffled batches have a fixed size, so whoever is in a batch displaces
a -1: the canary's batch stands out by 2, the zero's by 1. With Poisson samples nobody is displaced: +1 against 0 in a
batch with probability q, which is the pair that add/remove is accounted for by. So the Poisson claim holds for zero-out
too, and it is what shuffling is measured against.

Source: Chua, Ghazi, Kamath, Kumar, Manurangsi, Sinha, Zhang, "How Private are DP-SGD Implementations?", ICML 2024.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from privaudit.estimators.privacy_loss import pld_claim
from privaudit.studies.zoo.judge_scores import judge_scores
from privaudit.studies.zoo.variant import Judgement
from privaudit.types import DpSgdParams, Neighbouring

Numbers = NDArray[np.float64]
DELTA = 1e-5
BLOCK = 2_000_000  # sums held at once


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a world's canary, or the zero in its place, moves the sum of its batch."""

    with_it: float
    without: float


ZERO_OUT = Shift(2.0, 1.0)
ADD_REMOVE = Shift(1.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleAudit:
    """Many epochs with and without the canary; called with a seed it plays them and judges.

    Attributes:
        audit: the name of the audit.
        sigma: noise multiplier.
        n_batches: of one epoch.
        n_runs: on each side.
        shift: what stands out in a shuffled epoch.
        is_shuffled: False plays Poisson samples, the control.
        by_curve: flag by the claimed curve; else by the model-free bound alone.
    """

    audit: str
    sigma: float
    n_batches: int
    n_runs: int
    shift: Shift = ZERO_OUT
    is_shuffled: bool = True
    by_curve: bool = False

    @property
    def claim(self) -> float:
        """The epsilon of the Poisson mechanism at delta 1e-5."""
        return _poisson_epsilon(self.params)

    @property
    def params(self) -> DpSgdParams:
        """What the accountant was told."""
        return DpSgdParams(noise_multiplier=self.sigma, sample_rate=1.0 / self.n_batches, steps=self.n_batches)

    def __call__(self, seed: int) -> Judgement:
        """Play and judge."""
        rng = np.random.default_rng(seed)
        play = self._shuffled if self.is_shuffled else self._poisson
        judgement = judge_scores(
            play(True, rng),
            play(False, rng),
            audit=self.audit,
            claim_epsilon=self.claim,
            delta=DELTA,
            params=self.params,
        )
        if self.by_curve:
            return judgement
        return Judgement(
            is_flagged=judgement.refutes_epsilon_delta,
            audit=judgement.audit,
            lower=judgement.lower,
            in_family=None,
            claim_epsilon=judgement.claim_epsilon,
            refutes_epsilon_delta=judgement.refutes_epsilon_delta,
        )

    def _shuffled(self, is_in: bool, rng: np.random.Generator) -> Numbers:
        """Score epochs in which one batch, anywhere, stands out: whichever it is does not matter to the score."""

        def block(n: int) -> Numbers:
            sums = self.sigma * rng.standard_normal((n, self.n_batches))
            sums[:, 0] += self.shift.with_it if is_in else self.shift.without
            return self._log_mean(sums, self.shift.with_it) - self._log_mean(sums, self.shift.without)

        return self._in_blocks(block)

    def _poisson(self, is_in: bool, rng: np.random.Generator) -> Numbers:
        """Score epochs whose batches hold the canary, or the zero, each with probability q."""
        rate = 1.0 / self.n_batches

        def block(n: int) -> Numbers:
            sums = self.sigma * rng.standard_normal((n, self.n_batches))
            if is_in:
                sums += rng.random(sums.shape) < rate
            ratio = np.log(rate) + (sums - 0.5) / self.sigma**2
            return np.asarray(np.logaddexp(np.log1p(-rate), ratio).sum(axis=1))

        return self._in_blocks(block)

    def _log_mean(self, sums: Numbers, shift: float) -> Numbers:
        """Return the log of the mean likelihood ratio, over batches, of "this one stands out"."""
        if not shift:
            return np.zeros(len(sums))
        ratio = (sums - shift / 2) * shift / self.sigma**2
        return np.asarray(logsumexp(ratio, axis=1) - np.log(self.n_batches))

    def _in_blocks(self, block: Callable[[int], Numbers]) -> Numbers:
        size = max(1, BLOCK // self.n_batches)
        return np.concatenate([block(min(size, self.n_runs - start)) for start in range(0, self.n_runs, size)])


@cache
def _poisson_epsilon(params: DpSgdParams) -> float:
    return pld_claim(params, delta=DELTA, neighbouring=Neighbouring.ADD_REMOVE).epsilon
