"""Numbers and names as a reader sees them."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Literal

from privaudit.types import EpsilonEstimate, EstimateKind, Metric, Neighbouring, PrivacyClaim

Towards = Literal["nearest", "down", "up"]
ROUNDING = {"nearest": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}
ATTACK_NAMES = {
    "loss": "loss threshold",
    "score": "score threshold",
    "blind": "blind baseline (no model)",
    "lira": "LiRA",
    "averaged_lira": "LiRA on averaged answers",
    "rmia": "RMIA",
    "base": "BASE",
    "difficulty": "difficulty calibration",
    "population": "population attack",
    "reference": "reference attack",
    "modified_entropy": "modified entropy",
    "gap": "gap attack",
    "repeated_gap": "gap attack on 32 labels",
    "augmentation": "augmentation agreement",
    "noise": "noise robustness",
    "boundary": "boundary distance",
    "dhattack": "DHAttack",
    "chameleon": "Chameleon",
    "loss_test": "loss test",
    "threshold_test": "threshold test",
    "per_point": "per-point thresholds",
    "meta_classifier": "meta-classifier",
    "kl": "KL divergence",
    "kl_calibrated": "KL divergence, calibrated",
    "kl_label": "KL divergence, labels alone",
    "gauss": "Gaussian queries",
    "kl_regression": "KL regression",
    "pin": "PIN on weights",
    "pin_regression": "PIN regression on weights",
    "snap": "SNAP",
    "training_set": "training set alone (no model)",
    "pair_wins": "paired models",
    "auc_shares": "attacks by records",
    "pld": "privacy loss distribution",
    "rdp": "Rényi accountant",
    "gdp_clt": "Gaussian limit",
    "last_iterate": "last iterate",
    "black_box": "black box (loss at the end)",
    "white_box_final": "white box, final weights",
    "white_box_trajectory": "white box, every step",
    "per_step": "single steps",
    "noise_probe": "noise probe",
    "sampling_probe": "sampling probe",
    "sensitivity_probe": "sensitivity probe",
}
NEIGHBOURING_NAMES = {
    Neighbouring.ADD_REMOVE: "add/remove",
    Neighbouring.REPLACE_ONE: "replace one",
    Neighbouring.ZERO_OUT: "zero out",
    None: "not stated",
}
NOT_MEASURABLE = "not measurable"
SHARES = {
    "train_test_gap",
    "tail_tnr",
    "tpr_at_fpr",
    "expected_tpr_at_fpr",
    "tpr_at_queries",
    "tpr_at_shadow_threshold",
    "ppv",
    "calibrated_tpr",
    "worst_record_fpr",
    "worst_record_fpr_by_chance",
    "group_tpr",
    "group_fpr",
    "tpr_difference",
    "pair_win_share",
    "largest_pair_win_share",
}


def epsilon_text(value: float, towards: Towards = "nearest", *, places: int = 2) -> str:
    """Return an epsilon with two decimals, more where two would show nothing.

    Args:
        value: the epsilon.
        towards: ``down`` for what epsilon is at least, ``up`` for what it is at most: a printed bound must hold, too.
        places: decimals.

    >>> epsilon_text(5.0765), epsilon_text(0.0), epsilon_text(0.0012), epsilon_text(math.inf)
    ('5.08', '0.00', '0.0012', 'infinity')
    >>> epsilon_text(1.7079, "down"), epsilon_text(1.133, "up"), epsilon_text(0.29, "up")
    ('1.70', '1.14', '0.29')
    """
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    if 0 < abs(value) < 0.5 * 10.0**-places:
        return f"{_rounded(value, _exponent(value) - 1, towards):.2g}"
    return f"{_rounded(value, -places, towards):.{places}f}"


def _exponent(value: float) -> int:
    return Decimal(repr(float(value))).adjusted()


def _rounded(value: float, exponent: int, towards: Towards) -> Decimal:
    """Round to a power of ten; of the shortest text of the number, so that 0.29 stays 0.29 either way."""
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(exponent), rounding=ROUNDING[towards])


def delta_text(delta: float) -> str:
    """Return a delta without padding.

    >>> delta_text(1e-5), delta_text(0.0)
    ('1e-5', '0')
    """
    return f"{delta:g}".replace("e-0", "e-")


def percent_text(share: float, towards: Towards = "nearest") -> str:
    """Return a share as a percentage with as many digits as it needs.

    >>> percent_text(0.95), percent_text(0.0012), percent_text(0.1234), percent_text(1.0)
    ('95 %', '0.12 %', '12.3 %', '100 %')
    >>> percent_text(0.02914, "up"), percent_text(0.2, "up")
    ('3 %', '20 %')
    """
    percent = 100 * share
    if towards != "nearest" and 0 < percent < math.inf:
        # The product has dust of its own: 100 * 0.07 is not 7.
        exact = Decimal(repr(float(share))).scaleb(2)
        places = Decimal(1).scaleb(-1 if exact >= 10 else exact.adjusted() - 1)
        percent = float(exact.quantize(places, rounding=ROUNDING[towards]))
    text = f"{percent:.1f}" if percent >= 10 else f"{percent:.2g}"
    return f"{text.removesuffix('.0')} %"


def attack_text(method: str) -> str:
    """Return an attack's name as its authors write it."""
    return ATTACK_NAMES.get(method, method)


