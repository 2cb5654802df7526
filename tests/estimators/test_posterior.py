"""The posterior epsilon: reference values, an independent integral, exact limits, symmetries, calibration, refusals."""

import json
import math
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import IntegrationWarning, quad
from scipy.special import betainc, betaln, expit
from scipy.stats import beta as beta_law
from scipy.stats import binom

from privaudit.errors import ConfigError, ShapeError
from privaudit.estimators.posterior import EpsilonPosterior
from privaudit.estimators.posterior_integral import tail_and_density
from privaudit.estimators.posterior_quantile import posterior_lower, tail_quantile
from privaudit.estimators.posterior_shortest import shortest_interval
from privaudit.estimators.privacy_region import point_epsilon
from privaudit.types import ConfusionCounts, EstimateKind, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=60, deadline=None, derandomize=True)
COUNT = st.one_of(st.integers(0, 3), st.integers(0, 10**6))
WORLD = st.tuples(COUNT, COUNT).filter(sum)
EPSILON = st.floats(0.0, 20.0)
DELTA = st.sampled_from([0.0, 1e-12, 1e-5, 1e-3, 0.1, 0.5])


def _posterior(tp, fn, fp, tn, delta=1e-5, **options):
    return EpsilonPosterior(ConfusionCounts(tp, fn, fp, tn), delta=delta, **options)


def _row(inputs):
    return np.array([[inputs["FN"], inputs["TP"], inputs["FP"], inputs["TN"]]], dtype=np.float64)


def _of(inputs):
    return _posterior(inputs["TP"], inputs["FN"], inputs["FP"], inputs["TN"], inputs["delta"])


def _tail(counts, delta, epsilon):
    return float(tail_and_density(np.array([counts], dtype=np.float64), delta, np.array([epsilon]))[0][0])


@pytest.mark.parametrize("case", CASES["s1_joint_beta_cdf"])
def test_cdf_matches_reference(case):
    inputs = case["inputs"]
    tail, _ = tail_and_density(_row(inputs), inputs["delta"], np.array([inputs["eps"]]))
    assert 1.0 - tail[0] == pytest.approx(case["expected"], abs=case["tolerance"])
    if _row(inputs).any():
        assert _of(inputs).cdf(inputs["eps"]) == 1.0 - tail[0]


@pytest.mark.parametrize("case", CASES["s1_joint_beta_quantiles"])
def test_quantiles_match_reference(case):
    posterior, q = _of(case["inputs"]), case["inputs"]["q"]
    assert posterior.ppf(np.array(q)) == pytest.approx(case["expected"], abs=case["tolerance"])
    interval, bound = posterior.interval(0.95), posterior.interval(0.95, "lower")
    assert [interval.lower, bound.lower, interval.upper] == pytest.approx(
        [case["expected"][0], case["expected"][1], case["expected"][3]], abs=case["tolerance"]
    )


@pytest.mark.parametrize("case", CASES["s1_joint_beta_pdf"])
def test_pdf_matches_reference(case):
    assert _of(case["inputs"]).pdf(case["inputs"]["eps"]) == pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.parametrize("case", CASES["s1_joint_beta_hpd95"])
def test_shortest_interval_matches_reference(case):
    interval = _of(case["inputs"]).interval(0.95, "hpd")
    assert [interval.lower, interval.upper] == pytest.approx(case["expected"], abs=case["tolerance"])


def test_quantile_without_errors_at_a_million():
    assert _posterior(10**6, 0, 0, 10**6).ppf(0.05) == pytest.approx(14.115880, abs=6e-7)


def _boundary(x, delta, epsilon):
    """The largest y below the privacy region at false negative rate x."""
    return np.maximum(0.0, np.maximum(1 - delta - x * math.exp(epsilon), (1 - delta - x) * math.exp(-epsilon)))


