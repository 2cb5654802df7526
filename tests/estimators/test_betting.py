"""The betting sequence: reference wealths, exact level, coverage at the most favourable round, power, ceilings."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq
from scipy.stats import binom, laplace, norm

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators.betting import BettingSequence
from privaudit.estimators.betting_wealth import MIXTURE, canary_log_wealth, default_grid, log_factors
from privaudit.numerics import log_mean_exp
from privaudit.types import EstimateKind, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())["eprocess_fixed_bet"]
PROFILE = settings(max_examples=40, deadline=None, derandomize=True)
RUNS = 2000
LIMIT = binom.ppf(1 - 1e-6, RUNS, 0.05)


def bits(n_rounds, n_canaries):
    return arrays(np.int64, (n_rounds, n_canaries), elements=st.integers(0, 1))


def same(one, other):
    return one.lower == other.lower and np.array_equal(one.log_wealth, other.log_wealth)


@pytest.mark.parametrize("case", CASES)
def test_fixed_bet_matches_reference(case):
    i, expected = case["inputs"], case["expected"]
    rng = np.random.default_rng(500 + i["k"])
    x, y = rng.random(i["n"]) < i["px"], rng.random(i["n"]) < i["py"]
    grid = np.unique([0.0, i["eps"]])
    sequence = BettingSequence(delta=i["delta"], confidence=0.95, bet=i["frac"], direction="present", grid=grid)
    log_wealth, crossing = [], None
    for number, (guess, other) in enumerate(zip(x, y, strict=True), start=1):
        sequence = sequence.update(guess, other)
        log_wealth.append(sequence.log_wealth[-1])
        if crossing is None and sequence.rejects(i["eps"]):
            crossing = number
    assert log_wealth[-1] == pytest.approx(expected["log_wealth_final"], abs=case["tolerance"])
    assert max(log_wealth) == pytest.approx(expected["max_log_wealth"], abs=case["tolerance"])
    assert crossing == expected["first_crossing_alpha_0p05"]


@PROFILE
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(bits(n, 3), bits(n, 3))), st.sampled_from([0.0, 1e-5, 0.3]))
def test_wealth_is_the_mean_of_products(guesses, delta):
    """By the definition: a product over rounds per canary, bet and direction, averaged at the end."""
    x, y = guesses
    sequence = BettingSequence(delta=delta, confidence=0.9, n_canaries=3, grid=[0.0, 0.5, 2.0]).update(x, y)
    for epsilon, log_wealth in zip(sequence.grid, sequence.log_wealth, strict=True):
        e, products = math.exp(epsilon), []
        for canary, stake in itertools.product(range(3), np.arange(1, 20) / 20):
            bet = stake / (e + delta)
            products.append(np.prod(1 + bet * (x[:, canary] - e * y[:, canary] - delta)))
            products.append(np.prod(1 + bet * ((1 - y[:, canary]) - e * (1 - x[:, canary]) - delta)))
        assert log_wealth == pytest.approx(math.log(np.mean(products)), abs=1e-10)


@pytest.mark.parametrize("delta", [0.0, 1e-5, 0.1, 0.9])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0, 5.0, 50.0, 1e4])
def test_no_bet_gains_on_average_against_any_mechanism_of_the_claim(epsilon, delta):
    """Means are linear in the two rates, so the corners of the region of (epsilon, delta) decide for all of it."""
    u = math.exp(-epsilon)
    k = (1 - delta) * u / (1 + u)
    factors = np.exp(log_factors(np.array([epsilon]), delta=delta, stakes=MIXTURE, direction="both"))[:, 0]
    corners = [(0.0, 0.0), (1.0, 1.0), (delta, 0.0), (1.0, 1.0 - delta), (1.0 - k, k)]  # rates of x = 1 and of y = 1
    gains = []
    for p, q in corners:
        chance = np.array([(1 - p) * (1 - q), (1 - p) * q, p * (1 - q), p * q])
        gains.append(chance @ factors - 1.0)
    assert np.max(gains) <= 1e-14
    assert np.abs(gains[-1]).max() <= 1e-14  # randomised response is a fair game: no wealth is given away


def outcomes_so_far(x, y):
    """``(..., n_rounds, n_canaries, 4)`` counts after each round, from guesses ``(..., n_rounds, n_canaries)``."""
    return np.cumsum((2 * x + y)[..., None] == np.arange(4), axis=-3)


def log_wealth_path(x, y, epsilon, delta):
    """``(..., n_rounds)`` log wealth at one epsilon, for many sequences at once."""
    counts = outcomes_so_far(x, y)
    factors = log_factors(np.array([epsilon]), delta=delta, stakes=MIXTURE, direction="both")
    return log_mean_exp(canary_log_wealth(counts.reshape(-1, 4), factors).reshape(counts.shape[:-1]), axis=-1)


@pytest.mark.parametrize(("epsilon", "confidence"), [(0.0, 0.5), (0.0, 0.8), (1.0, 0.5)])
def test_level_is_exact_over_all_sequences_of_seven_rounds(epsilon, confidence):
    outcome = np.array(list(itertools.product(range(4), repeat=7)))[:, :, None]
    p = 1 / (1 + math.exp(-epsilon))
    chance = np.prod(np.array([(1 - p) * p, (1 - p) ** 2, p * p, p * (1 - p)])[outcome[:, :, 0]], axis=1)
    path = log_wealth_path(outcome // 2, outcome % 2, epsilon, 0.0)
    missed = (path >= -math.log1p(-confidence)).any(axis=1)
    assert chance.sum() == pytest.approx(1.0)
    assert 0.0 < chance[missed].sum() <= 1.0 - confidence


def gaussian_epsilon(mu, delta):
    """Epsilon of N(mu, 1) against N(0, 1), by the definition of delta."""

    def excess(epsilon):
        return norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu) - delta

    return brentq(excess, 0.0, 50.0)


TIGHT = gaussian_epsilon(1.0, 0.1)
# name -> chance of "present" in world 1 and in world 0, true epsilon, delta
MECHANISMS = {
    "random guesses": (0.5, 0.5, 0.0, 0.0),
    "rare random guesses": (0.1, 0.1, 0.0, 1e-5),
    "randomised response": (1 / (1 + math.exp(-1)), 1 / (1 + math.e), 1.0, 0.0),
    "laplace": (laplace.sf(0.0), laplace.sf(1.0), 1.0, 0.0),
    "gaussian": (norm.sf(1.0), norm.sf(2.0), gaussian_epsilon(1.0, 1e-5), 1e-5),
    "gaussian at its tight threshold": (norm.sf(TIGHT - 0.5), norm.sf(TIGHT + 0.5), TIGHT, 0.1),
}


def dependent_guesses(rng, chance, n_rounds, n_canaries):
    """``(RUNS, n_rounds, n_canaries)`` guesses of one rate; each canary repeats its model's guess 4 times in 5."""
    own = rng.random((RUNS, n_rounds, n_canaries)) < chance
    shared = rng.random((RUNS, n_rounds, 1)) < chance
    return np.where(rng.random(own.shape) < 0.8, shared, own).astype(np.int64)


