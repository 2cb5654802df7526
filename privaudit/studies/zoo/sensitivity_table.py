"""The sensitivity probe on the zoo's mechanisms: one step without noise, with and without each canary."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from privaudit.estimators.sensitivity_probe import SensitivityProbe, measure_sensitivity
from privaudit.studies.study import StudyTable
from privaudit.studies.zoo import mechanisms
from privaudit.studies.zoo.engine import Training, play
from privaudit.studies.zoo.mechanisms import Mechanism
from privaudit.studies.zoo.record_gradients import N_WEIGHTS
from privaudit.types import DpSgdParams

BARE = DpSgdParams(noise_multiplier=0.0, sample_rate=1.0, steps=1)
SHAPES: Mapping[str, Training] = {
    "coordinate": Training(steps=1),
    "spread": Training(steps=1, canary="spread"),
    "layer": Training(steps=1, canary="layer", canary_layer="output.weight"),
    "bias": Training(steps=1, canary="bias"),
    "coordinate, 100 N C": Training(steps=1, canary_norm=3200.0),
}
PROBED: Mapping[str, Mechanism] = {
    "correct": mechanisms.correct,
    "batch mean clipped": mechanisms.batch_mean_clipped,
    "clipped per layer": mechanisms.clipped_per_layer,
    "one layer unclipped": mechanisms.output_layer_unclipped,
    "biases outside the norm": mechanisms.biases_outside_norm,
    "realised batch size": mechanisms.realised_batch_size,
}


def probe_sensitivity(mechanism: Mechanism, *, seed: int) -> SensitivityProbe:
    """Measure how far each canary moves the first step's sum, noise off.

    Args:
        mechanism: what is probed.
        seed: of data, weights and canary.
    """
    moved = {name: _moved(mechanism, training, seed) for name, training in SHAPES.items()}
    return measure_sensitivity(np.zeros(N_WEIGHTS), moved, max_grad_norm=1.0)


def sensitivity_table(*, seed: int) -> StudyTable:
    """Return the probe of every mechanism that differs in its sum.

    Args:
        seed: of data, weights and canary.
    """
    probes = {name: probe_sensitivity(mechanism, seed=seed) for name, mechanism in PROBED.items()}
    return StudyTable(
        title="Sensitivity probe: |S(D + canary) - S(D)| / C in one step without noise",
        columns=("mechanism", *SHAPES, "refuted"),
        rows=tuple(
            (name, *(round(ratio, 3) for ratio in probe.ratios.values()), probe.is_refuted)
            for name, probe in probes.items()
        ),
        notes=("Canaries of norm 100 C unless said. More than 1 contradicts the accountant, whatever the noise is.",),
    )


def _moved(mechanism: Mechanism, training: Training, seed: int) -> NDArray[np.float32]:
    """Return ``(n_weights,)`` S(D + canary) - S(D) in units of C, at the same weights."""
    seen = play(mechanism, training, BARE, np.ones(1, dtype=bool), seed=seed, keep_residuals=True)
    assert seen.residuals is not None
    return np.asarray(seen.residuals[0, 0])
