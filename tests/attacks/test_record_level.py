"""An over-fitted model: p-values hold their level at every record, one threshold for all of them does not."""

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.attacks import Lira
from privaudit.data.design import paired_coins
from privaudit.estimators.null_calibration import cross_fit_p_values
from privaudit.estimators.rates_by_record import false_positive_spread, record_rates
from privaudit.estimators.thresholds_from_shadows import floor_threshold


def overfitted_margins(is_in, seed, dimension=150):
    """Margins of ridge classifiers that fit random labels perfectly: every model has more features than members."""
    rng, n = np.random.default_rng(seed), is_in.shape[1]
    x = rng.normal(size=(n, dimension)) * rng.lognormal(0, 0.6, (n, 1))
    y, gram = rng.choice([-1.0, 1.0], n), x @ x.T
    margins = []
    for member in is_in.astype(bool):
        dual = np.linalg.solve(gram[np.ix_(member, member)] + 0.1 * np.eye(member.sum()), y[member])
        margins.append(y * (gram[:, member] @ dual))
    return np.array(margins)


@pytest.mark.statistical
@pytest.mark.parametrize("attack", ["loss", "lira"])
def test_an_overfitted_models_p_values_hold_their_level_at_every_record_where_one_threshold_does_not(
    attack, make_inputs, make_design
):
    """600 models, 100 records, 300 OUT models each. Nominal 1 %: if every record's rate is at most 1 %, one of the 100
    counts passes its limit with probability at most 1e-6 (Bonferroni; models are independent, cross-fitting makes
    their outcomes slightly dependent). At one pooled threshold the worst record is accused at least three times as
    often, and the interval of the worst of 100 rates (99.9 %) lies above 1 %, with the loss above 3 %.
    """
    alpha, n_models, n_records = 0.01, 600, 100
    is_in = paired_coins(n_models, n_records, 5)
    margins = overfitted_margins(is_in, 6)
    assert (margins[is_in == 1] > 0).all() and (margins[is_in == 0] > 0).mean() < 0.75  # learned by heart
    scores = margins
    if attack == "lira":
        results = Lira().run(make_inputs(make_design(is_in), margins), targets=range(n_models))
        scores = np.stack([result.scores for result in results])
    p = cross_fit_p_values(scores, is_in, np.arange(n_models) ^ 1)
    each = record_rates(p <= alpha, is_in)
    limit = binom.ppf(1 - 1e-6 / n_records, each.n_out, alpha)
    assert (each.false_positives <= limit).all()
    threshold = floor_threshold(scores.ravel(), is_in.ravel(), alpha)
    spread = false_positive_spread(record_rates(scores >= threshold, is_in), confidence=0.999)
    assert spread.pooled <= alpha and spread.worst >= 3 * alpha
    assert spread.worst_lower >= (3 * alpha if attack == "loss" else alpha)
