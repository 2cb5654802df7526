"""What the single steps of one run say: the noise probe, and the bound of steps whose coins the auditor knows."""

import numpy as np
from numpy.typing import NDArray

from privaudit.estimators import NoiseProbe, SensitivityProbe, known_coin_step, noise_probe, sampling_probe
from privaudit.estimators.score_thresholds import balance_merit, best_threshold, counts_at_threshold
from privaudit.estimators.verdict_shares import VerdictShares
from privaudit.pipeline.canary_probes import Batches, Probes
from privaudit.types import DpSgdParams, EpsilonEstimate


def can_probe(noise: NDArray[np.float64] | None, params: DpSgdParams | None) -> bool:
    """Whether there is noise to be probed, and a claim to probe it by.

    Args:
        noise: ``(n_steps, n_idle)``, or ``None``.
        params: the claimed mechanism, or ``None``.
    """
    return noise is not None and noise.size > 0 and params is not None and params.noise_multiplier > 0.0


def noise_probe_of(noise: NDArray[np.float64], params: DpSgdParams, *, delta: float, confidence: float) -> NoiseProbe:
    """Return the noise probe of a run.

    Args:
        noise: ``(n_steps, n_idle)`` noisy sums, in clips.
        params: the claimed mechanism.
        delta: of the claim.
        confidence: of the probe.
    """
    return noise_probe(
        noise,
        noise_multiplier=params.noise_multiplier,
        max_grad_norm=1.0,
        confidence=confidence,
        sample_rate=params.sample_rate,
        delta=delta,
    )


def step_bound_of(
    projections: NDArray[np.float64],
    sampled: NDArray[np.bool_],
    params: DpSgdParams,
    *,
    delta: float,
    confidence: float,
) -> EpsilonEstimate | None:
    """Bound the noise of single steps with their coins known; at full batch the whole run says it better.

    The first half of the steps chooses the threshold, the second certifies.

    Args:
        projections: ``(n_steps, n_canaries)`` in clips.
        sampled: ``(n_steps, n_canaries)`` whether the canary was in the step's batch.
        params: the claimed mechanism.
        delta: of the claim.
        confidence: of the bound.
    """
    if params.sample_rate == 1.0 or len(projections) < 2:
        return None
    half, held = len(projections) // 2, sampled.astype(bool)
    first = projections[:half][held[:half]], projections[:half][~held[:half]]
    rest = projections[half:][held[half:]], projections[half:][~held[half:]]
    if min(map(len, (*first, *rest))) < 2:
        return None
    counts = counts_at_threshold(*rest, best_threshold(*first, balance_merit))
    return known_coin_step(
        counts, sample_rate=params.sample_rate, steps=params.steps, delta=delta, confidence=confidence
    )


def probes_of(
    params: DpSgdParams | None,
    idle_noise: NDArray[np.float64] | None,
    batches: Batches | None,
    sensitivity: SensitivityProbe | None,
    *,
    delta: float,
    shares: VerdictShares,
) -> Probes:
    """Make the probes that can be made.

    Args:
        params: the claimed mechanism, or ``None``: then there is nothing to hold noise and sampling against.
        idle_noise: ``(n_steps, n_idle)`` in clips, or ``None``.
        batches: sizes of all steps' batches, or ``None``.
        sensitivity: made on the way, or ``None``.
        delta: of the claim.
        shares: the confidences.
    """
    if params is None:
        return Probes(sensitivity=sensitivity)
    noise = sampling = None
    if idle_noise is not None and can_probe(idle_noise, params):
        noise = noise_probe_of(idle_noise, params, delta=delta, confidence=shares.noise)
    if batches is not None:
        sampling = sampling_probe(
            batches.sizes, n_records=batches.n_records, sample_rate=params.sample_rate, confidence=shares.sampling
        )
    return Probes(noise=noise, sampling=sampling, sensitivity=sensitivity)
