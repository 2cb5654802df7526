"""From an attack's outcomes to epsilon, and from DP-SGD parameters to bounds.

Where to look: counts ``clopper_pearson_bound``, ``jeffreys_bound``, ``katz_log_bound`` (on ``rate_rectangle``, ``rates``),
``posterior*``; guesses ``one_run_bound``, ``fdp_one_run_bound`` (on ``guesses``, ``tied_guesses``); Gaussian mechanisms
``gaussian_tradeoff``, ``gaussian_dp_bound``, ``subsampled_step_bound``; claims ``claimed_curve`` (on ``curve_*``), ``noise_probe_bound``, ``batch_sizes``, ``sensitivity_probe``; rounds ``betting*``; several challenges per model
``challenge_*``; reliable evaluation ``null_calibration``, ``rates_by_record``, ``thresholds_from_shadows``,
``accusation_value``, ``finite_pool``, ``risk_sets``, ``run_rankings`` (on ``played_models``); who is at risk
``paired_models``, ``records_by_attack``, ``clustered_rates``, ``label_permutation``, ``false_discovery``; repeats ``equivalence``; scores ``score_audit`` (on ``thresholds``, ``score_*``); curves and rates ``roc``, ``metrics``, ``expected_rate``, ``tpr_bounds``, ``largest_advantage``, ``rate_difference``;
from above ``accounting``, ``privacy_loss`` (on ``composed_*``, ``loss_*``, ``poisson_run``), ``renyi_bound``, ``last_iterate``,
``tradeoff``, ``bayes_security_bound``, ``attribute_bound``, ``calibrate``, ``guarantees``; planning ``power*``; worlds of a distribution ``world_*``,
``n_leaked*``, ``zipf``.
"""

from privaudit.estimators.accounting import AccountRow, AccountTable, account, gdp_clt_mu
from privaudit.estimators.accusation_value import (
    PredictiveValue,
    mean_predictive_value,
    positive_predictive_value,
    predictive_value,
)
from privaudit.estimators.attribute_bound import (
    AttributeSecurity,
    attribute_bayes_security,
    attribute_clt_mu_squared,
    gradient_diameter,
)
from privaudit.estimators.batch_sizes import SamplingProbe, sampling_probe
from privaudit.estimators.bayes_security_bound import BayesSecurity, bayes_security, sample_rate_to_noise
from privaudit.estimators.betting import BettingSequence
from privaudit.estimators.calibrate import noise_for_advantage, noise_for_epsilon, noise_for_tpr
from privaudit.estimators.challenge_bootstrap import cluster_bootstrap
from privaudit.estimators.challenge_clusters import ChallengeOutcomes, effective_counts, intraclass_correlation
from privaudit.estimators.challenge_dispersion import OverDispersion, WorldDispersion, over_dispersion_test
from privaudit.estimators.claimed_curve import CurveTest, curve_test
from privaudit.estimators.clopper_pearson_bound import ClopperPearson, clopper_pearson
from privaudit.estimators.clustered_rates import GroupRate, difference_interval, group_rates
from privaudit.estimators.conformal_flags import conformal_region
from privaudit.estimators.curve_one_run import OneRunCurveTest, curve_one_run_test
from privaudit.estimators.curve_scores import audit_curve
from privaudit.estimators.equivalence import Equivalence, equivalence_test, signed_rank_p_value
from privaudit.estimators.expected_rate import expected_tpr, expected_tpr_metric, expected_tpr_metrics
from privaudit.estimators.false_discovery import benjamini_yekutieli
from privaudit.estimators.fdp_one_run_bound import fdp_one_run
from privaudit.estimators.finite_pool import FreshSeparation, fresh_separation, record_separation
from privaudit.estimators.gaussian_dp_bound import gaussian_dp
from privaudit.estimators.gaussian_tradeoff import (
    gaussian_advantage,
    gaussian_auc,
    gaussian_epsilon,
    gaussian_log_delta,
    gaussian_mu,
    gaussian_tpr,
)
from privaudit.estimators.guesses import default_share, two_sided_guesses
from privaudit.estimators.jeffreys_bound import jeffreys
from privaudit.estimators.katz_log_bound import katz_log
from privaudit.estimators.known_coin_step_bound import known_coin_step
from privaudit.estimators.label_permutation import label_permutation_p_values, rate_residuals
from privaudit.estimators.largest_advantage import advantage_interval, observed_advantage
from privaudit.estimators.last_iterate import last_iterate_epsilon
from privaudit.estimators.metrics import auc_metric, tpr_at_fpr
from privaudit.estimators.n_leaked_histogram import histogram_divergences, n_leaked_draw_metrics, n_leaked_draws
from privaudit.estimators.n_leaked_ratio import bayes_accuracy, n_leaked, n_leaked_interval, n_leaked_metrics
from privaudit.estimators.n_leaked_regression import bayes_squared_error, n_leaked_bayes, n_leaked_cramer_rao
from privaudit.estimators.noise_probe_bound import NoiseCheck, NoiseProbe, noise_probe
from privaudit.estimators.null_calibration import NullPValues, cross_fit_p_values, null_p_values, record_p_values
from privaudit.estimators.one_run_bound import OneRun, one_run, one_run_p_value
from privaudit.estimators.paired_models import PairWins, pair_wins, win_intervals, win_p_values
from privaudit.estimators.posterior import EpsilonPosterior, ExceedanceProbability
from privaudit.estimators.posterior_quantile import posterior_lower
from privaudit.estimators.power import plan_audits
from privaudit.estimators.power_plan import PowerPlan
from privaudit.estimators.privacy_loss import composed_privacy_loss, pld_claim
from privaudit.estimators.privacy_region import point_epsilon, region_area
from privaudit.estimators.rate_difference import square_and_add
from privaudit.estimators.rates import auc_interval, rate_interval
from privaudit.estimators.rates_by_record import (
    RateSpread,
    RecordRates,
    false_positive_spread,
    mean_true_positive_rate,
    record_rates,
)
from privaudit.estimators.records_by_attack import AttackAgreement, attack_agreement, auc_shares
from privaudit.estimators.risk_sets import Overlap, at_risk, overlap
from privaudit.estimators.roc import auc, auc_null_variance, roc_curve
from privaudit.estimators.run_rankings import RankStability, rank_stability
from privaudit.estimators.score_audit import audit_scores
from privaudit.estimators.sensitivity_probe import SensitivityProbe, measure_sensitivity
from privaudit.estimators.subsampled_step_bound import inverse_noise, subsampled_gaussian_step
from privaudit.estimators.thresholds import Bonferroni, Explicit, Split, TwoSidedGuesses
from privaudit.estimators.thresholds_from_shadows import ShadowThreshold, median_threshold, shadow_threshold
from privaudit.estimators.tpr_bounds import tpr_interval
from privaudit.estimators.tradeoff import advantage_bound, tradeoff_bound
from privaudit.estimators.world_accuracy import (
    accuracy_interval,
    accuracy_metrics,
    advantage_of,
    balanced_accuracy,
    world_counts,
)
from privaudit.estimators.world_control import control_interval, control_is_inside, control_metric
from privaudit.estimators.zipf import (
    fit_zipf,
    n_leaked_zipf,
    zipf_divergence,
    zipf_divergence_bound,
    zipf_probabilities,
)
from privaudit.types import ConfusionCounts, DpSgdParams, EpsilonEstimate, Neighbouring

