"""Plans: power against enumeration and simulation, searches against their definition, what no number can show."""

import math
import re
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, norm

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.clopper_pearson_bound import clopper_pearson
from privaudit.estimators.gaussian_dp_bound import gaussian_dp
from privaudit.estimators.gaussian_tradeoff import gaussian_mu
from privaudit.estimators.guesses import default_share, two_sided_guesses
from privaudit.estimators.one_run_bound import one_run
from privaudit.estimators.power import SHADOW_ADVICE, cost_in_minutes, plan_audits
from privaudit.estimators.power_counts import chance_to_exceed
from privaudit.estimators.power_guesses import gaussian_error_rates
from privaudit.estimators.power_many_runs import many_runs_power, trainings_needed
from privaudit.estimators.power_one_run import canaries_needed, one_run_power
from privaudit.estimators.power_plan import least_epsilon, response_error, round_numbers
from privaudit.estimators.power_rejection import exceeds, least_correct
from privaudit.estimators.power_threshold import FPRS, error_rates, threshold_to_fix
from privaudit.types import ConfusionCounts, Validity

PROFILE = settings(max_examples=25, deadline=None, derandomize=True)
USUAL = {"delta": 1e-5, "confidence": 0.95}
one_run_cached = cache(one_run)
BOUNDS = {"clopper_pearson": clopper_pearson, "gaussian_dp": gaussian_dp}
CASES = [("clopper_pearson", "gaussian"), ("clopper_pearson", "randomised_response"), ("gaussian_dp", "gaussian")]


def _error(epsilon, delta):
    return (1 - delta) / (1 + math.exp(epsilon))


def _rates(plan, epsilon):
    """Return the rates of false positives and negatives at the threshold of the plan."""
    if plan.leak == "randomised_response":
        return (_error(epsilon, plan.delta),) * 2
    return plan.fpr, norm.cdf(norm.isf(plan.fpr) - gaussian_mu(epsilon, plan.delta))


def _enumerated(plan, epsilon):
    """Return the power by asking the bound itself about every outcome; it falls with the errors of either kind."""
    n = plan.n_trainings // 2
    bound, ask = BOUNDS[plan.estimator], {"delta": plan.delta, "confidence": plan.confidence}
    fpr, fnr = _rates(plan, epsilon)
    power, most = 0.0, n
    for fp in range(n + 1):
        while most >= 0:
            counts = ConfusionCounts(tp=n - most, fn=most, fp=fp, tn=n - fp)
            if bound(counts, **ask).lower > plan.claim:
                break
            most -= 1
        power += binom.pmf(fp, n, fpr) * binom.cdf(most, n, fnr)
    return power


@pytest.mark.parametrize(("estimator", "leak"), CASES)
@pytest.mark.parametrize(
    ("n", "epsilon", "claim", "delta"),
    [(12, 3.0, 0.0, 1e-5), (25, 6.0, 0.8, 1e-2), (1, 9.0, 0.1, 0.3), (150, 7.0, 1.2, 1e-5)],
)
def test_power_of_many_runs_equals_enumeration(estimator, leak, n, epsilon, claim, delta):
    plan = many_runs_power(n, epsilon=epsilon, claim=claim, delta=delta, confidence=0.9, estimator=estimator, leak=leak)
    assert plan.power == pytest.approx(_enumerated(plan, epsilon), abs=1e-8)


def _bound_in_poor_luck(fpr, n, epsilon, quantile):
    """Return a Clopper-Pearson bound at a threshold where either count is as much above its mean."""
    rates = np.array([fpr, norm.cdf(norm.isf(fpr) - gaussian_mu(epsilon, 1e-5))])
    high = n * rates + quantile / math.sqrt(2) * np.sqrt(n * rates * (1 - rates))
    ends = beta.isf(0.025, np.minimum(high, n) + 1, np.maximum(n - high, 1e-9))
    return math.log(max(1 - 1e-5 - ends[0], 1e-9)) - math.log(ends[1]), math.log(
        max(1 - 1e-5 - ends[1], 1e-9)
    ) - math.log(ends[0])