def claim_text(claim: PrivacyClaim) -> str:
    """Return the claim as ``epsilon 5.08 (delta 1e-5, add/remove)``."""
    relation = NEIGHBOURING_NAMES[claim.neighbouring]
    return f"epsilon {claimed_text(claim.epsilon)} (delta {delta_text(claim.delta)}, {relation})"


def claimed_text(epsilon: float) -> str:
    """Return a claimed epsilon in its own digits if they are few, else rounded up.

    >>> claimed_text(0.138), claimed_text(2.0), claimed_text(5.076), claimed_text(0.07509)
    ('0.138', '2.00', '5.08', '0.08')
    """
    few = epsilon < 1.0 and round(epsilon, 2) != epsilon == round(epsilon, 4)
    return f"{epsilon:g}" if few else epsilon_text(epsilon, "up")


def estimate_text(estimate: EpsilonEstimate) -> str:
    """Return what an estimate says about epsilon: ``>= 0.31``, ``<= 5.08``, ``0.2 to 1.4`` or ``about 0.5``."""
    lower = epsilon_text(estimate.lower, "down")
    upper = epsilon_text(math.inf if estimate.upper is None else estimate.upper, "up")
    if estimate.kind is EstimateKind.UPPER_BOUND:
        return f"<= {upper}"
    if estimate.kind is EstimateKind.INTERVAL:
        return f"{lower} to {upper}"
    return f"about {epsilon_text(estimate.lower)}" if estimate.kind is EstimateKind.POINT else f">= {lower}"


def metric_text(metric: Metric | None, *, gap: str = " ") -> str:
    """Return a metric with its interval and, after a gap, the achieved false positive rate.

    >>> metric_text(Metric(name="tpr_at_fpr", at=0.01, value=0.02, lower=0.01, upper=0.04, achieved_fpr=0.0096))
    '2 % (1 % to 4 %) at 0.96 % FPR'
    """
    if metric is None or metric.value is None:
        return NOT_MEASURABLE
    text = percent_text if is_share(metric.name) else "{:.3f}".format
    interval = ""
    if metric.lower is not None and metric.upper is not None:
        interval = f" ({text(metric.lower)} to {text(metric.upper)})"
    achieved = "" if metric.achieved_fpr is None else f"{gap}at {percent_text(metric.achieved_fpr)} FPR"
    return text(metric.value) + interval + achieved


def metric_name(metric: Metric) -> str:
    """Return what to call a metric of an attack, with the rate at which it is read off.

    >>> metric_name(Metric(name="tpr_at_fpr", at=0.01, value=0.02)), metric_name(Metric(name="auc", value=0.6))
    ('TPR at 1 % FPR', 'AUC')
    """
    if metric.name == "tpr_at_fpr" and metric.at is not None:
        return f"TPR at {percent_text(metric.at)} FPR"
    return "AUC" if metric.name == "auc" else metric.name.replace("_", " ")


def is_share(name: str) -> bool:
    """Whether a metric is shown in percent.

    >>> is_share("tpr_at_fpr"), is_share("auc")
    (True, False)
    """
    return name in SHARES or name.startswith("accuracy")


def metric_of(metrics: tuple[Metric, ...], name: str, at: float | None = None) -> Metric | None:
    """Return the metric of that name at that rate, or ``None``."""
    return next((metric for metric in metrics if metric.name == name and metric.at == at), None)