@pytest.mark.statistical
@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("n_rounds", "n_canaries"), [(200, 1), (40, 10)])
def test_coverage_at_the_most_favourable_round(mechanism, n_rounds, n_canaries):
    """A miss is an epsilon at the truth that was ever rejected; a correct method fails with probability 1e-6."""
    p, q, truth, delta = MECHANISMS[mechanism]
    rng = np.random.default_rng(61)
    x, y = dependent_guesses(rng, p, n_rounds, n_canaries), dependent_guesses(rng, q, n_rounds, n_canaries)
    missed = log_wealth_path(x, y, truth, delta).max(axis=1) >= -math.log(0.05)
    assert missed.sum() <= LIMIT
    grid = np.unique(np.append(default_grid(), truth))
    fresh = BettingSequence(delta=delta, confidence=0.95, n_canaries=n_canaries, grid=grid)
    for run in [*np.flatnonzero(missed)[:3], *np.flatnonzero(~missed)[:2]]:
        sequence = fresh.update(x[run], y[run])
        assert sequence.rejects(truth) == missed[run]
        assert missed[run] or sequence.lower <= truth


@pytest.mark.statistical
def test_the_same_sequences_reject_what_is_false():
    """The coverage above is not that of a bet that never wins: half the true epsilon is nearly always rejected."""
    p, q, truth, delta = MECHANISMS["randomised response"]
    rng = np.random.default_rng(61)
    x, y = dependent_guesses(rng, p, 200, 1), dependent_guesses(rng, q, 200, 1)
    assert (log_wealth_path(x, y, truth / 2, delta).max(axis=1) >= -math.log(0.05)).mean() > 0.6