@pytest.mark.parametrize(("n", "epsilon"), [(500, 6.0), (4200, 5.0), (100_000, 10.0)])
def test_the_threshold_to_fix_is_the_best_of_its_grid_but_for_the_shape_of_poor_luck(n, epsilon):
    ask = {"delta": 1e-5, "confidence": 0.95}
    threshold = threshold_to_fix(n, gaussian_mu(epsilon, 1e-5), wanted_power=0.8, **ask)
    fpr = norm.sf(threshold)
    assert min(abs(FPRS / fpr - 1)) < 1e-12
    found = max(_bound_in_poor_luck(fpr, n, epsilon, norm.ppf(0.8)))
    best = max(max(_bound_in_poor_luck(rate, n, epsilon, norm.ppf(0.8))) for rate in FPRS)
    assert found > 0.98 * best > 0 and found > max(_bound_in_poor_luck(0.3, n, epsilon, norm.ppf(0.8)))
    centre = threshold_to_fix(n, gaussian_mu(epsilon, 1e-5), wanted_power=0.5, **ask)  # no luck: the expected counts
    assert max(_bound_in_poor_luck(norm.sf(centre), n, epsilon, 0.0)) == pytest.approx(
        max(max(_bound_in_poor_luck(rate, n, epsilon, 0.0)) for rate in FPRS), abs=1e-9
    )


@pytest.mark.parametrize(("n", "claim"), [(50, 0.0), (200, 1.0), (1000, 3.0), (5000, 1.0)])
def test_no_threshold_of_the_grid_finds_a_much_smaller_leak(n, claim):
    """Also not the one half-way, where Clopper-Pearson needs an epsilon of 21.7 to exceed 3 with 1,000 per world."""
    plan = many_runs_power(n, epsilon=None, claim=claim, **USUAL)
    rates = [(fpr, norm.cdf(norm.isf(fpr) - gaussian_mu(0.98 * plan.detectable_epsilon, 1e-5))) for fpr in FPRS]
    half_way = norm.sf(gaussian_mu(0.98 * plan.detectable_epsilon, 1e-5) / 2)
    assert max(chance_to_exceed(plan, n, pair) for pair in [*rates, (half_way, half_way)]) < plan.wanted_power


def test_the_threshold_is_fixed_for_what_is_assumed_and_said():
    plan = many_runs_power(4200, epsilon=5.0, claim=2.0, **USUAL)
    assert plan.fpr in FPRS and any(f"fixed beforehand, at an FPR of {plan.fpr:g}" in a for a in plan.assumptions)
    middle = many_runs_power(100, epsilon=5.0, estimator="gaussian_dp", **USUAL)
    assert middle.fpr == pytest.approx(norm.sf(gaussian_mu(5.0, 1e-5) / 2), abs=1e-9)
    assert many_runs_power(100, epsilon=5.0, leak="randomised_response", **USUAL).fpr is None
    assert one_run_power(100, epsilon=5.0, **USUAL).fpr is None
    budget = many_runs_power(100, epsilon=None, **USUAL)
    assert budget.fpr == many_runs_power(100, epsilon=budget.detectable_epsilon, **USUAL).fpr


@pytest.mark.parametrize("delta", [0.0, 1e-5, 2e-3, 0.02], ids=["none", "usual", "m delta near 1", "m delta above 1"])
@pytest.mark.parametrize("claim", [0.0, 0.6])
@pytest.mark.parametrize("share", [None, 0.5, 1.0])
def test_power_of_one_run_equals_enumeration_of_randomised_response(delta, claim, share):
    m, epsilon = 200, 1.4
    plan = one_run_power(
        m, epsilon=epsilon, claim=claim, delta=delta, confidence=0.9, share=share, leak="randomised_response"
    )
    r = plan.n_guesses
    right = np.arange(r + 1)
    shows = np.array([one_run_cached(m, r, int(v), delta=delta, confidence=0.9).lower > claim for v in right])
    expected = binom.pmf(right, r, 1 - _error(epsilon, delta)) @ shows
    assert plan.power == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("delta", [0.0, 1e-5, 0.1])
@pytest.mark.parametrize("epsilon", [0.1, 2.0, 12.0])
def test_randomised_response_has_the_stated_epsilon_and_no_attack_does_better(epsilon, delta):
    wrong = response_error(epsilon, delta)
    assert 1 - wrong - math.exp(epsilon) * wrong == pytest.approx(delta, abs=1e-9)
    if delta:
        assert wrong <= norm.sf(gaussian_mu(epsilon, delta) / 2)


