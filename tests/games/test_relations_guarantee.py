"""R1, R3, R5, R11: guarantees against exact attacks on mechanisms whose outputs can be counted."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from privaudit.errors import ConfigError
from privaudit.games.relations_curve import (
    advantage_of_curve,
    epsilon_curve,
    gaussian_curve,
    group_of_curve,
    reconstruction_of_curve,
    success_of_curve,
)
from privaudit.games.relations_group import (
    epsilon_of_group_advantage,
    group_advantage,
    group_advantage_of_mu,
    group_guarantee,
    mu_of_group_advantage,
)
from privaudit.games.relations_guarantee import (
    add_remove_of_replace_one,
    advantage_of_epsilon,
    advantage_of_mu,
    epsilon_of_advantage,
    mu_of_advantage,
    replace_one_of_add_remove,
)
from privaudit.games.relations_prior import (
    epsilon_of_success,
    posterior_of_epsilon,
    success_at_prior,
    success_at_prior_of_mu,
)

ENTRIES = {
    entry["id"]: entry
    for entry in json.loads((Path(__file__).parents[1] / "reference" / "distribution.json").read_text())["entries"]
}
EPSILONS = st.floats(0.0, 6.0)
DELTAS = st.sampled_from([0.0, 1e-6, 0.01, 0.2])
PRIORS = st.floats(0.01, 0.99)


def leaky_response(epsilon, delta):
    """Randomised response on a bit that tells the bit itself with chance delta: tight for (epsilon, delta)."""
    right = (1 - delta) / (1 + math.exp(-epsilon))
    wrong = 1 - delta - right
    return np.array([delta, right, wrong, 0.0]), np.array([0.0, wrong, right, delta])


def total_variation(first, second):
    return float(np.abs(np.asarray(first) - np.asarray(second)).sum() / 2)


def hockey_stick(first, second, epsilon):
    return float(np.maximum(np.asarray(first) - math.exp(epsilon) * np.asarray(second), 0).sum())


@given(EPSILONS, DELTAS)
@settings(max_examples=40, deadline=None)
def test_r1_is_reached_by_leaky_randomised_response(epsilon, delta):
    zero, one = leaky_response(epsilon, delta)
    assert total_variation(zero, one) == pytest.approx(advantage_of_epsilon(epsilon, delta), abs=1e-12)
    assert advantage_of_curve(epsilon_curve(epsilon, delta)) == pytest.approx(
        advantage_of_epsilon(epsilon, delta), abs=1e-4
    )


@given(EPSILONS, DELTAS)
@settings(max_examples=40, deadline=None)
def test_r1_inverted_returns_the_epsilon(epsilon, delta):
    assert epsilon_of_advantage(advantage_of_epsilon(epsilon, delta), delta) == pytest.approx(epsilon, abs=1e-8)
    assert mu_of_advantage(advantage_of_mu(epsilon)) == pytest.approx(epsilon, abs=1e-6)


def test_r1_of_the_gaussian_mechanism():
    entry = ENTRIES["dpd_gaussian_mu1"]
    assert (1 + advantage_of_mu(1.0)) / 2 == pytest.approx(entry["expected"], abs=entry["tolerance"])
    assert 0.0 <= advantage_of_curve(gaussian_curve(1.0)) - advantage_of_mu(1.0) <= 1e-8  # an upper bound


def test_r1_laplace_stays_below_and_one_more_epsilon_would_not_do():
    epsilon = 1.0
    laplace = 1 - math.exp(-epsilon / 2)  # total variation between Laplace noises one sensitivity apart
    assert epsilon_of_advantage(laplace) < epsilon
    assert laplace < advantage_of_epsilon(epsilon)


def test_r3_is_tight_for_a_sum_of_signs():
    # Laplace noise on a sum of records -1 or 1: one record moves it by 1, replacing one by 2.
    epsilon = 0.7
    doubled, delta = replace_one_of_add_remove(epsilon)
    at = np.linspace(-50, 50, 2001)
    log_ratio = stats.laplace.logpdf(at, 1, 1 / epsilon) - stats.laplace.logpdf(at, -1, 1 / epsilon)
    assert np.abs(log_ratio).max() == pytest.approx(doubled) and delta == 0.0


@pytest.mark.parametrize(("epsilon", "delta"), [(0.5, 0.01), (1.5, 0.05), (0.0, 0.1)])
def test_r3_delta_bounds_two_steps_of_the_worst_mechanism(epsilon, delta):
    # three outputs laws in a row, neighbours each (epsilon, delta) close: with z, without, with z'
    rng = np.random.default_rng(3)
    worst, doubled = 0.0, replace_one_of_add_remove(epsilon, delta)
    for _ in range(300):
        middle = rng.dirichlet(np.ones(4))
        ends = [_pushed(middle, epsilon, delta, rng) for _ in range(2)]
        worst = max(worst, hockey_stick(ends[0], ends[1], doubled[0]))
    assert worst <= doubled[1] + 1e-9
    assert doubled[1] == pytest.approx(group_guarantee(epsilon, delta, 2)[1])


def _pushed(law, epsilon, delta, rng):
    """A law that is (epsilon, delta) close to another one, as far away as a random direction goes."""
    other = rng.dirichlet(np.full(len(law), 0.3))
    low, high = 0.0, 1.0
    for _ in range(40):
        share = (low + high) / 2
        mixed = (1 - share) * law + share * other
        close = max(hockey_stick(mixed, law, epsilon), hockey_stick(law, mixed, epsilon)) <= delta
        low, high = (share, high) if close else (low, share)
    return (1 - low) * law + low * other


def test_r3_does_not_hold_backwards():
    publish = len  # the number of records: replacing one changes nothing, adding one is told for certain
    assert publish("ab") == publish("ac") != publish("abc")


def _law_of_counts(n, ratio, grid, noise):
    return stats.binom.pmf(np.arange(n + 1), n, ratio) @ noise.pdf(grid[None, :] - np.arange(n + 1)[:, None])


def test_r2_a_random_record_is_below_a_known_rest_is_below_the_worst_case():
    # Gaussian count of 6 bits; the attacker of the random game sees the count and the candidate, of the other the rest too
    n, ratio, mu = 6, 0.3, 1.2
    noise, grid = stats.norm(scale=1 / mu), np.linspace(-12, 20, 4001)
    fresh = _law_of_counts(n, ratio, grid, noise)
    random = sum(
        chance * np.trapezoid(np.abs(_law_of_counts(n - 1, ratio, grid - bit, noise) - fresh), grid) / 2
        for bit, chance in ((0, 1 - ratio), (1, ratio))
    )
    # the rest known: the count moves by one where the fresh record's bit differs
    strong = 2 * ratio * (1 - ratio) * advantage_of_mu(mu)
    assert 0.02 < random < strong < advantage_of_mu(mu)


def test_r4_labels_tell_no_more_than_scores_for_the_best_attackers():
    noise, scores = stats.norm(), advantage_of_mu(1.0)
    for cut in (-1.0, 0.5, 2.0):  # the label says on which side of a cut the score is
        assert abs(noise.sf(cut - 1) - noise.sf(cut)) <= scores + 1e-12


@given(st.floats(0.01, 6.0), st.floats(1e-6, 0.5), st.floats(1e-6, 0.5))
@settings(max_examples=60, deadline=None)
def test_r3_inverted_excludes_exactly_what_it_may(lower, delta_replace, delta):
    least = add_remove_of_replace_one(lower, delta_replace, delta)
    assert 0.0 <= least <= lower / 2
    if least > 1e-6:  # had it been smaller, replacing would have been (2 epsilon, delta_replace): less than was shown
        doubled, grown = replace_one_of_add_remove(least * (1 - 1e-6), delta)
        assert doubled < lower and grown <= delta_replace


@given(EPSILONS, PRIORS, DELTAS)
@settings(max_examples=40, deadline=None)
def test_r5_is_what_the_best_guess_reaches_on_leaky_randomised_response(epsilon, prior, delta):
    zero, one = leaky_response(epsilon, delta)
    best = float(np.maximum(prior * one, (1 - prior) * zero).sum())
    assert success_at_prior(epsilon, prior, delta) == pytest.approx(best, abs=1e-12)
    least = epsilon_of_success(best, prior, delta)
    assert least <= epsilon + 1e-8
    assert success_at_prior(least, prior, delta) == pytest.approx(best, abs=1e-9)


def test_r5_reference():
    entry = ENTRIES["mi_skewed_prior_eps3_p01"]
    assert success_at_prior(3.0, 0.1) == pytest.approx(entry["expected"], abs=entry["tolerance"])
    assert success_at_prior(1.0, 0.1) == 0.9  # guessing "no member" is as good


@pytest.mark.parametrize(("mu", "prior"), [(0.3, 0.1), (1.0, 0.5), (2.0, 0.9), (0.0, 0.2)])
def test_r5_of_the_gaussian_mechanism(mu, prior):
    assert success_of_curve(gaussian_curve(mu), prior) == pytest.approx(success_at_prior_of_mu(mu, prior), abs=1e-4)


def test_r5_needs_the_curve_with_false_alarms_of_non_members():
    # A member always sets the flag, a non-member in one case of five.
    flag, prior = 0.2, 0.1

    def of_non_members(fpr):
        return np.maximum(0.0, 1.0 - fpr / flag)

    def exchanged(fpr):  # the same mechanism, false alarms counted among members
        return np.where(fpr > 0, flag * (1.0 - fpr), flag)

    zero, one = np.array([1 - flag, flag]), np.array([0.0, 1.0])
    truth = float(np.maximum(prior * one, (1 - prior) * zero).sum())
    assert success_of_curve(of_non_members, prior) == pytest.approx(truth, abs=1e-9)
    assert success_of_curve(exchanged, prior) != pytest.approx(truth, abs=0.01)  # right for the prior 0.9
    assert success_of_curve(exchanged, 1 - prior) == pytest.approx(truth, abs=1e-9)


@given(EPSILONS, PRIORS)
@settings(max_examples=30, deadline=None)
def test_r5_posterior_is_reached_by_randomised_response(epsilon, prior):
    zero, one = leaky_response(epsilon, 0.0)
    posterior = prior * one[2] / (prior * one[2] + (1 - prior) * zero[2])
    assert posterior_of_epsilon(epsilon, prior) == pytest.approx(posterior, abs=1e-12)


def test_r5_posterior_has_no_bound_with_a_delta():
    zero, one = leaky_response(1.0, 1e-6)
    assert one[3] / (one[3] + zero[3]) == 1.0  # an output that is rare and says everything


def test_r11_reference():
    entry = ENTRIES["group_dp_k2"]
    epsilon, delta = group_guarantee(0.5, 1e-6, 2)
    assert epsilon == entry["expected"]["epsilon"]
    assert delta == pytest.approx(entry["expected"]["delta"], rel=entry["tolerance"])


@given(EPSILONS, DELTAS, st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_r11_then_r1_is_the_group_advantage(epsilon, delta, k):
    grown, failing = group_guarantee(epsilon, delta, k)
    expected = min(1.0, (math.expm1(grown) + 2 * failing) / (math.exp(grown) + 1))
    assert group_advantage([k], epsilon, delta)[0] == pytest.approx(expected, abs=1e-9)


@given(st.floats(0.0, 3.0), DELTAS, st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_r11_inverted_never_says_too_much(epsilon, delta, k):
    advantage = float(group_advantage([k], epsilon, delta)[0])
    least = epsilon_of_group_advantage(advantage, k, delta)
    assert least <= epsilon + 1e-9
    assert group_advantage([k], least, delta)[0] == pytest.approx(advantage, abs=1e-9)


def test_r11_is_reached_by_gaussian_noise_on_a_sum():
    mu, k = 0.4, 3
    told = 2 * stats.norm.cdf(k * mu / 2) - 1
    assert group_advantage_of_mu([k], mu)[0] == pytest.approx(told, abs=1e-12)
    assert mu_of_group_advantage(told, k) == pytest.approx(mu, abs=1e-9)
    assert advantage_of_curve(group_of_curve(gaussian_curve(mu), k)) == pytest.approx(told, abs=1e-8)


def test_r11_bounds_k_responses_that_are_told_together():
    # k records of one user, each by randomised response: the user's advantage against the bound
    epsilon, k = 0.8, 3
    zero, one = (
        [math.prod(law[i] for i in outs) for outs in product((1, 2), repeat=k)] for law in leaky_response(epsilon, 0.0)
    )
    assert total_variation(zero, one) <= group_advantage([k], epsilon)[0]
    log_ratio = np.log(one) - np.log(zero)
    assert log_ratio.max() == pytest.approx(group_guarantee(epsilon, 0.0, k)[0])


def test_large_and_boundary_guarantees_stay_finite_or_say_infinity():
    assert advantage_of_epsilon(math.inf) == advantage_of_epsilon(1e4, 0.5) == 1.0
    assert epsilon_of_advantage(1.0) == math.inf
    assert group_advantage([0, 5], math.inf).tolist() == [0.0, 1.0]
    assert group_guarantee(400.0, 1e-9, 3) == (1200.0, math.inf)
    assert group_advantage([10**9], 1e-12, 1e-12)[0] == pytest.approx(0.0015, rel=1e-3)
    assert epsilon_of_group_advantage(1.0, 1) > 30.0  # where tanh rounds to 1


@pytest.mark.parametrize("bad", [-0.1, math.nan])
def test_guarantees_that_are_none_are_refused(bad):
    for call in (advantage_of_epsilon, advantage_of_mu, lambda v: group_guarantee(v, 0.0, 2), epsilon_of_advantage):
        with pytest.raises(ConfigError):
            call(bad)
    for k in (0, 1.5, True):
        with pytest.raises(ConfigError, match="k must be"):
            group_guarantee(1.0, 0.0, k)


def test_curves_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="from 0 to 1"):
        advantage_of_curve(lambda fpr: 2 - fpr)
    with pytest.raises(ConfigError, match="convex"):
        reconstruction_of_curve(lambda fpr: np.where(fpr < 0.5, 1.0, 0.0), 0.25)
