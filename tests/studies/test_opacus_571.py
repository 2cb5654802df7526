"""Opacus issue 571: Opacus's own steps against the exact law of what they release."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from privaudit.errors import ConfigError
from privaudit.estimators import gaussian_epsilon, gaussian_mu
from privaudit.studies import opacus_571
from privaudit.studies.gaussian_pair import Normal, pair_epsilon
from privaudit.studies.opacus_571 import DELTA, DIVISORS, PRIVATE, OneStepAudit, released_laws, study
from privaudit.studies.opacus_one_step import Divisor, released_gradients
from privaudit.studies.study import StudyOptions

N = 400
RARE = 1e-7  # chance that a test of one law fails when the law is right


@pytest.mark.parametrize("name", list(DIVISORS))
def test_steps_of_opacus_follow_the_law_that_the_divisor_implies(name):
    """Four two-sided tests at 1e-7 each: a right law fails in one of 2.5 million seeds."""
    laws = released_laws(DIVISORS[name], 2, 3.0)
    for law, labels, seed in zip(laws, [(0, 0), (0, 0, 1)], (11, 12), strict=True):
        found = released_gradients(labels, divisor=DIVISORS[name], noise_multiplier=3.0, n_runs=N, seed=seed)
        scaled = (found - law.mean) / law.deviation
        assert abs(scaled.mean()) * np.sqrt(N) < stats.norm.isf(RARE / 2)
        assert stats.chi2.ppf(RARE / 2, N) < (scaled**2).sum() < stats.chi2.isf(RARE / 2, N)


def test_only_the_private_divisor_changes_with_the_data():
    """Without noise: opposed records of gradient +1, one of -1; Opacus adds 1e-6 to the norm of 5 before it clips."""

    def mean_of(labels, divisor):
        return released_gradients(labels, divisor=divisor, noise_multiplier=0.0, n_runs=1, seed=0)[0]

    wanted = {Divisor(): (1.0, 1 / 3), Divisor(public=2.0): (1.0, 0.5), Divisor(loss_reduction="sum"): (2.0, 1.0)}
    for divisor, means in wanted.items():
        assert (mean_of((0, 0), divisor), mean_of((0, 0, 1), divisor)) == pytest.approx(means, rel=1e-6)


def test_an_audit_is_beyond_the_claim_where_the_divisor_is_private():
    """One record against two at a claim of 0.3, 1,000 runs a side.

    In 1,000 simulations by the exact law the bound was 2.28 with a deviation of 0.36, and never below 1.37.
    """
    noise = 1.0 / gaussian_mu(0.3, DELTA)
    estimate = OneStepAudit(divisor=DIVISORS[PRIVATE], n_records=1, n_runs=1000, noise_multiplier=noise).play()
    assert estimate.lower > 0.3
    assert estimate.method == "clopper_pearson" and estimate.neighbouring == "add_remove"
    exact = pair_epsilon(*released_laws(DIVISORS[PRIVATE], 1, noise), delta=DELTA)
    assert estimate.lower < exact


def test_runs_differ_and_are_a_function_of_the_seed():
    def runs(seed):
        return released_gradients((0, 0), divisor=Divisor(), noise_multiplier=1.0, n_runs=20, seed=seed)

    assert len(set(runs(1).tolist())) == 20
    assert np.array_equal(runs(1), runs(1)) and not np.intersect1d(runs(1), runs(2)).size


PAIRS = [
    (Normal(0.0, 1.0), Normal(1.0, 1.0)),
    (Normal(1.0, 1.58), Normal(0.33, 1.05)),
    (Normal(0.0, 2.0), Normal(0.0, 1.0)),
    (Normal(-3.0, 0.5), Normal(2.0, 0.4)),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_exact_epsilon_is_where_the_larger_hockey_stick_is_delta(first, second):
    """Against numerical integration of the positive part of ``p - e^epsilon q``, both ways."""
    delta = 1e-3
    epsilon = pair_epsilon(first, second, delta=delta)

    def excess(one, other):
        def part(x):
            return max(0.0, stats.norm.pdf(x, one.mean, one.deviation) - weight * stats.norm.pdf(x, *ends(other)))

        weight = np.exp(epsilon)
        edges = np.linspace(one.mean - 10 * one.deviation, one.mean + 10 * one.deviation, 201)
        return sum(quad(part, low, high)[0] for low, high in itertools.pairwise(edges))

    def ends(law):
        return law.mean, law.deviation

    assert max(excess(first, second), excess(second, first)) == pytest.approx(delta, rel=1e-5)
    assert epsilon == pair_epsilon(second, first, delta=delta)


def test_the_exact_epsilon_tends_to_that_of_twice_the_shift():
    noise = 1.0 / gaussian_mu(1.2, DELTA)
    found = [pair_epsilon(*released_laws(Divisor(), n, noise), delta=DELTA) for n in (2, 10, 100, 10**5)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(gaussian_epsilon(2 / noise, DELTA), rel=1e-3)
    public = pair_epsilon(*released_laws(Divisor(public=2.0), 2, noise), delta=DELTA)
    assert public == pytest.approx(1.2, abs=1e-9)


def test_pairs_that_tell_nothing_and_deltas_that_are_none():
    assert pair_epsilon(Normal(0.0, 1.0), Normal(0.0, 1.0), delta=1e-5) == 0.0
    assert pair_epsilon(Normal(0.0, 1.0), Normal(0.0, 1.0 + 1e-9), delta=1e-5) == 0.0
    with pytest.raises(ConfigError, match="delta"):
        pair_epsilon(Normal(0.0, 1.0), Normal(1.0, 1.0), delta=0.0)


def test_the_study_says_what_came_out(monkeypatch):
    """Twenty runs a side can show nothing, so that check is not met, and says so."""
    monkeypatch.setattr(opacus_571, "N_RUNS", 20)
    seen = []
    result = study(StudyOptions(is_quick=True, workers=1), seen.append)
    assert [check.is_met for check in result.checks] == [False, True, True]
    assert [row[-1] for row in result.tables[0].rows] == [1, 1, 1]
    assert [row[0] for row in result.tables[1].rows] == ["2", "5", "10", "30", "100", "limit"]
    assert (seen[-1].done, seen[-1].total) == (3, 3)