def _simulate(rng, m, each_side, mu, audits):
    """Return how many guesses were right in each simulated audit, by the sorted scores."""
    right = []
    for _ in range(0, audits, 500):
        coins = rng.integers(0, 2, (500, m))
        order = np.argsort(rng.normal(size=(500, m)) + mu * coins, axis=1)
        found = np.take_along_axis(coins, order, axis=1)
        right.append(found[:, m - each_side :].sum(axis=1) + (1 - found[:, :each_side]).sum(axis=1))
    return np.concatenate(right)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("m", "epsilon", "claim", "share"),
    [
        (1000, 3.0, 1.0, None),
        (1000, 10.0, 3.35, None),
        (300, 6.0, 1.28, 0.6),
        (21, 8.0, 0.49, 0.9),
        (300, 60.0, 3.136, 1.0),  # where a plain binomial law with the mean error rate would be wrong by 0.085
    ],
)
def test_power_of_one_run_on_gaussian_scores_is_what_a_simulation_finds(m, epsilon, claim, share):
    """10,000 audits: a right power p fails with probability 2e-6; the band is 0.024 either way."""
    audits = 10_000
    plan = one_run_power(m, epsilon=epsilon, claim=claim, share=share, **USUAL)
    right = _simulate(np.random.default_rng(41), m, plan.n_guesses // 2, gaussian_mu(epsilon, 1e-5), audits)
    found = sum(one_run_cached(m, plan.n_guesses, int(v), **USUAL).lower > claim for v in right)
    assert 0.1 < plan.power < 0.95, "the setting must be able to fail"
    assert binom.ppf(1e-6, audits, plan.power) <= found <= binom.ppf(1 - 1e-6, audits, plan.power)


def test_simulated_guesses_are_those_of_the_estimator():
    rng = np.random.default_rng(3)
    coins = rng.integers(0, 2, 100)
    scores = rng.normal(size=100) + 2 * coins
    guess = two_sided_guesses(scores, 0.2)
    order = np.argsort(scores)
    assert int((guess == 2 * coins - 1).sum()) == coins[order[-10:]].sum() + (1 - coins[order[:10]]).sum()


@pytest.mark.parametrize(("m", "k"), [(2, 1), (3, 1), (10, 5), (1000, 100), (1_000_000, 50_000)])
@pytest.mark.parametrize("mu", [1e-6, 1.0, 150.0])
def test_error_rates_are_a_law(m, k, mu):
    weights, rates = gaussian_error_rates(m, k, mu)
    assert weights.sum() == pytest.approx(1.0) and (rates >= 0.0).all() and (rates <= 1.0).all()
    if mu < 1e-3:
        assert weights @ rates == pytest.approx(0.5, abs=1e-5)
    if mu > 100 and 2 * k == m:  # only an uneven number of members makes guesses wrong: E |members - m/2| / m
        members = np.arange(m + 1)
        assert weights @ rates == pytest.approx(binom.pmf(members, m, 0.5) @ abs(members - m / 2) / m, abs=2e-3)


@pytest.mark.parametrize(("m", "mean"), [(1000, 3.45), (10_000, 4.5)])
def test_typical_bound_of_one_run_at_mu_2(m, mean):
    """mu = 2 is epsilon 10.0 at delta 1e-5; 3.45 and 4.5 are means of simulated audits, to a tenth."""
    assert gaussian_mu(10.0, 1e-5) == pytest.approx(2.0, abs=0.01)
    plan = one_run_power(m, epsilon=10.0, **USUAL)
    assert plan.typical == pytest.approx(mean, abs=0.1) and plan.share == default_share(m)
    assert plan.ceiling == one_run(m, plan.n_guesses, plan.n_guesses, **USUAL).ceiling


def test_many_runs_at_mu_2():
    assert many_runs_power(5000, epsilon=10.0, estimator="gaussian_dp", **USUAL).typical == pytest.approx(9.5, abs=0.1)
    assert many_runs_power(1000, epsilon=None, **USUAL).ceiling == pytest.approx(5.6006, abs=1e-4)


@PROFILE
@given(
    st.integers(20, 5000),
    st.floats(0.0, 1.5),
    st.sampled_from(["one_run", *CASES]),
    st.sampled_from([1e-5, 1e-3]),
    st.floats(0.5, 0.95),
)
def test_detectable_epsilon_is_where_the_power_is_reached(n, claim, case, delta, wanted):
    ask = {"claim": claim, "delta": delta, "confidence": 0.95, "wanted_power": wanted}
    if case == "one_run":
        plan = one_run_power(n, epsilon=None, **ask)
        again = lambda epsilon: one_run_power(n, epsilon=epsilon, **ask).power
    else:
        names = {"estimator": case[0], "leak": case[1]}
        plan = many_runs_power(n, epsilon=None, **names, **ask)
        cut = None if plan.fpr is None else norm.isf(plan.fpr)
        # at the threshold of the plan
        again = lambda epsilon: chance_to_exceed(plan, n, error_rates(plan, epsilon, cut))
    assert plan.power is None and plan.typical is None
    found = plan.detectable_epsilon
    if found is None:
        assert plan.reason and plan.ceiling <= claim
    else:
        assert found > claim and again(found) >= wanted - 1e-7 and again(found - 1e-4 * found) < wanted


@PROFILE
@given(
    st.integers(1, 3000), st.floats(0.0, 4.0), st.sampled_from([0.8, 0.95]), st.sampled_from(["one_run", "many_runs"])
)
def test_a_leak_at_the_claim_is_found_no_more_often_than_the_confidence_allows(n, claim, confidence, game):
    power = one_run_power if game == "one_run" else many_runs_power
    ask = {"delta": 1e-5, "confidence": confidence, "claim": claim, "leak": "randomised_response"}
    assert power(n + 1, epsilon=claim + 1e-7, **ask).power <= 1 - confidence + 1e-5


@pytest.mark.parametrize("leak", ["gaussian", "randomised_response"])
@pytest.mark.parametrize(("epsilon", "claim"), [(3.0, 0.0), (6.0, 1.0)])
def test_no_smaller_number_suffices(leak, epsilon, claim):
    ask = {"epsilon": epsilon, "claim": claim, "leak": leak, "wanted_power": 0.7, **USUAL}
    plan = canaries_needed(**ask)
    assert plan.power >= 0.7 and plan == one_run_power(plan.n_canaries, **ask)
    smaller = [m for m in round_numbers(2) if m < plan.n_canaries]
    assert smaller and max(one_run_power(m, **ask).power for m in smaller) < 0.7
    runs = trainings_needed(**ask)
    half = runs.n_trainings // 2
    before = [n for n in round_numbers(1) if n < half][-1]
    assert runs == many_runs_power(half, **ask) and runs.power >= 0.7 > many_runs_power(before, **ask).power


@pytest.mark.parametrize(
    ("search", "ask", "words"),
    [
        (canaries_needed, {"epsilon": 10.0, "claim": 7.0}, "guesses are wrong"),
        (canaries_needed, {"epsilon": 10.0, "claim": 7.0, "leak": "randomised_response"}, "ceiling"),
        (canaries_needed, {"epsilon": 1e-3, "leak": "randomised_response"}, "too near the claim"),
        (trainings_needed, {"epsilon": 10.0, "claim": 7.0}, "typical bound"),
        (trainings_needed, {"epsilon": 9000.0, "claim": 20.0, "leak": "randomised_response"}, "no number"),
        (trainings_needed, {"epsilon": 1e-3, "claim": 0.0}, "no number"),
    ],
)
def test_where_no_number_suffices_the_plan_says_why(search, ask, words):
    plan = search(**ask, **USUAL)
    assert words in plan.reason
    assert (plan.n_canaries, plan.n_trainings, plan.n_guesses, plan.power, plan.detectable_epsilon) == (None,) * 5


def test_the_delta_term_makes_many_canaries_worse():
    ask = {"epsilon": 9.0, "claim": 5.7, "leak": "randomised_response", **USUAL}
    fewest = canaries_needed(**ask).n_canaries
    assert one_run_power(fewest, **ask).power >= 0.8
    assert one_run_power(1_000_000, **ask).power == 0.0
    assert "ceiling" in one_run_power(1_000_000, **ask).reason


@pytest.mark.parametrize("delta", [0.0, 1e-5, 4e-3, 0.02])
@pytest.mark.parametrize("claim", [0.0, 0.7, 2.5])
def test_the_fewest_right_guesses_are_those_of_the_bound(delta, claim):
    m, r = 150, 60
    above = [v for v in range(r + 1) if one_run_cached(m, r, v, delta=delta, confidence=0.9).lower > claim]
    assert least_correct(m, r, claim, delta, 0.9) == (above[0] if above else None)
    assert [v for v in range(r + 1) if exceeds(m, r, v, claim, delta, 0.9)] == above


@pytest.mark.parametrize("leak", ["gaussian", "randomised_response"])
def test_a_budget_that_is_too_small_says_how_many_would_do(leak):
    ask = {"leak": leak, "epsilon": None, **USUAL}
    few = one_run_power(10, **ask)
    enough = int(re.search(r"; ([\d,]+) canaries are", few.reason)[1])
    assert few.detectable_epsilon is None and one_run_power(enough, **ask).detectable_epsilon is not None
    assert not any(one_run_power(m, **ask).detectable_epsilon for m in range(2, enough))
    runs = many_runs_power(5, claim=3.0, **ask)
    enough = int(re.search(r"; ([\d,]+) trainings are", runs.reason)[1]) // 2
    assert runs.detectable_epsilon is None
    assert many_runs_power(enough, claim=3.0, **ask).detectable_epsilon is not None
    assert many_runs_power(enough - 1, claim=3.0, **ask).ceiling <= 3.0
    assert "no number" in one_run_power(100_000, claim=9.0, **ask).reason


def test_full_share_cannot_find_a_claim_that_unequal_coins_hide():
    plan = one_run_power(1000, epsilon=None, claim=4.5, share=1.0, delta=1e-5, confidence=0.95)
    assert plan.ceiling > 4.5 and plan.detectable_epsilon is None and "lower the share" in plan.reason


def test_extremes_are_finite():
    far = many_runs_power(500_000, epsilon=1e4, claim=5.0, **USUAL)
    assert far.power == pytest.approx(1.0) and far.typical == far.ceiling
    assert one_run_power(2, epsilon=1e4, delta=0.0, confidence=0.5, leak="randomised_response").power == 1.0
    assert one_run_power(2, epsilon=1e4, **USUAL).power == 0.0  # two guesses never reject at 95 %
    assert many_runs_power(1, epsilon=1.0, **USUAL).power == 0.0
    assert many_runs_power(100, epsilon=1e4, claim=9999.0, **USUAL).detectable_epsilon is None
    tiny = many_runs_power(1, epsilon=None, delta=1e-5, confidence=1e-6, wanted_power=1e-3)
    assert tiny.fpr is None or 0.0 < tiny.fpr <= 0.5


def test_plans_say_what_they_rest_on():
    plans = plan_audits(epsilon=4.0, delta=1e-5)
    assert [(p.game, p.estimator, p.leak) for p in plans] == [
        ("one_run", "one_run", "gaussian"),
        ("one_run", "one_run", "randomised_response"),
        ("many_runs", "clopper_pearson", "gaussian"),
        ("many_runs", "gaussian_dp", "gaussian"),
        ("many_runs", "clopper_pearson", "randomised_response"),
    ]
    assert [p.validity for p in plans] == [*[Validity.VALID] * 3, Validity.IN_FAMILY, Validity.VALID]
    for plan in plans:
        assert plan.power >= 0.8 and plan.n_trainings and any(plan.leak in line for line in plan.assumptions)
    assert {p.game for p in plan_audits(n_trainings=100, delta=1e-5)} == {"many_runs"}
    assert {p.n_canaries for p in plan_audits(n_canaries=100, delta=1e-5)} == {100}


@pytest.mark.parametrize(
    ("ask", "key"),
    [
        ({}, "epsilon"),
        ({"epsilon": 1.0, "n_canaries": 10, "n_trainings": 10}, "canaries"),
        ({"n_canaries": 10, "games": ("many_runs",)}, "canaries"),
        ({"n_trainings": 10, "games": ("one_run",)}, "trainings"),
        ({"n_trainings": 11}, "trainings"),
        ({"n_trainings": 0}, "trainings"),
        ({"n_trainings": 2_000_000}, "trainings"),
        ({"n_canaries": 1}, "canaries"),
        ({"n_canaries": 2_000_000}, "canaries"),
        ({"epsilon": 1.0, "claim": 1.0}, "epsilon"),
        ({"epsilon": math.nan}, "epsilon"),
        ({"epsilon": math.inf}, "epsilon"),
        ({"epsilon": 1.0, "claim": -1.0}, "claim"),
        ({"epsilon": 1.0, "claim": math.nan}, "claim"),
        ({"epsilon": 1.0, "share": 0.0}, "share"),
        ({"epsilon": 1.0, "share": 1.1}, "share"),
        ({"epsilon": 1.0, "share": math.nan}, "share"),
        ({"epsilon": 1.0, "share": 0.5, "games": ("many_runs",)}, "share"),
        ({"epsilon": 1.0, "delta": 1.0}, "delta"),
        ({"epsilon": 1.0, "delta": 0.0}, "delta"),
        ({"epsilon": 1.0, "confidence": 1.0}, "confidence"),
        ({"epsilon": 1.0, "wanted_power": 0.0}, "power"),
        ({"epsilon": 1.0, "leaks": ("laplace",)}, "leak"),
    ],
)
def test_questions_without_an_answer_are_refused(ask, key):
    with pytest.raises(ConfigError) as caught:
        plan_audits(**{"delta": 1e-5, **ask})
    assert caught.value.key == key


def test_gaussian_dp_is_not_planned_for_other_mechanisms():
    with pytest.raises(UnsupportedError, match="gaussian_dp"):
        many_runs_power(10, epsilon=1.0, estimator="gaussian_dp", leak="randomised_response", **USUAL)
    with pytest.raises(ConfigError, match="jeffreys"):
        many_runs_power(10, epsilon=1.0, estimator="jeffreys", **USUAL)


def test_searches_and_grid():
    numbers = list(round_numbers(1))
    assert numbers == sorted(set(numbers)) and numbers[-1] == 1_000_000 and numbers[0] == 1
    assert all(n == float(f"{n:.1e}") for n in numbers) and len(numbers) == 9 + 5 * 90 + 1
    assert least_epsilon(lambda epsilon: False) is None
    assert 7.3 <= least_epsilon(lambda epsilon: epsilon >= 7.3) <= 7.3 * (1 + 1e-6)


def test_cost_counts_rounds_of_trainings():
    assert cost_in_minutes(1, minutes_per_training=3.0, workers=8) == 3.0
    assert cost_in_minutes(17, minutes_per_training=3.0, workers=8) == 9.0
    assert [advice.n_trainings for advice in SHADOW_ADVICE] == [8, 16, 64]
    for minutes, workers, key in [
        (0.0, 1, "minutes_per_training"),
        (math.nan, 1, "minutes_per_training"),
        (1.0, 0, "workers"),
    ]:
        with pytest.raises(ConfigError) as caught:
            cost_in_minutes(1, minutes_per_training=minutes, workers=workers)
        assert caught.value.key == key


@pytest.mark.statistical
@pytest.mark.parametrize(("m", "share", "claim"), [(100, 1.0, 2.0), (1000, 0.2, 3.0), (100, 0.97, 2.0)])
def test_power_of_one_run_on_answers_is_what_its_rule_gives(m, share, claim):
    """Named canaries are guessed as each answer says: 4,000 audits; a right plan fails with probability 2e-9 (6 sd)."""
    plan = one_run_power(
        m, epsilon=4.0, delta=1e-5, confidence=0.95, claim=claim, share=share, leak="randomised_response"
    )
    rng, audits = np.random.default_rng(67), 4000
    coins = rng.integers(0, 2, (audits, plan.n_guesses))
    answers = np.where(rng.random(coins.shape) < (1 - 1e-5) / (1 + math.exp(4.0)), 1 - coins, coins)
    right = (answers == coins).sum(axis=1)
    shown = {v: one_run(m, plan.n_guesses, int(v), delta=1e-5, confidence=0.95).lower > claim for v in np.unique(right)}
    found = np.mean([shown[v] for v in right])
    assert abs(found - plan.power) < 6 * math.sqrt(max(plan.power * (1 - plan.power), 1e-4) / audits)