@pytest.mark.statistical
def test_power_on_randomised_response():
    """1,000 rounds at epsilon 3 against the bound that growth of the log wealth promises.

    The average wealth is at least 1/38 of that of the best of 19 stakes in 2 directions. Its log grows by a mean of
    ``rate`` per round, so it passes log(20) + log(38) but for four standard deviations: chance below 1e-4 per audit.
    """
    truth, n = 3.0, 1000
    p = 1 / (1 + math.exp(-truth))
    chance = np.array([(1 - p) * p, (1 - p) ** 2, p * p, p * (1 - p)])
    factors = log_factors(default_grid(), delta=0.0, stakes=MIXTURE, direction="present")
    rate = np.tensordot(chance, factors, 1)
    spread = np.sqrt(np.tensordot(chance, factors**2, 1) - rate**2)
    passes = (n * rate - 4 * math.sqrt(n) * spread).max(axis=1) >= math.log(20 * 38)
    promised = default_grid()[np.flatnonzero(passes)[-1]]
    assert promised >= 0.6 * truth
    rng, bounds = np.random.default_rng(67), []
    for _ in range(20):
        x, y = rng.random((n, 1)) < p, rng.random((n, 1)) >= p
        bounds.append(BettingSequence(delta=0.0, confidence=0.95).update(x, y).lower)
    assert min(bounds) >= promised
    assert np.mean(bounds) >= 0.85 * truth  # seeded: fixed draws, it cannot fail by chance


@PROFILE
@given(st.integers(1, 8).flatmap(lambda n: st.tuples(bits(n, 2), bits(n, 2))), st.sampled_from([0.0, 1e-5, 0.2]))
def test_rounds_at_once_equal_rounds_one_by_one(guesses, delta):
    x, y = guesses
    fresh = BettingSequence(delta=delta, confidence=0.3, n_canaries=2)
    at_once, one_by_one, bounds = fresh.update(x, y), fresh, []
    for row, other in zip(x, y, strict=True):
        one_by_one = one_by_one.update(row, other)
        bounds.append(one_by_one.lower)
    assert same(at_once, one_by_one) and at_once.n_rounds == len(x)
    assert bounds == sorted(bounds)
    assert fresh.n_rounds == 0 and not fresh.log_wealth.any()


@PROFILE
@given(st.integers(1, 8).flatmap(lambda n: st.tuples(bits(n, 4), bits(n, 4))), st.permutations(range(4)))
def test_order_of_canaries_and_naming_of_the_answer_do_not_matter(guesses, order):
    x, y = guesses
    fresh = BettingSequence(delta=1e-5, confidence=0.3, n_canaries=4)
    sequence = fresh.update(x, y)
    moved, renamed = fresh.update(x[:, order], y[:, order]), fresh.update(1 - y, 1 - x)
    assert moved.lower == renamed.lower == sequence.lower
    np.testing.assert_allclose(moved.log_wealth, sequence.log_wealth, atol=1e-10)
    np.testing.assert_allclose(renamed.log_wealth, sequence.log_wealth, atol=1e-10)


