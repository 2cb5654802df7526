import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.errors import ConfigError
from privaudit.estimators import bayes_accuracy, n_leaked, n_leaked_interval, n_leaked_metrics
from privaudit.estimators.n_leaked_guesser import bayes_error, bernoulli_divergence
from privaudit.types import Metric

ENTRIES = json.loads((Path(__file__).parent.parent / "reference" / "distribution.json").read_text())["entries"]
METHODS = ("paper", "kl", "exact")
RATIOS = st.sampled_from([0.0, 1.0]) | st.floats(1e-9, 1 - 1e-9)  # scipy's own pmf overflows at tiny ones


def entries(start):
    found = [entry for entry in ENTRIES if entry["id"].startswith(start)]
    assert found
    return pytest.mark.parametrize("entry", found, ids=[entry["id"] for entry in found])


def by_sum(n, ratio_0, ratio_1):
    """The best guesser's accuracy as the sum over all counts."""
    counts = np.arange(n + 1)
    return 0.5 + 0.25 * np.abs(binom.pmf(counts, n, ratio_0) - binom.pmf(counts, n, ratio_1)).sum()


@entries("nleaked_ratio")
def test_the_closed_form(entry):
    given = entry["inputs"]
    assert n_leaked(given["omega"], given["alpha0"], given["alpha1"]) == pytest.approx(entry["expected"], rel=1e-9)
    assert n_leaked(given["omega"], given["alpha1"], given["alpha0"]) == pytest.approx(entry["expected"], rel=1e-9)


@entries("nleaked_three_versions")
def test_all_three_versions(entry):
    given, expected = entry["inputs"], entry["expected"]
    found = [n_leaked(given["omega"], given["alpha0"], given["alpha1"], method) for method in METHODS]
    assert found[:2] == pytest.approx([expected["paper"], expected["exact_kl"]], rel=1e-9)
    assert found[2] == expected["exact_integer"]


@entries("bayes_accuracy")
def test_the_best_guesser_and_its_bounds(entry):
    given, expected = entry["inputs"], entry["expected"]
    names = {"exact": "exact_binomial", "paper": "paper_bound", "kl": "exact_kl_bound"}
    for method, name in names.items():
        found = bayes_accuracy(given["n"], given["alpha0"], given["alpha1"], method)
        assert found == pytest.approx(expected[name], abs=1e-9)


def test_all_pairs_perfect_is_the_published_cell_only_where_one_clips():
    """Ten pairs at .99998 have the mean 25.90 and median 20.07 that a published table shows; unclipped all are infinite."""
    others = [ratio / 10 for ratio in range(11) if ratio != 5]
    clipped = [n_leaked(0.99998, 0.5, ratio) for ratio in others]
    assert np.mean(clipped) == pytest.approx(25.90, abs=0.005)
    assert np.median(clipped) == pytest.approx(20.07, abs=0.005)
    assert {n_leaked(1.0, 0.5, ratio, method) for ratio in others for method in METHODS} == {math.inf}


@settings(max_examples=150)
@given(n=st.integers(1, 300), ratio_0=RATIOS, ratio_1=RATIOS)
def test_two_tails_are_the_sum_over_all_counts(n, ratio_0, ratio_1):
    assert bayes_accuracy(n, ratio_0, ratio_1) == pytest.approx(by_sum(n, ratio_0, ratio_1), abs=1e-10)


@settings(max_examples=60)
@given(accuracy=st.floats(0.51, 0.999), ratio_0=RATIOS, gap=st.floats(0.02, 0.9))
def test_the_exact_number_is_the_smallest_and_the_others_are_below_it(accuracy, ratio_0, gap):
    ratio_1 = ratio_0 + gap if ratio_0 + gap <= 1 else abs(ratio_0 - gap)
    if not 0.01 < abs(ratio_0 - ratio_1) < 1:
        return
    paper, kl, exact = (n_leaked(accuracy, ratio_0, ratio_1, method) for method in METHODS)
    assert 0 < paper <= kl * (1 + 1e-12)
    assert kl <= exact
    assert exact == round(exact)
    assert by_sum(int(exact), ratio_0, ratio_1) >= accuracy - 1e-9
    if exact > 1:
        assert by_sum(int(exact) - 1, ratio_0, ratio_1) < accuracy + 1e-9


@pytest.mark.parametrize("method", ["paper", "kl"])
def test_bounds_are_inverted_exactly(method):
    for accuracy in (0.5001, 0.6, 0.75, 0.76, 0.9, 0.9999999):
        for ratios in ((0.5, 0.4), (0.0, 0.5), (0.9, 1.0), (0.3, 0.30001)):
            n = n_leaked(accuracy, *ratios, method)
            assert bayes_accuracy(n, *ratios, method) == pytest.approx(accuracy, abs=1e-12)


def test_an_accuracy_that_is_met_exactly_needs_no_further_draw():
    """One draw of .5 or .2 gives .65, which floating point has as .6499999999999999."""
    assert n_leaked(0.65, 0.5, 0.2, "exact") == 1
    assert n_leaked(0.6, 0.6, 0.4, "exact") == 1
    assert n_leaked(0.6001, 0.6, 0.4, "exact") == 3  # a second draw adds nothing to these
    assert n_leaked(0.6280750663, 0.5, 0.4, "exact") == 10
    assert n_leaked(0.75, 0.5, 0.0, "exact") == 1