def _independent_tail(counts, delta, epsilon):
    """P[outside the region] by adaptive Gauss-Kronrod over logit(x), slicing by x alone, from one rate's slices."""
    fn, tp, fp, tn = (count + 0.5 for count in counts)

    def integrand(z):
        x, rest = expit(z), expit(-z)
        log_density = fn * math.log(x) + tp * math.log(rest) - betaln(fn, tp)
        below = betainc(fp, tn, _boundary(x, delta, epsilon)) + betainc(tn, fp, _boundary(rest, delta, epsilon))
        return math.exp(log_density) * below

    corner = (1 - delta) * expit(-epsilon)
    marks = [*beta_law.ppf([1e-13, 1e-6, 1e-2, 0.5], fn, tp), *beta_law.isf([1e-13, 1e-6, 1e-2], fn, tp)]
    marks += [corner, 1 - corner, delta, 1 - delta]
    for rate in (*beta_law.ppf([1e-6, 0.5], fp, tn), *beta_law.isf([1e-6], fp, tn)):
        for y in (rate, 1 - rate):
            x = [(1 - delta - y) * math.exp(-epsilon), 1 - delta - y * math.exp(epsilon)]
            marks += [*x, *(1 - value for value in x)]
    z = sorted({math.log(x / (1 - x)) for x in marks if 1e-40 < x < 1 - 1e-15})
    z = [z[0] - 40, *z, z[-1] + 40]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrationWarning)  # rounding at 1e-13 is expected
        return sum(quad(integrand, *pair, epsabs=1e-13, epsrel=1e-11, limit=100)[0] for pair in pairwise(z))


def _random_split(rng, n):
    kind = rng.integers(3)
    part = [0, min(n, int(rng.integers(4))), int(rng.binomial(n, rng.beta(0.4, 0.4)))][kind]
    return (part, n - part) if rng.random() < 0.5 else (n - part, part)