__all__ = [
    "AccountRow",
    "AccountTable",
    "AttackAgreement",
    "AttributeSecurity",
    "BayesSecurity",
    "BettingSequence",
    "Bonferroni",
    "ChallengeOutcomes",
    "ClopperPearson",
    "ConfusionCounts",
    "CurveTest",
    "DpSgdParams",
    "EpsilonEstimate",
    "EpsilonPosterior",
    "Equivalence",
    "ExceedanceProbability",
    "Explicit",
    "FreshSeparation",
    "GroupRate",
    "Neighbouring",
    "NoiseCheck",
    "NoiseProbe",
    "NullPValues",
    "OneRun",
    "OneRunCurveTest",
    "OverDispersion",
    "Overlap",
    "PairWins",
    "PowerPlan",
    "PredictiveValue",
    "RankStability",
    "RateSpread",
    "RecordRates",
    "SamplingProbe",
    "SensitivityProbe",
    "ShadowThreshold",
    "Split",
    "TwoSidedGuesses",
    "WorldDispersion",
    "account",
    "accuracy_interval",
    "accuracy_metrics",
    "advantage_bound",
    "advantage_interval",
    "advantage_of",
    "at_risk",
    "attack_agreement",
    "attribute_bayes_security",
    "attribute_clt_mu_squared",
    "auc",
    "auc_interval",
    "auc_metric",
    "auc_null_variance",
    "auc_shares",
    "audit_curve",
    "audit_scores",
    "balanced_accuracy",
    "bayes_accuracy",
    "bayes_security",
    "bayes_squared_error",
    "benjamini_yekutieli",
    "clopper_pearson",
    "cluster_bootstrap",
    "composed_privacy_loss",
    "conformal_region",
    "control_interval",
    "control_is_inside",
    "control_metric",
    "cross_fit_p_values",
    "curve_one_run_test",
    "curve_test",
    "default_share",
    "difference_interval",
    "effective_counts",
    "equivalence_test",
    "expected_tpr",
    "expected_tpr_metric",
    "expected_tpr_metrics",
    "false_positive_spread",
    "fdp_one_run",
    "fit_zipf",
    "fresh_separation",
    "gaussian_advantage",
    "gaussian_auc",
    "gaussian_dp",
    "gaussian_epsilon",
    "gaussian_log_delta",
    "gaussian_mu",
    "gaussian_tpr",
    "gdp_clt_mu",
    "gradient_diameter",
    "group_rates",
    "histogram_divergences",
    "intraclass_correlation",
    "inverse_noise",
    "jeffreys",
    "katz_log",
    "known_coin_step",
    "label_permutation_p_values",
    "last_iterate_epsilon",
    "mean_predictive_value",
    "mean_true_positive_rate",
    "measure_sensitivity",
    "median_threshold",
    "n_leaked",
    "n_leaked_bayes",
    "n_leaked_cramer_rao",
    "n_leaked_draw_metrics",
    "n_leaked_draws",
    "n_leaked_interval",
    "n_leaked_metrics",
    "n_leaked_zipf",
    "noise_for_advantage",
    "noise_for_epsilon",
    "noise_for_tpr",
    "noise_probe",
    "null_p_values",
    "observed_advantage",
    "one_run",
    "one_run_p_value",
    "over_dispersion_test",
    "overlap",
    "pair_wins",
    "plan_audits",
    "pld_claim",
    "point_epsilon",
    "positive_predictive_value",
    "posterior_lower",
    "predictive_value",
    "rank_stability",
    "rate_interval",
    "rate_residuals",
    "record_p_values",
    "record_rates",
    "record_separation",
    "region_area",
    "roc_curve",
    "sample_rate_to_noise",
    "sampling_probe",
    "shadow_threshold",
    "signed_rank_p_value",
    "square_and_add",
    "subsampled_gaussian_step",
    "tpr_at_fpr",
    "tpr_interval",
    "tradeoff_bound",
    "two_sided_guesses",
    "win_intervals",
    "win_p_values",
    "world_counts",
    "zipf_divergence",
    "zipf_divergence_bound",
    "zipf_probabilities",
]
