"""The region of a conformal threshold's flags: its law by simulation, its ends by enumeration, hostile numbers."""

import numpy as np
import pytest
from scipy.stats import betabinom

from privaudit.attacks.quantile_scores import ConformalScores
from privaudit.errors import ConfigError
from privaudit.estimators import conformal_region


@pytest.mark.statistical
@pytest.mark.parametrize(("n_calibration", "level"), [(99, 0.05), (120, 0.01), (61, 0.1)])
def test_flags_are_beta_binomial(n_calibration, level):
    """20,000 calibrations of continuous scores. Each cell's count is binomial; the largest of some 30 deviations exceeds
    5.5 with probability 1e-6.
    """
    rng = np.random.default_rng(0)
    runs, n_test = 20_000, 50
    flags = np.empty(runs, dtype=int)
    for run in range(runs):
        found = ConformalScores(np.zeros(0), rng.standard_normal(n_calibration))
        flags[run] = (rng.standard_normal(n_test) > found.threshold(level)).sum()
    rank = int(np.ceil((1 - level) * (n_calibration + 1)))
    share = betabinom.pmf(np.arange(n_test + 1), n_test, n_calibration + 1 - rank, rank)
    cells = share * runs > 20
    counts = np.bincount(flags, minlength=n_test + 1)
    assert (np.abs(counts - share * runs)[cells] <= 5.5 * np.sqrt(runs * share * (1 - share))[cells]).all()


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.9999])
def test_the_region_holds_at_least_its_confidence_and_loses_it_one_step_inside(confidence):
    low, high = conformal_region(200, 1000, 0.05, confidence=confidence)
    law = betabinom(1000, 201 - 191, 191)
    tail = (1 - confidence) / 2
    assert law.cdf(low - 1) <= tail < law.cdf(low) + 1e-15
    assert law.sf(high) <= tail < law.sf(high - 1) + 1e-15


def test_ties_never_flag_more():
    """All calibration scores alike: nothing lies above the threshold."""
    assert (np.zeros(50) > ConformalScores(np.zeros(0), np.zeros(99)).threshold(0.05)).sum() == 0


def test_hostile_numbers():
    with pytest.raises(ConfigError, match="at least 99 calibration scores"):
        conformal_region(98, 10, 0.01, confidence=0.95)
    assert conformal_region(99, 10, 0.01, confidence=0.95)[0] == 0
    assert ConformalScores(np.zeros(0), np.zeros(98)).threshold(0.01) == np.inf
    for bad in ({"n_calibration": 0}, {"n_test": 0}, {"level": 0.0}, {"level": 1.0}, {"confidence": 1.0}):
        with pytest.raises(ConfigError):
            conformal_region(**{"n_calibration": 99, "n_test": 9, "level": 0.1, "confidence": 0.9, **bad})