@pytest.mark.parametrize("method", METHODS)
def test_edges(method):
    for accuracy in (0.0, 0.5, 0.9, 1.0):
        for ratio in (0.0, 0.3, 1.0):
            assert n_leaked(accuracy, ratio, ratio, method) == 0.0
    assert n_leaked(0.5, 0.5, 0.2, method) == n_leaked(0.1, 0.5, 0.2, method) == n_leaked(0.5, 0.0, 1.0, method) == 0.0
    assert n_leaked(1.0, 0.5, 0.2, method) == n_leaked(1.0, 0.5, 1.0, method) == math.inf
    assert n_leaked(math.nextafter(1.0, 0.0), 0.5, 0.2, method) < 1000
    assert bayes_accuracy(0, 0.5, 0.2, method) == bayes_accuracy(7, 0.3, 0.3, method) == 0.5


def test_tiny_ratios_lose_nothing():
    for tiny in (5e-324, 1e-300, 1e-17):
        assert [bayes_accuracy(4, 0.0, tiny), bayes_accuracy(4, tiny, tiny * 10)] == pytest.approx([0.5, 0.5])
        assert bayes_accuracy(4, tiny, 0.5) == pytest.approx(1 - 0.5 * 0.5**4)
        assert n_leaked(0.9, tiny, 0.5, "exact") == n_leaked(0.9, 0.0, 0.5, "exact") == 3
        assert n_leaked(0.9, tiny, 0.5, "kl") == pytest.approx(n_leaked(0.9, 0.0, 0.5, "kl"))


def test_worlds_that_share_no_record():
    assert [n_leaked(0.9, 0.0, 1.0, method) for method in METHODS] == [math.inf, 0.0, 1.0]
    assert n_leaked(1.0, 1.0, 0.0, "exact") == 1.0
    assert bayes_accuracy(1, 0.0, 1.0) == bayes_accuracy(1, 0.0, 1.0, "kl") == 1.0


def test_near_ratios_and_many_draws():
    """The exact number goes as (z (s0 + s1) / gap)^2, the divergence as gap^2 / (2 p (1 - p)): nothing cancels."""
    for gap in (1e-3, 1e-5, 1e-7, 1e-9):
        ratio = 0.3 + gap
        gap = ratio - 0.3
        assert bernoulli_divergence(0.3, ratio) == pytest.approx(gap**2 / (2 * 0.3 * 0.7), rel=3 * gap)
        exact = n_leaked(0.9, 0.3, ratio, "exact")
        assert exact * gap**2 == pytest.approx(4 * 1.2815515655446004**2 * 0.21, rel=5e-3 if gap > 1e-4 else 1e-4)
    for n in (10**5, 10**6):
        assert bayes_error(n, 0.3, 0.3 + 2 / math.sqrt(n)) == pytest.approx(
            1 - by_sum(n, 0.3, 0.3 + 2 / math.sqrt(n)), abs=1e-7
        )


@settings(max_examples=60)
@given(p=st.floats(0, 1), q=st.floats(1e-6, 1 - 1e-6))
def test_the_divergence_is_its_definition(p, q):
    terms = [a * math.log(a / b) if a else 0.0 for a, b in ((p, q), (1 - p, 1 - q))]
    assert bernoulli_divergence(p, q) == pytest.approx(sum(terms), abs=1e-12)
    assert bernoulli_divergence(p, q) >= 0


def test_it_grows_with_the_accuracy():
    for method in METHODS:
        found = [n_leaked(accuracy, 0.5, 0.3, method) for accuracy in np.linspace(0.4, 1.0, 61)]
        assert found == sorted(found)


@pytest.mark.parametrize(
    "given",
    [
        (0.9, 13.0, 9.0),  # degrees are no ratios
        (0.9, -0.1, 0.5),
        (0.9, math.nan, 0.5),
        (math.nan, 0.5, 0.2),
        (1.2, 0.5, 0.2),
        (90, 0.5, 0.2),
        (0.9, 0.5, 0.2, "best"),
    ],
)
def test_what_is_no_ratio_or_accuracy_is_refused(given):
    with pytest.raises(ConfigError):
        n_leaked(*given)


@pytest.mark.parametrize("n", [-1, 0.5, math.nan, math.inf])
def test_what_is_no_number_of_draws_is_refused(n):
    with pytest.raises(ConfigError):
        bayes_accuracy(n, 0.5, 0.2)
    with pytest.raises(ConfigError):
        n_leaked_interval(0.9, 0.8, 0.5, 0.2)


def test_metrics_take_the_accuracys_interval_and_never_clip():
    accuracy = Metric(name="accuracy", value=1.0, lower=0.97, upper=1.0, confidence=0.95, rule="fresh victims")
    found = n_leaked_metrics(accuracy, 0.5, 0.2)
    assert [metric.name for metric in found] == ["n_leaked_paper", "n_leaked_kl", "n_leaked_exact"]
    for metric, method in zip(found, METHODS, strict=True):
        assert (metric.value, metric.upper, metric.confidence) == (math.inf, math.inf, 0.95)
        assert metric.lower == n_leaked(0.97, 0.5, 0.2, method)
        assert "fresh victims" in metric.rule
    bare = n_leaked_metrics(Metric(name="accuracy", value=0.9), 0.5, 0.2)
    assert [(metric.lower, metric.upper) for metric in bare] == [(None, None)] * 3
