"""R12, R14 and R15: distribution inference against exact attacks on noisy counts."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from privaudit.errors import ConfigError, ShapeError
from privaudit.games.relations_distribution import (
    advantage_of_draws,
    distribution_advantage,
    distribution_advantage_of_mu,
    draws_of_advantage,
    epsilon_of_distribution_advantage,
    replaced_records,
)
from privaudit.games.relations_group import group_advantage, group_advantage_of_mu, group_guarantee
from privaudit.games.relations_guarantee import advantage_of_epsilon
from privaudit.games.relations_poisoning import poisoned_distribution_advantage

ENTRIES = {
    entry["id"]: entry
    for entry in json.loads((Path(__file__).parents[1] / "reference" / "distribution.json").read_text())["entries"]
}


def noisy_count_advantage(weights_0, weights_1, noise):
    """Total variation between counts with those chances plus noise, by the density on a fine grid."""
    at = np.linspace(-80, len(weights_0) + 80, 80_001)
    difference = sum((a - b) * noise.pdf(at - k) for k, (a, b) in enumerate(zip(weights_0, weights_1, strict=True)))
    return float(np.trapezoid(np.abs(difference), at) / 2)


@pytest.mark.parametrize("n", [20, 100])
def test_r12_references(n):
    entry = ENTRIES[f"di_group_bound_n{n}"]
    bound = distribution_advantage(0.5, n_records=n, distance=0.1)
    assert bound == pytest.approx(entry["expected"], abs=entry["tolerance"])


def test_r12_of_five_records_by_hand():
    by_hand = sum(math.comb(5, d) * 0.1**d * 0.9 ** (5 - d) * math.tanh(0.25 * d) for d in range(6))
    assert distribution_advantage(0.5, n_records=5, distance=0.1) == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == pytest.approx(0.120, abs=5e-4)  # as the specification says


@pytest.mark.parametrize(
    ("n", "ratios", "epsilon"), [(5, (0.5, 0.4), 0.5), (10, (0.2, 0.8), 1.0), (3, (0.0, 1.0), 2.0)]
)
def test_r12_bounds_a_laplace_count_of_independent_records(n, ratios, epsilon):
    laws = [stats.binom.pmf(np.arange(n + 1), n, ratio) for ratio in ratios]
    reached = noisy_count_advantage(*laws, stats.laplace(scale=1 / epsilon))
    distance = abs(ratios[0] - ratios[1])
    assert reached <= distribution_advantage(epsilon, n_records=n, distance=distance) + 1e-6
    assert epsilon_of_distribution_advantage(reached, n_records=n, distance=distance) <= epsilon


@pytest.mark.parametrize(("n", "ratios", "mu"), [(5, (0.5, 0.4), 0.5), (10, (0.2, 0.8), 1.0)])
def test_r12_bounds_a_gaussian_count_of_independent_records(n, ratios, mu):
    laws = [stats.binom.pmf(np.arange(n + 1), n, ratio) for ratio in ratios]
    reached = noisy_count_advantage(*laws, stats.norm(scale=1 / mu))
    assert reached <= distribution_advantage_of_mu(mu, n_records=n, distance=abs(ratios[0] - ratios[1])) + 1e-6


def test_r12_with_exact_counts_is_reached_by_a_gaussian_count():
    # The number of replaced records is exactly |k0 - k1|, and the best test of two normals reaches the bound.
    n_replaced, mu = replaced_records([5, 5], [3, 7]), 0.6
    reached = 2 * stats.norm.cdf(mu * n_replaced / 2) - 1
    assert group_advantage_of_mu([n_replaced], mu)[0] == pytest.approx(reached, abs=1e-12)


def test_r12_needs_exact_counts_where_counts_are_exact():
    # With exact counts more is told than the bound for independent records allows: the two must not be confused.
    n, mu = 20, 1.0
    reached = 2 * stats.norm.cdf(mu * 2 / 2) - 1  # counts 10 and 8
    independent = distribution_advantage_of_mu(mu, n_records=n, distance=0.1)
    assert independent < reached <= group_advantage_of_mu([2], mu)[0] + 1e-12


@given(st.floats(0.0, 2.0), st.integers(1, 40), st.floats(0.0, 1.0), st.sampled_from([0.0, 1e-3]))
@settings(max_examples=40, deadline=None)
def test_r12_independent_records_allow_no_more_than_their_mean_number(epsilon, n, distance, delta):
    # concave in the number of replaced records: between the whole numbers around the mean, by Jensen
    mean = n * distance
    low, high = math.floor(mean), math.ceil(mean)
    ends = group_advantage([low, high], epsilon, delta)
    line = ends[0] + (mean - low) * (ends[1] - ends[0])
    assert distribution_advantage(epsilon, n_records=n, distance=distance, delta=delta) <= line + 1e-9


def test_r12_delta_counts_every_step():
    epsilon, delta, k = 0.3, 0.01, 4
    failing = group_guarantee(epsilon, delta, k)[1]
    assert failing > k * delta
    expected = advantage_of_epsilon(k * epsilon, failing)
    assert group_advantage([k], epsilon, delta)[0] == pytest.approx(expected, abs=1e-12)
    # the leak of each replaced record's own bit is told with chance delta per record
    told = 1 - (1 - delta) ** k
    assert told <= group_advantage([k], 0.0, delta)[0]


def test_r12_a_property_that_one_record_has_is_r1():
    assert group_advantage([1], 0.7, 1e-5)[0] == pytest.approx(advantage_of_epsilon(0.7, 1e-5), abs=1e-12)
    # one expected record instead of exactly one: no more
    assert distribution_advantage(0.7, n_records=50, distance=0.02) <= advantage_of_epsilon(0.7)


def test_r12_says_nothing_of_draws_of_different_sizes():
    # Publishing the number of records is private for replacing (epsilon 0), and tells the worlds apart for certain.
    with pytest.raises(ConfigError, match="one size"):
        replaced_records([50, 50], [50, 60])
    with pytest.raises(ShapeError):
        replaced_records([50, 50], [100])


def test_replaced_records_of_cells():
    assert replaced_records([[4, 4], [1, 1]], [[3, 2], [2, 3]]) == 3
    assert replaced_records([1, 2], [1, 2]) == 0


def test_separation_private_for_records_and_not_for_the_population():
    entry = ENTRIES["di_separation_laplace_count"]
    n, epsilon = 1000, 0.5
    noise = stats.laplace(scale=1 / epsilon)
    laws = [stats.binom.pmf(np.arange(n + 1), n, ratio) for ratio in (0.5, 0.4)]
    cut = 450.0
    says_low = noise.cdf(cut - np.arange(n + 1))
    accuracy = (1 - laws[0] @ says_low + laws[1] @ says_low) / 2
    assert accuracy == pytest.approx(entry["expected"]["di_accuracy"], abs=entry["tolerance"])
    membership = (1 + advantage_of_epsilon(epsilon)) / 2
    assert membership == pytest.approx(entry["expected"]["mi_accuracy_upper"], abs=1e-12)
    assert group_advantage([100], epsilon)[0] > 0.99  # vacuous, as it must be
    draws = draws_of_advantage(2 * entry["expected"]["di_accuracy"] - 1, 0.5, 0.4)
    assert draws == pytest.approx(entry["expected"]["n_leaked_paper_from_di"], rel=0.03)


@given(st.floats(0.1, 0.9), st.integers(1, 30), st.integers(0, 10))
@settings(max_examples=30, deadline=None)
def test_r14_poison_that_does_not_know_the_world_leaves_the_bound_of_the_rest(epsilon, n_clean, n_poison):
    n = n_clean + n_poison
    bound = poisoned_distribution_advantage(epsilon, n_records=n, poison_share=n_poison / n, distance=0.3)
    assert bound == pytest.approx(distribution_advantage(epsilon, n_records=n_clean, distance=0.3))


def test_r14_a_poisoned_count_stays_below():
    # noisy count of records with the property; the attacker adds some with it: both worlds move alike
    n, poison, epsilon = 6, 4, 1.0
    shifted = [np.concatenate([np.zeros(poison), stats.binom.pmf(np.arange(n + 1), n, ratio)]) for ratio in (0.2, 0.7)]
    reached = noisy_count_advantage(*shifted, stats.laplace(scale=1 / epsilon))
    bound = poisoned_distribution_advantage(
        epsilon, n_records=n + poison, poison_share=poison / (n + poison), distance=0.5
    )
    assert reached <= bound
    with pytest.raises(ConfigError, match="leave a record"):
        poisoned_distribution_advantage(1.0, n_records=3, poison_share=1.0, distance=0.5)


@pytest.mark.parametrize("id", [id for id in ENTRIES if id.startswith("nleaked_ratio_")])
def test_r15_references(id):
    entry = ENTRIES[id]
    inputs = entry["inputs"]
    draws = draws_of_advantage(2 * inputs["omega"] - 1, inputs["alpha0"], inputs["alpha1"])
    assert draws == pytest.approx(entry["expected"], rel=entry["tolerance"])
    assert advantage_of_draws(draws, inputs["alpha0"], inputs["alpha1"]) == pytest.approx(2 * inputs["omega"] - 1)


RATIOS = st.floats(0.0, 1.0).map(lambda ratio: round(ratio, 6))


@given(st.integers(1, 30), RATIOS, RATIOS)
@settings(max_examples=60, deadline=None)
def test_r15_bounds_whoever_sees_the_draws(n, first, second):
    exact = np.abs(stats.binom.pmf(np.arange(n + 1), n, first) - stats.binom.pmf(np.arange(n + 1), n, second)).sum() / 2
    assert exact <= advantage_of_draws(n, first, second) + 1e-9


def test_r15_ends():
    assert draws_of_advantage(0.5, 0.0, 0.0) == 0.0
    assert draws_of_advantage(1.0, 0.5, 0.4) == math.inf
    assert draws_of_advantage(0.5, 0.0, 1.0) == 0.0  # less than one draw, which would tell for certain
    for bad in (-0.1, math.nan):
        with pytest.raises(ConfigError):
            draws_of_advantage(0.5, bad, 0.4)
        with pytest.raises(ConfigError):
            advantage_of_draws(bad, 0.5, 0.4)