@pytest.mark.parametrize("seed", range(40))
def test_tail_agrees_with_an_independent_integral(seed):
    rng = np.random.default_rng(seed)
    n_in, n_out = (int(10 ** rng.uniform(0, 4.5)) for _ in range(2))
    counts = (*_random_split(rng, n_in), *_random_split(rng, n_out))
    delta = float(rng.choice([0.0, 1e-9, 1e-5, 1e-3, 0.1, 0.6]))
    middle = tail_quantile(np.array([counts], dtype=float), delta, np.array([rng.uniform(0.02, 0.98)]))[0]
    for epsilon in (0.0, float(middle), float(rng.uniform(0.0, 8.0))):
        assert _tail(counts, delta, epsilon) == pytest.approx(_independent_tail(counts, delta, epsilon), abs=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize("counts", [(10, 10, 10, 10), (923, 76, 19, 982), (0, 487, 512, 1), (0, 0, 0, 0), (2, 3, 1, 0)])
def test_dirichlet_draws_follow_the_law(counts):
    """The joint Dirichlet model of the four cells gives the same law; a right one fails with probability 1e-8."""
    cells = np.random.default_rng(31).dirichlet(np.array(counts) + 0.5, 100_000)
    fnr, fpr = cells[:, 0] / cells[:, :2].sum(axis=1), cells[:, 2] / cells[:, 2:].sum(axis=1)
    low, high = np.minimum(fnr, fpr), np.maximum(fnr, fpr)
    flipped = fnr + fpr > 1
    low, high = np.where(flipped, 1 - high, low), np.where(flipped, 1 - low, high)
    with np.errstate(divide="ignore"):
        epsilon = np.log(np.maximum(1 - 0.01 - high, low) / low)
    for value in (0.0, 0.3, 1.0, 2.0, 4.0):
        tail = _tail(counts, 0.01, value)
        assert binom.ppf(1e-9, 100_000, tail) <= (epsilon > value).sum() <= binom.isf(1e-9, 100_000, tail)


def test_tail_without_errors_has_the_exact_constant():
    """For fn = 0 and delta = 0 the tail is e^(-epsilon/2) E[sqrt(1 - Y)] 2 / B(1/2, tp + 1/2), and so for each zero."""
    tp, fp, tn = 40, 7, 90
    log_mean = betaln(fp + 0.5, tn + 1.0) - betaln(fp + 0.5, tn + 0.5)
    for epsilon in (60.0, 700.0, 1000.0, 1300.0):
        expected = math.log(2.0) - betaln(0.5, tp + 0.5) + log_mean - epsilon / 2
        assert math.log(_posterior(tp, 0, fp, tn, 0.0).sf(epsilon)) == pytest.approx(expected, abs=1e-9)
        assert math.log(_posterior(tp, 0, fp, tn, 0.0).pdf(epsilon)) == pytest.approx(expected - math.log(2), abs=1e-9)


@PROFILE
@given(WORLD, WORLD, DELTA, EPSILON)
def test_symmetries(world_in, world_out, delta, epsilon):
    (tp, fn), (tn, fp) = world_in, world_out
    value = _posterior(tp, fn, fp, tn, delta)
    swapped = _posterior(tn, fp, fn, tp, delta)
    flipped = _posterior(fn, tp, tn, fp, delta)
    for other in (swapped, flipped):
        assert other.sf(epsilon) == pytest.approx(value.sf(epsilon), rel=1e-12)
        assert other.pdf(epsilon) == pytest.approx(value.pdf(epsilon), rel=1e-12)


@PROFILE
@given(WORLD, WORLD, EPSILON, st.floats(0.0, 2.0), DELTA, DELTA)
def test_tail_falls_in_epsilon_and_in_delta(world_in, world_out, epsilon, step, delta, other):
    counts = (*world_in, *world_out)
    first, second = sorted((delta, other))
    assert _tail(counts, second, epsilon) <= _tail(counts, first, epsilon) + 1e-9
    assert _tail(counts, delta, epsilon + step) <= _tail(counts, delta, epsilon) + 1e-9


@PROFILE
@given(WORLD, WORLD, DELTA, st.floats(1e-4, 1 - 1e-6))
def test_quantile_inverts_the_cdf(world_in, world_out, delta, q):
    posterior = _posterior(*world_in, *world_out, delta)
    epsilon = posterior.ppf(q)
    if q <= posterior.cdf(0.0):
        assert epsilon == 0.0
    else:
        assert posterior.cdf(epsilon) == pytest.approx(q, abs=1e-9)
        assert posterior.sf(epsilon) == pytest.approx(1 - q, rel=1e-6)


@pytest.mark.parametrize(
    ("counts", "delta"),
    [((10, 10, 10, 10), 0.05), ((76, 923, 19, 982), 1e-5), ((1000, 0, 0, 1000), 1e-5), ((1, 0, 0, 1), 0.0)],
)
def test_density_integrates_to_the_cdf(counts, delta):
    posterior = _posterior(*counts, delta)
    ends = posterior.ppf(np.array([0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999]))
    mass = [quad(posterior.pdf, *pair, epsabs=1e-11, limit=200)[0] for pair in pairwise(ends) if pair[0] < pair[1]]
    assert sum(mass) == pytest.approx(0.999 - posterior.cdf(0.0), abs=2e-9)


def test_one_sided_end_is_the_two_sided_one_at_twice_the_error():
    posterior = _posterior(200, 12, 58, 200)
    assert posterior.interval(0.95, "lower").lower == pytest.approx(posterior.interval(0.9).lower, abs=1e-12)
    assert posterior.interval(0.95, "upper").upper == pytest.approx(posterior.interval(0.9).upper, abs=1e-12)


def _brute_shortest(counts, delta, confidence):
    below = np.append(0.0, np.linspace(0.0, 1.0 - confidence, 800, endpoint=False)[1:])
    tails = np.concatenate([1.0 - below, 1.0 - confidence - below])
    low, high = tail_quantile(np.tile(counts, (len(tails), 1)), delta, tails).reshape(2, -1)
    return (high - low).min()


@pytest.mark.parametrize("confidence", [0.5, 0.95])
@pytest.mark.parametrize(
    ("counts", "delta"),
    [
        ((2.0, 12.0, 50.0, 50_000.0), 1e-5),  # two peaks: a sharp rate against a vague one
        ((2.0, 2.0, 828.0, 93_777.0), 0.0),
        ((10.0, 10.0, 10.0, 10.0), 0.2),  # an atom at 0
        ((1.0, 8.0, 2.0, 9.0), 0.02),
        ((0.0, 1.0, 0.0, 1.0), 0.0),
    ],
)
def test_shortest_interval_is_shortest(counts, delta, confidence):
    low, high = shortest_interval(np.array(counts), delta, confidence)
    assert high - low <= _brute_shortest(counts, delta, confidence) + 1e-6
    held = (1.0 if low == 0.0 else _tail(counts, delta, low)) - _tail(counts, delta, high)
    assert held >= confidence - 1e-9


@settings(PROFILE, max_examples=25)
@given(WORLD, WORLD, DELTA, st.sampled_from([0.5, 0.9, 0.99]))
def test_shortest_interval_is_never_longer(world_in, world_out, delta, confidence):
    posterior = _posterior(*world_in, *world_out, delta)
    shortest, equal = posterior.interval(confidence, "hpd"), posterior.interval(confidence)
    assert shortest.upper - shortest.lower <= (equal.upper - equal.lower) * (1 + 1e-6) + 1e-7


def test_estimate_carries_what_it_takes_to_read_it():
    posterior = _posterior(50, 450, 20, 480, neighbouring=Neighbouring.ADD_REMOVE)
    lower, upper, equal = (posterior.interval(0.95, kind) for kind in ("lower", "upper", "equal_tailed"))
    assert (lower.method, lower.kind, lower.validity) == ("posterior", EstimateKind.LOWER_BOUND, Validity.CREDIBLE)
    assert (equal.kind, equal.neighbouring, equal.n_in, equal.n_out) == (EstimateKind.INTERVAL, "add_remove", 500, 500)
    assert lower.upper is None and upper.lower == 0.0 and 0.0 < equal.lower < lower.lower < upper.upper < equal.upper
    assert dict(equal.diagnostics) == {"tp": 50, "fn": 450, "fp": 20, "tn": 480}
    assert any("mechanism" in line for line in equal.assumptions) and any("prior" in line for line in equal.assumptions)
    flawless = _posterior(500, 0, 0, 500)
    for estimate, kind in ((lower, "lower"), (equal, "equal_tailed")):
        assert estimate.ceiling == flawless.interval(0.95, kind).lower > estimate.lower
    assert upper.ceiling == pytest.approx(flawless.ppf(0.95), abs=1e-6)


@pytest.mark.parametrize("kind", ["equal_tailed", "hpd", "lower", "upper"])
def test_ends_are_rounded_outwards(kind):
    posterior = _posterior(200, 12, 58, 200)
    estimate = posterior.interval(0.95, kind)
    held = posterior.sf(estimate.lower) - (0.0 if estimate.upper is None else posterior.sf(estimate.upper))
    assert 0.95 < held < 0.95 + 1e-6


@pytest.mark.parametrize("delta", [0.0, 1e-300, 1e-5, 0.999999])
@pytest.mark.parametrize(
    "counts",
    [(1, 0, 0, 1), (0, 1, 0, 1), (1, 0, 1, 0), (10**6, 0, 0, 10**6), (1, 0, 10**6, 0), (10**6,) * 4, (1, 10**6, 3, 5)],
)
def test_extremes_are_finite_and_right(counts, delta):
    posterior = _posterior(*counts, delta)
    epsilon = np.array([0.0, 1e-300, 1e-9, 1.0, 30.0, 700.0, 800.0, 1e4, 1e308, math.inf])
    tail, density = posterior.sf(epsilon), posterior.pdf(epsilon)
    assert np.isfinite(tail).all() and np.isfinite(density).all() and (density >= 0.0).all()
    assert (np.diff(tail) <= 1e-9).all() and tail[-1] == 0.0 and (posterior.cdf(epsilon) == 1.0 - tail).all()
    assert posterior.ppf(0.0) == 0.0 and posterior.ppf(1.0) == math.inf
    assert (posterior.cdf(-1.0), posterior.sf(-1.0), posterior.pdf(-1.0)) == (0.0, 1.0, 0.0)
    ends = posterior.ppf(np.array([1e-6, 0.05, 0.5, 0.95, 1 - 1e-15]))
    assert np.isfinite(ends).all() and (np.diff(ends) >= 0.0).all()
    for kind in ("equal_tailed", "hpd", "lower", "upper"):
        estimate = posterior.interval(0.99, kind)
        assert 0.0 <= estimate.lower <= estimate.ceiling + 1e-6 or kind == "hpd"


def test_atom_at_zero():
    posterior = _posterior(10, 10, 10, 10, 0.3)
    atom = posterior.cdf(0.0)
    assert 0.5 < atom < 1.0
    assert posterior.ppf(atom - 1e-6) == 0.0 < posterior.ppf(atom + 1e-6)
    assert posterior.interval(0.95, "hpd").lower == 0.0
    assert _posterior(10, 10, 10, 10, 0.0).cdf(0.0) == pytest.approx(0.0, abs=1e-12)


def test_arrays_keep_their_shape_and_numbers_are_floats():
    posterior = _posterior(50, 450, 20, 480)
    values = np.array([[0.1, 0.5], [1.0, 2.0]])
    assert posterior.cdf(values).shape == (2, 2) and posterior.cdf(values)[1, 0] == posterior.cdf(1.0)
    assert all(type(function(0.5)) is float for function in (posterior.cdf, posterior.sf, posterior.pdf, posterior.ppf))


def test_exceedance_stands_beside_its_value_without_data():
    answer = _posterior(200, 12, 58, 200).prob_exceeds(2.0)
    assert answer.is_informative and answer.probability == _posterior(200, 12, 58, 200).sf(2.0)
    prior = next(
        case for case in CASES["s1_joint_beta_cdf"] if case["inputs"]["eps"] == 2.0 and not _row(case["inputs"]).any()
    )
    assert answer.without_data == pytest.approx(1 - prior["expected"], abs=1e-6)
    assert f"{answer.probability:.3g}" in answer.text and f"{answer.without_data:.3g}" in answer.text
    sure = _posterior(10**5, 0, 0, 10**5).prob_exceeds(1.0)
    assert "above 0.999" in sure.text


@pytest.mark.parametrize("counts", [(487, 0, 512, 1), (10, 10, 10, 10), (1, 0, 0, 1)])
def test_exceedance_says_when_the_counts_hold_no_information(counts):
    answer = _posterior(*counts).prob_exceeds(0.1)
    assert not answer.is_informative and answer.probability is None
    assert answer.text.startswith("no information") and f"{answer.without_data:.3g}" in answer.text


def _random_sets(rng, n_sets, largest):
    n = np.maximum((largest ** rng.uniform(0, 1, (n_sets, 2))).astype(int), 1)
    fn, fp = rng.binomial(n[:, 0], rng.beta(0.4, 0.6, n_sets)), rng.binomial(n[:, 1], rng.beta(0.4, 0.6, n_sets))
    fn, fp = np.where(rng.random(n_sets) < 0.2, 0, fn), np.where(rng.random(n_sets) < 0.2, 0, fp)
    return np.stack([n[:, 0] - fn, fn, fp, n[:, 1] - fp], axis=1)


@pytest.mark.parametrize("delta", [0.0, 1e-5])
def test_many_lower_ends_agree_with_single_ones(delta):
    sets = _random_sets(np.random.default_rng(5), 150, 1e5)
    ends = posterior_lower(sets, delta=delta, confidence=0.95)
    single = [_posterior(*map(int, counts), delta).interval(0.95, "lower").lower for counts in sets]
    assert ends == pytest.approx(single, abs=1e-8)
    tails = tail_and_density(sets[:, [1, 0, 2, 3]].astype(float), delta, ends)[0]
    assert (np.abs(tails - 0.95)[ends > 0] < 1e-6).all()


@pytest.mark.statistical
@pytest.mark.parametrize("n", [3, 100])
def test_credible_ends_are_calibrated_under_the_prior(n):
    """Rates drawn from the prior, counts from the rates: the misses are exactly 5 %. A right end fails in 2e-6."""
    rng, audits = np.random.default_rng(41), 4000
    fnr, fpr = rng.beta(0.5, 0.5, (2, audits))
    fn, fp = rng.binomial(n, fnr), rng.binomial(n, fpr)
    truth = np.array([point_epsilon(y, x, 0.0) for x, y in zip(fnr, fpr, strict=True)])
    ends = posterior_lower(np.stack([n - fn, fn, fp, n - fp], axis=1), delta=0.0, confidence=0.95)
    assert binom.ppf(1e-6, audits, 0.05) <= (ends > truth).sum() <= binom.ppf(1 - 1e-6, audits, 0.05)


@pytest.mark.statistical
@pytest.mark.parametrize(("epsilon", "n", "least"), [(1.0, 1000, 0.08), (4.0, 100, 0.2)])
def test_credible_end_is_no_confidence_bound_on_randomized_response(epsilon, n, least):
    """What the docs warn of: more misses than the stated 5 %. Seeded, so it cannot fail by chance."""
    wrong = np.random.default_rng(43).binomial(n, expit(-epsilon), (2, 2000))
    sets = np.stack([n - wrong[0], *wrong, n - wrong[1]], axis=1)
    assert (posterior_lower(sets, delta=0.0, confidence=0.95) > epsilon).mean() > least


def test_no_sets_give_no_ends():
    assert posterior_lower(np.zeros((0, 4), dtype=int), delta=0.0, confidence=0.9).shape == (0,)


@pytest.mark.parametrize(
    ("counts", "error"),
    [
        ([1, 2, 3, 4], ShapeError),
        (np.ones((2, 3)), ShapeError),
        ([[1, 1, 1, -1]], ConfigError),
        ([[1, 1, 1, 0.5]], ConfigError),
        ([[1, 1, 1, math.nan]], ConfigError),
        ([[0, 0, 1, 1]], ConfigError),
        ([[1, 1, 0, 0]], ConfigError),
        ([["a", "b", "c", "d"]], ConfigError),
    ],
)
def test_illegal_sets_are_refused(counts, error):
    with pytest.raises(error):
        posterior_lower(counts, delta=0.0, confidence=0.9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: _posterior(1, 1, 1, 1, 1.0),
        lambda: _posterior(1, 1, 1, 1, math.nan),
        lambda: _posterior(1, 1, 1, 1).interval(1.0),
        lambda: _posterior(1, 1, 1, 1).interval(1.0 - 1e-12),
        lambda: _posterior(1, 1, 1, 1).interval(0.9, "shortest"),
        lambda: _posterior(1, 1, 1, 1).ppf(1.5),
        lambda: _posterior(1, 1, 1, 1).ppf(math.nan),
        lambda: _posterior(1, 1, 1, 1).cdf(math.nan),
        lambda: _posterior(1, 1, 1, 1).prob_exceeds(-1.0),
        lambda: _posterior(1, 1, 1, 1).prob_exceeds(math.nan),
        lambda: posterior_lower([[1, 1, 1, 1]], delta=-1.0, confidence=0.9),
        lambda: posterior_lower([[1, 1, 1, 1]], delta=0.0, confidence=1.0 - 1e-12),
    ],
)
def test_illegal_arguments_are_refused(call):
    with pytest.raises(ConfigError):
        call()