@PROFILE
@given(st.integers(1, 30).flatmap(lambda n: st.tuples(bits(n, 1), bits(n, 1))))
def test_a_finer_grid_lands_inside_the_coarse_step(guesses):
    """At delta 0 wealth falls with epsilon, so what rejects a coarse value rejects all finer ones below."""
    coarse, fine = np.arange(21) / 4, np.arange(501) / 100
    bounds = [BettingSequence(delta=0.0, confidence=0.5, grid=g).update(*guesses) for g in (coarse, fine)]
    assert bounds[0].lower <= bounds[1].lower < bounds[0].lower + 0.25
    np.testing.assert_allclose(bounds[0].log_wealth, bounds[1].log_wealth[::25], atol=1e-10)
    assert (np.diff(bounds[1].log_wealth) <= 1e-12).all()


@PROFILE
@given(st.integers(0, 10).flatmap(lambda n: st.tuples(bits(n, 2), bits(n, 2))), st.integers(0, 12), st.booleans())
def test_ceiling_is_what_flawless_rounds_reach(guesses, n_more, with_delta):
    fresh = BettingSequence(delta=0.1 if with_delta else 0.0, confidence=0.6, n_canaries=2)
    sequence = fresh.update(*guesses)
    ones, zeros = np.ones((n_more, 2), dtype=np.int64), np.zeros((n_more, 2), dtype=np.int64)
    assert sequence.ceiling_after(sequence.n_rounds + n_more) == sequence.update(ones, zeros).lower
    rng = np.random.default_rng(n_more)
    other = sequence.update(rng.integers(0, 2, ones.shape), rng.integers(0, 2, ones.shape))
    assert other.lower <= sequence.ceiling_after(other.n_rounds) <= fresh.ceiling_after(other.n_rounds)
    assert other.estimate().ceiling == fresh.ceiling_after(other.n_rounds)


def test_ceiling_grows_with_the_log_of_the_rounds_up_to_the_grid():
    fresh = BettingSequence(delta=0.0, confidence=0.95)
    for n in (100, 1000, 1_000_000):
        # the mixture gives away at most a factor 19 of its largest stake, and no stake is above .95
        grow = math.log(n * 0.95)
        assert grow - math.log(math.log(20 * 19)) - 0.1 < fresh.ceiling_after(n) < grow - math.log(math.log(20)) + 0.1
    assert fresh.ceiling_after(10**12) == 20.0
    assert fresh.ceiling_after(0) == 0.0


def test_extremes_are_finite():
    grid = np.concatenate([np.arange(300) / 10, np.linspace(30, 1e4, 100)])
    for delta in (0.0, 1e-5, 0.999):
        sequence = BettingSequence(delta=delta, confidence=0.95, bet=math.nextafter(1.0, 0.0), grid=grid)
        for x, y in itertools.product((0, 1), repeat=2):
            sequence = sequence.update(x, y)
        assert np.isfinite(sequence.log_wealth).all()
        assert sequence.lower == 0.0
    assert 19.0 < BettingSequence(delta=0.0, confidence=0.95, grid=grid).ceiling_after(10**9) < 20.0


@pytest.mark.parametrize("tie", [0, 1])
def test_an_attack_that_always_answers_the_same_shows_nothing(tie):
    guesses = np.full((300, 5), tie)
    sequence = BettingSequence(delta=1e-5, confidence=0.95, n_canaries=5).update(guesses, guesses)
    assert sequence.lower == 0.0 and not sequence.rejects(0.0)
    assert sequence.log_wealth.max() <= 0.0


def test_a_bound_of_zero_is_told_apart_from_a_rejected_zero():
    fresh = BettingSequence(delta=0.0, confidence=0.95, grid=[0.0, 9.0])
    rejected = fresh.update(np.ones((20, 1)), np.zeros((20, 1)))
    assert fresh.lower == rejected.lower == 0.0
    assert (fresh.rejects(0.0), rejected.rejects(0.0), rejected.rejects(0.1)) == (False, True, False)


