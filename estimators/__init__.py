"""From an attack's outcomes to epsilon, and from DP-SGD parameters to bounds."""

from privaudit.estimators.calibrate import noise_for_epsilon
from privaudit.estimators.clopper_pearson_bound import ClopperPearson, clopper_pearson
from privaudit.estimators.guesses import default_share, two_sided_guesses
from privaudit.estimators.metrics import auc_metric, tpr_at_fpr
from privaudit.estimators.one_run_bound import OneRun, one_run, one_run_p_value
from privaudit.estimators.privacy_loss import claim_estimate, claim_tradeoff, composed_privacy_loss, pld_claim
from privaudit.estimators.rates import auc_interval, rate_interval
from privaudit.estimators.roc import auc, auc_null_variance, roc_curve
from privaudit.estimators.tpr_bounds import tpr_interval

__all__ = [
    "ClopperPearson",
    "OneRun",
    "auc",
    "auc_interval",
    "auc_metric",
    "auc_null_variance",
    "claim_estimate",
    "claim_tradeoff",
    "clopper_pearson",
    "composed_privacy_loss",
    "default_share",
    "noise_for_epsilon",
    "one_run",
    "one_run_p_value",
    "pld_claim",
    "rate_interval",
    "roc_curve",
    "tpr_at_fpr",
    "tpr_interval",
    "two_sided_guesses",
]
