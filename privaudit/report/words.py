"""Numbers and names as a reader sees them."""

import math

from privaudit.types import EpsilonEstimate, EstimateKind, Metric, Neighbouring, PrivacyClaim

ATTACK_NAMES = {
    "loss": "loss threshold",
    "score": "score threshold",
    "blind": "blind baseline (no model)",
    "lira": "LiRA",
    "rmia": "RMIA",
    "pld": "privacy loss distribution",
    "rdp": "Rényi accountant",
    "gdp_clt": "Gaussian limit",
    "last_iterate": "last iterate",
}
NEIGHBOURING_NAMES = {
    Neighbouring.ADD_REMOVE: "add/remove",
    Neighbouring.REPLACE_ONE: "replace one",
    Neighbouring.ZERO_OUT: "zero out",
    None: "not stated",
}
NOT_MEASURABLE = "not measurable"


def epsilon_text(value: float) -> str:
    """Return an epsilon with two decimals, more where two would show nothing.

    >>> epsilon_text(5.0765), epsilon_text(0.0), epsilon_text(0.0012), epsilon_text(math.inf)
    ('5.08', '0.00', '0.0012', 'infinity')
    """
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    return f"{value:.2g}" if 0 < abs(value) < 0.005 else f"{value:.2f}"


def delta_text(delta: float) -> str:
    """Return a delta without padding.

    >>> delta_text(1e-5), delta_text(0.0)
    ('1e-5', '0')
    """
    return f"{delta:g}".replace("e-0", "e-")


def percent_text(share: float) -> str:
    """Return a share as a percentage with as many digits as it needs.

    >>> percent_text(0.95), percent_text(0.0012), percent_text(0.1234), percent_text(1.0)
    ('95 %', '0.12 %', '12.3 %', '100 %')
    """
    percent = 100 * share
    text = f"{percent:.1f}" if percent >= 10 else f"{percent:.2g}"
    return f"{text.removesuffix('.0')} %"


def attack_text(method: str) -> str:
    """Return an attack's name as its authors write it."""
    return ATTACK_NAMES.get(method, method)


def claim_text(claim: PrivacyClaim) -> str:
    """Return the claim as ``epsilon 5.08 (delta 1e-5, add/remove)``."""
    relation = NEIGHBOURING_NAMES[claim.neighbouring]
    return f"epsilon {epsilon_text(claim.epsilon)} (delta {delta_text(claim.delta)}, {relation})"


def estimate_text(estimate: EpsilonEstimate) -> str:
    """Return what an estimate says about epsilon: ``>= 0.31``, ``<= 5.08``, ``0.2 to 1.4`` or ``about 0.5``."""
    lower = epsilon_text(estimate.lower)
    upper = epsilon_text(math.inf if estimate.upper is None else estimate.upper)
    if estimate.kind is EstimateKind.UPPER_BOUND:
        return f"<= {upper}"
    if estimate.kind is EstimateKind.INTERVAL:
        return f"{lower} to {upper}"
    return f"about {lower}" if estimate.kind is EstimateKind.POINT else f">= {lower}"


def metric_text(metric: Metric | None, *, gap: str = " ") -> str:
    """Return a metric with its interval and, after a gap, the achieved false positive rate.

    >>> metric_text(Metric(name="tpr_at_fpr", at=0.01, value=0.02, lower=0.01, upper=0.04, achieved_fpr=0.0096))
    '2 % (1 % to 4 %) at 0.96 % FPR'
    """
    if metric is None or metric.value is None:
        return NOT_MEASURABLE
    text = percent_text if metric.name == "tpr_at_fpr" or metric.name.startswith("accuracy") else "{:.3f}".format
    interval = ""
    if metric.lower is not None and metric.upper is not None:
        interval = f" ({text(metric.lower)} to {text(metric.upper)})"
    achieved = "" if metric.achieved_fpr is None else f"{gap}at {percent_text(metric.achieved_fpr)} FPR"
    return text(metric.value) + interval + achieved


def metric_of(metrics: tuple[Metric, ...], name: str, at: float | None = None) -> Metric | None:
    """Return the metric of that name at that rate, or ``None``."""
    return next((metric for metric in metrics if metric.name == name and metric.at == at), None)
