"""The cheap checks beside the scores: of noise, of batch sizes, of the clip. What they say, and as findings of a report."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.estimators import NoiseProbe, SamplingProbe, SensitivityProbe
from privaudit.types import Finding, Metric

NOISE_REFUTED = "The audit refutes the noise that the accountant counts on"
SAMPLING_REFUTED = "The audit refutes the Poisson sampling that the accountant counts on"
CLIP_REFUTED = "The audit refutes the clip that the accountant counts on"

CONDITIONAL = (
    "The noise probe says how much noise the steps added to idle coordinates. Its epsilon is conditional: it assumes "
    "that the sample rate and the clip are what they are said to be."
)
SENSITIVITY = (
    "The sensitivity probe takes one step with noise 0, with and without a canary, and measures how far the sum moves in "
    "units of the clip; more than 1 contradicts the accountant. It says nothing about the noise."
)
SAMPLING = (
    "The sampling probe looks at the sizes of the batches alone: a higher rate than stated, or batches of a fixed size, are "
    "no Poisson samples. It does not see which records were drawn."
)


class Batches(NamedTuple):
    """Sizes of the batches of a training run.

    Attributes:
        sizes: ``(n_steps,)`` records in each.
        n_records: of the training set.
    """

    sizes: NDArray[np.int64]
    n_records: int


class Probes(NamedTuple):
    """What was probed beside the scores; ``None`` where it was not.

    Attributes:
        noise: of idle coordinates.
        sampling: of the sizes of batches.
        sensitivity: of one step without noise.
    """

    noise: NoiseProbe | None = None
    sampling: SamplingProbe | None = None
    sensitivity: SensitivityProbe | None = None

    def numbers(self) -> dict[str, float | None]:
        """Return what a verdict, and a gate after it, compares."""
        found: dict[str, float | None] = {}
        if self.noise is not None:
            found |= {"noise_p_value": self.noise.p_value, "noise_refuted": float(self.noise.is_refuted)}
        if self.sampling is not None:
            found |= {"sampling_p_value": self.sampling.p_value, "sampling_refuted": float(self.sampling.is_refuted)}
        if self.sensitivity is not None:
            found |= {
                "sensitivity": self.sensitivity.largest,
                "sensitivity_refuted": float(self.sensitivity.is_refuted),
            }
        return found

    def refuted(self) -> list[str]:
        """Say in a sentence each what contradicts the accountant."""
        found = []
        if self.noise is not None and self.noise.is_refuted:
            checks = ", ".join(check.name.replace("_", " ") for check in self.noise.checks if check.is_refuted)
            found.append(f"{NOISE_REFUTED}: steps add less than claimed (noise probe: {checks}).")
        if self.sampling is not None and self.sampling.is_refuted:
            seen = f"{self.sampling.mean_size:.4g} records per batch, {self.sampling.expected_size:.4g} expected"
            found.append(f"{SAMPLING_REFUTED}: batches are too large, or too much of one size ({seen}).")
        if self.sensitivity is not None and self.sensitivity.is_refuted:
            found.append(f"{CLIP_REFUTED}: one canary moves a step's sum by {self.sensitivity.largest:.3g} clips.")
        return found

    def sentences(self) -> list[str]:
        """Say in a sentence each what was measured, and what would refute the claim."""
        found = []
        if self.noise is not None:
            seen = f"{self.noise.n_coordinates} idle coordinates x {self.noise.n_steps} steps"
            limit = f"below {1.0 - self.noise.estimate.confidence:.3g} the claimed noise is refuted"
            found.append(f"Noise probe, {seen}: p-value {self.noise.p_value:.3g}; {limit}.")
        if self.sampling is not None:
            seen = f"{self.sampling.mean_size:.4g} records per batch, {self.sampling.expected_size:.4g} expected"
            limit = f"below {1.0 - self.sampling.confidence:.3g} the claimed sampling is refuted"
            found.append(f"Sampling probe, {seen}: p-value {self.sampling.p_value:.3g}; {limit}.")
        if self.sensitivity is not None:
            moved = f"one canary moves a step's sum by {self.sensitivity.largest:.4g} clips at most"
            found.append(f"Sensitivity probe: {moved}; above {1.0 + self.sensitivity.tolerance:g} the clip is refuted.")
        return found

    def findings(self) -> list[Finding]:
        """Return them as findings of a report."""
        return [
            *([noise_finding(self.noise)] if self.noise is not None else []),
            *([sampling_finding(self.sampling)] if self.sampling is not None else []),
            *([sensitivity_finding(self.sensitivity)] if self.sensitivity is not None else []),
        ]


def noise_finding(probe: NoiseProbe) -> Finding:
    """Put the noise probe into a finding: one p-value per check, and the conditional epsilon."""
    metrics = tuple(
        Metric(
            name=f"p_value_{check.name}",
            value=check.p_value,
            rule=(
                f"probability of so little noise under the claim; below {check.alpha:.4g} the claimed noise is refuted"
            ),
        )
        for check in probe.checks
    )
    refuted = [check.name for check in probe.checks if check.is_refuted]
    found = (f"The noise is smaller than claimed: {', '.join(refuted).replace('_', ' ')} refuted.",) if refuted else ()
    return Finding(
        id="noise-probe",
        method="noise_probe",
        game="canary",
        access="white_box",
        metrics=metrics,
        estimates=(probe.estimate,),
        notes=(CONDITIONAL, *found),
    )


def sensitivity_finding(probe: SensitivityProbe) -> Finding:
    """Put the sensitivity probe into a finding: one ratio per shape of canary."""
    metrics = tuple(
        Metric(name=f"sensitivity_{shape}", value=ratio, rule="change of the sum by one canary, in units of the clip")
        for shape, ratio in probe.ratios.items()
    )
    worst = max(probe.ratios, key=lambda shape: probe.ratios[shape])
    found = (
        (f"The sensitivity is larger than the clip: {probe.ratios[worst]:.3g} times, by the canary {worst}.",)
        if probe.is_refuted
        else ()
    )
    return Finding(
        id="sensitivity-probe",
        method="sensitivity_probe",
        game="canary",
        access="white_box",
        metrics=metrics,
        notes=(SENSITIVITY, *found),
    )


def sampling_finding(probe: SamplingProbe) -> Finding:
    """Put the sampling probe into a finding: its p-values, and records per batch."""
    rules = {
        "p_value_rate": "probability of so many records in all batches together under the claim",
        "p_value_evenness": "bound on the probability of so many batches of one size under Poisson sampling",
    }
    limit = f"; below {(1.0 - probe.confidence) / 2:.4g} the claimed sampling is refuted"
    metrics = tuple(Metric(name=name, value=getattr(probe, name), rule=rule + limit) for name, rule in rules.items())
    size = Metric(name="records_per_batch", value=probe.mean_size, rule=f"mean; {probe.expected_size:.4g} expected")
    return Finding(
        id="sampling-probe",
        method="sampling_probe",
        game="canary",
        access="white_box",
        metrics=(*metrics, size),
        notes=(SAMPLING, *([f"{SAMPLING_REFUTED}."] if probe.is_refuted else [])),
    )
