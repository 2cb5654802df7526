"""Batch normalisation inside DP-SGD: a record moves everybody's gradient through the batch's statistics.

A network with batch normalisation, hand-written: every record's own loss is differentiated through the whole batch,
clipped to C and summed. The weights stay where they are (learning rate 0), so a training is T looks at two constants,
the sums with the canary and without: a Gaussian pair whose mu is |S(D + c) - S(D)| / C times the claimed one.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, jacrev

from privaudit.studies.zoo.engine import background
from privaudit.studies.zoo.judge_scores import judge_scores
from privaudit.studies.zoo.linear_game import DELTA, accounted
from privaudit.studies.zoo.variant import Judgement
from privaudit.types import DpSgdParams

N_RECORDS, N_HIDDEN, CANARY_INPUT = 32, 8, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Clipped sums at the initial weights, and what the normalisation keeps.

    Attributes:
        shift: ``(n_weights,)`` what the canary adds to the clipped sum, in clips.
        statistics: the largest change of a running mean by the canary; these are released without noise.
    """

    shift: NDArray[np.float64]
    statistics: float

    @property
    def sensitivity(self) -> float:
        """How far the canary moves the sum, in clips."""
        return float(np.linalg.norm(self.shift))


@cache
def canary_sums(seed: int, *, has_batch_norm: bool = True) -> Sums:
    """Return what the canary, a digit times 100 of the class that the network thinks least likely, does to the sums.

    Args:
        seed: of data and weights.
        has_batch_norm: False leaves the normalisation out: the correct twin.
    """
    features, labels = background(N_RECORDS + 1, seed)
    features[-1] *= CANARY_INPUT
    network = _network(seed, has_batch_norm=has_batch_norm)
    labels[-1] = network(features)[-1].argmin()  # a canary that the network gets right would have no gradient
    with_it, mean_in = _clipped_sum(network, features, labels)
    without, mean_out = _clipped_sum(network, features[:-1], labels[:-1])
    shift = (with_it - without).double().numpy()
    return Sums(shift=shift, statistics=float((mean_in - mean_out).abs().max()))


def _network(seed: int, *, has_batch_norm: bool) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        between = [torch.nn.BatchNorm1d(N_HIDDEN, affine=False, track_running_stats=False)] if has_batch_norm else []
        return torch.nn.Sequential(
            torch.nn.Linear(64, N_HIDDEN), *between, torch.nn.ReLU(), torch.nn.Linear(N_HIDDEN, 10)
        )


def _clipped_sum(network: torch.nn.Module, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of every record's clipped gradient at C = 1, and the means that normalisation would keep."""
    weights = {name: weight.detach() for name, weight in network.named_parameters()}

    def losses(values: dict[str, Tensor]) -> Tensor:
        logits = functional_call(network, values, (features,))
        return torch.nn.functional.cross_entropy(logits, labels, reduction="none")

    rows = jacrev(losses)(weights)
    flat = torch.cat([rows[name].reshape(len(features), -1) for name in weights], dim=1)
    norms = torch.linalg.vector_norm(flat, dim=1, keepdim=True)
    means = (features @ weights["0.weight"].T + weights["0.bias"]).mean(dim=0)
    return (flat / norms.clamp(min=1.0)).sum(dim=0), means


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormAudit:
    """Many trainings with and without the canary, scored by the likelihood ratio of their sums.

    Attributes:
        audit: the name of the audit.
        epsilon: the claimed epsilon at delta 1e-5.
        steps: of each training.
        n_runs: on each side.
        has_batch_norm: False plays the correct twin.
        reads_means: score by the released running means, which carry no noise, and not by the sums.
    """

    audit: str
    epsilon: float = 4.0
    steps: int = 10
    n_runs: int = 300
    has_batch_norm: bool = True
    reads_means: bool = False

    @property
    def params(self) -> DpSgdParams:
        """The claimed mechanism."""
        return accounted(self.epsilon, self.steps, 1.0)

    def __call__(self, seed: int) -> Judgement:
        """Play and judge."""
        sums = canary_sums(seed, has_batch_norm=self.has_batch_norm)
        rng = np.random.default_rng(seed)
        scores_in, scores_out = (self._scores(sums, is_in, rng) for is_in in (True, False))
        return judge_scores(
            scores_in,
            scores_out,
            audit=self.audit,
            claim_epsilon=self.epsilon,
            delta=DELTA,
            params=self.params,
        )

    def _scores(self, sums: Sums, is_in: bool, rng: np.random.Generator) -> NDArray[np.float64]:
        """Project every step's noisy sum, the background subtracted, on the direction in which the canary moves it."""
        if self.reads_means:
            return np.full(self.n_runs, sums.statistics if is_in else 0.0)
        scores = np.zeros(self.n_runs)
        for _ in range(self.steps):
            noise = self.params.noise_multiplier * rng.standard_normal((self.n_runs, len(sums.shift)))
            scores += (noise + (sums.shift if is_in else 0.0)) @ sums.shift
        return scores