def test_rejections_stay_and_gaps_stop_the_bound():
    fresh = BettingSequence(delta=0.0, confidence=0.95)
    strong = fresh.update(np.ones((50, 1)), np.zeros((50, 1)))
    spoiled = strong.update(np.zeros((500, 1)), np.ones((500, 1)))
    assert spoiled.log_wealth.max() < 0.0
    assert spoiled.lower == strong.lower > 2.0
    assert spoiled.rejects(strong.lower) and spoiled.rejects(strong.lower / 3)
    assert not spoiled.rejects(strong.lower + 0.001) and not spoiled.rejects(math.inf)


def test_betting_one_way_sees_one_way_only():
    """Only bets on "absent", which is always right here, pass log(2): "present" is right half the time."""
    x, y = np.ones((60, 1), dtype=int), (np.arange(60) % 2)[:, None]
    one_way = BettingSequence(delta=0.0, confidence=0.95, direction="present").update(x, y)
    both = BettingSequence(delta=0.0, confidence=0.95).update(x, y)
    assert one_way.lower <= math.log(2) < both.lower


def test_estimate_says_what_it_is():
    sequence = BettingSequence(delta=1e-5, confidence=0.9, n_canaries=2, neighbouring=Neighbouring.ADD_REMOVE)
    estimate = sequence.update([[1, 0], [1, 1]], [[0, 0], [1, 0]]).estimate()
    assert (estimate.method, estimate.kind, estimate.validity, estimate.upper, estimate.neighbouring) == (
        "betting",
        EstimateKind.LOWER_BOUND,
        Validity.VALID,
        None,
        Neighbouring.ADD_REMOVE,
    )
    assert (estimate.n_in, estimate.n_out, estimate.delta, estimate.confidence) == (2, 2, 1e-5, 0.9)
    assert dict(estimate.diagnostics) == {"n_rounds": 2, "n_canaries": 2, "tp": 3, "fn": 1, "fp": 1, "tn": 3}
    assert sequence.estimate().lower == sequence.estimate().ceiling == 0.0


def test_sequences_cannot_be_written_to():
    sequence = BettingSequence(delta=0.0, confidence=0.95)
    for array in (sequence.grid, sequence._counts, sequence._rejected, sequence.update(1, 0)._counts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        sequence.n_rounds = 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("delta", 1.0),
        ("confidence", 1.0),
        ("n_canaries", 0),
        ("n_canaries", 1.5),
        ("bet", 1.0),
        ("bet", math.nan),
        ("bet", "newton"),
        ("direction", "absent"),
        ("grid", [0.1, 0.2]),
        ("grid", [0.0, 1.0, 1.0]),
        ("grid", [0.0, math.inf]),
        ("grid", [0.0, math.nan]),
        ("grid", []),
        ("grid", [[0.0, 1.0]]),
    ],
)
def test_arguments_out_of_range_are_refused(key, value):
    with pytest.raises(ConfigError, match=key) as caught:
        BettingSequence(**{"delta": 0.0, "confidence": 0.95} | {key: value})
    assert caught.value.key == key


def test_guesses_that_do_not_fit_are_refused():
    one, two = (BettingSequence(delta=0.0, confidence=0.95, n_canaries=n) for n in (1, 2))
    for sequence, x, y in [
        (two, 1, 0),
        (two, [1, 0, 1], [0, 0, 0]),
        (one, [1, 0], [0, 0]),
        (two, [1, 0], [[1, 0]] * 2),
    ]:
        with pytest.raises(ShapeError, match="shape"):
            sequence.update(x, y)
    for value in (0.5, math.nan, 2, -1, "yes", None):
        with pytest.raises(DataError, match="present"):
            one.update(value, 0)
    for epsilon in (-0.1, math.nan):
        with pytest.raises(ConfigError, match="epsilon"):
            one.rejects(epsilon)
    with pytest.raises(ConfigError, match="n_rounds"):
        one.update(1, 0).ceiling_after(0)
