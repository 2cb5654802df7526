"""The two cheap checks beside the statistical ones, as findings of a report."""

from privaudit.estimators import NoiseProbe, SensitivityProbe
from privaudit.types import Finding, Metric

CONDITIONAL = (
    "The noise probe says how much noise the steps added to idle coordinates. Its epsilon is conditional: it assumes "
    "that the sample rate and the clip are what they are said to be."
)
SENSITIVITY = (
    "The sensitivity probe takes one step with noise 0, with and without a canary, and measures how far the sum moves in "
    "units of the clip; more than 1 contradicts the accountant. It says nothing about the noise."
)


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
