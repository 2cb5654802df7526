import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import ConfigError, DataError
from privaudit.estimators import (
    fit_zipf,
    n_leaked_zipf,
    zipf_divergence,
    zipf_divergence_bound,
    zipf_probabilities,
)

ENTRIES = json.loads((Path(__file__).parent.parent / "reference" / "distribution.json").read_text())["entries"]
PUBLISHED = {
    9: (86, 1.843366),
    10: (133, 1.881514),
    11: (214, 1.929022),
    12: (257, 1.927125),
    13: (253, 1.918591),
    14: (267, 1.914586),
    15: (265, 1.903623),
    16: (263, 1.886148),
    17: (263, 1.876854),
}
LAWS = st.tuples(st.integers(1, 400), st.floats(-3.0, 6.0))


def entries(start):
    found = [entry for entry in ENTRIES if entry["id"].startswith(start)]
    assert found
    return pytest.mark.parametrize("entry", found, ids=[entry["id"] for entry in found])


def accuracy_bound(n, divergence):
    return 0.5 + 0.5 * math.sqrt(-math.expm1(-n * divergence))


@entries("zipf_degree")
def test_reference_values(entry):
    given, expected = entry["inputs"], entry["expected"]
    laws, accuracy = (tuple(given["zipf0"]), tuple(given["zipf1"])), given["omega"]
    for zipf_0, zipf_1 in (laws, laws[::-1]):
        found = {
            "paper_kl_surrogate": zipf_divergence_bound(zipf_0, zipf_1),
            "exact_kl": zipf_divergence(zipf_0, zipf_1),
            "n_leaked_paper": n_leaked_zipf(accuracy, zipf_0, zipf_1),
            "n_leaked_exact_kl": -math.log(4 * accuracy * (1 - accuracy)) / zipf_divergence(zipf_0, zipf_1),
        }
        assert found == pytest.approx(expected, rel=entry["tolerance"])


@entries("zipf_bayes_mc")
def test_the_best_guesser_stays_below_both_bounds(entry):
    """200,000 games: 5 degrees, the likelier law is named. The standard error is .0011, so that a right sampler misses the
    reference by .006 with a chance below 1e-3 (both simulations have that error), and the bounds are 60 errors away."""
    given, expected = entry["inputs"], entry["expected"]
    laws, n, n_games = (tuple(given["zipf0"]), tuple(given["zipf1"])), given["n"], 200_000
    rng = np.random.default_rng(5)
    chances = [zipf_probabilities(law) for law in laws]
    logs = [np.log(np.append(p, np.zeros(max(len(q) for q in chances) - len(p))) + 1e-300) for p in chances]
    n_right = 0
    for world in (0, 1):
        draws = rng.choice(len(chances[world]), size=(n_games // 2, n), p=chances[world])
        evidence = (logs[1][draws] - logs[0][draws]).sum(axis=1)
        n_right += int(((evidence >= 0) == bool(world)).sum())
    by_simulation = n_right / n_games
    assert by_simulation == pytest.approx(expected["bayes_mc"], abs=entry["tolerance"])
    exact, published = (accuracy_bound(n, rate(*laws)) for rate in (zipf_divergence, zipf_divergence_bound))
    assert (exact, published) == pytest.approx((expected["exact_kl_bound"], expected["paper_bound"]), abs=1e-9)
    assert by_simulation < exact < published


@settings(max_examples=200)
@given(zipf_0=LAWS, zipf_1=LAWS)
def test_the_published_bound_is_never_below_the_divergence(zipf_0, zipf_1):
    exact, bound = zipf_divergence(zipf_0, zipf_1), zipf_divergence_bound(zipf_0, zipf_1)
    assert 0.0 <= exact <= bound + 1e-11 * (1.0 + abs(bound))
    assert (exact, bound) == (zipf_divergence(zipf_1, zipf_0), zipf_divergence_bound(zipf_1, zipf_0))


@settings(max_examples=100)
@given(zipf_0=LAWS, zipf_1=LAWS)
def test_the_divergence_is_its_definition(zipf_0, zipf_1):
    shorter, longer = sorted((zipf_0, zipf_1), key=lambda law: law[0])
    p, q = zipf_probabilities(shorter), zipf_probabilities(longer)[: shorter[0]]
    found = float((p * np.log(p / q)).sum())
    if shorter[0] == longer[0]:
        found = min(found, float((q * np.log(q / p)).sum()))
    assert zipf_divergence(zipf_0, zipf_1) == pytest.approx(found, abs=1e-9)


def test_the_published_number_is_not_monotone_in_the_gap_of_degrees():
    """By it degree 12 is easier to tell from 13 than 11 is; by the divergence it is harder, as it has to be."""
    near, far = (n_leaked_zipf(0.9, PUBLISHED[degree], PUBLISHED[13]) for degree in (12, 11))
    assert near < far
    assert zipf_divergence(PUBLISHED[12], PUBLISHED[13]) < zipf_divergence(PUBLISHED[11], PUBLISHED[13])


def test_the_published_fits_do_not_have_the_degrees_they_stand_for():
    means = {degree: float(zipf_probabilities(law) @ np.arange(1, law[0] + 1)) for degree, law in PUBLISHED.items()}
    assert 3.85 < min(means.values()) < max(means.values()) < 4.95
    assert all(mean < 0.5 * degree for degree, mean in means.items())


@settings(max_examples=60)
@given(counts=st.lists(st.integers(0, 30), min_size=2, max_size=12).filter(lambda c: c[-1] > 0 and sum(c[:-1]) > 0))
def test_the_fit_is_the_likeliest(counts):
    degrees = np.repeat(np.arange(1, len(counts) + 1), counts)
    largest, exponent = fit_zipf(np.append(degrees, [0, 0]))
    assert largest == len(counts)

    def log_likelihood(s):
        return float(np.log(zipf_probabilities((largest, s)))[degrees - 1].sum())

    best = log_likelihood(exponent)
    assert all(best >= log_likelihood(exponent + step) - 1e-9 for step in (-0.3, -1e-3, 1e-3, 0.3))


def test_the_fit_finds_the_law_of_many_draws():
    """s = 1.9 has a standard error of .004 at 50,000 draws: .02 is five of them (chance below 1e-6)."""
    draws = np.random.default_rng(0).choice(np.arange(1, 201), size=50_000, p=zipf_probabilities((200, 1.9)))
    assert fit_zipf(draws)[1] == pytest.approx(1.9, abs=0.02)


@pytest.mark.parametrize(
    "degrees", [[], [0, 0], [3, 3, 0], [1.5, 2.0], [-1, 2], [[1, 2]], ["1", "2"], [True, False]], ids=str
)
def test_what_has_no_fit_is_refused(degrees):
    with pytest.raises(DataError):
        fit_zipf(degrees)


def test_nearly_equal_degrees_have_steep_laws_or_are_refused():
    assert fit_zipf([1] * 10**5 + [2])[1] == pytest.approx(math.log2(1e5), abs=1e-3)
    assert fit_zipf([2] * 10**5 + [1])[1] == pytest.approx(-math.log2(1e5), abs=1e-3)


def test_edges():
    law = PUBLISHED[9]
    for accuracy in (0.0, 0.5, 0.9, 1.0):
        assert n_leaked_zipf(accuracy, law, law) == 0.0
    assert n_leaked_zipf(0.4, law, PUBLISHED[13]) == 0.0
    assert n_leaked_zipf(1.0, law, PUBLISHED[13]) == math.inf
    assert zipf_divergence((1, 5.0), (1, 2.0)) == 0.0


@pytest.mark.parametrize(
    "given", [(1.1, (9, 1.0), (8, 1.0)), (0.9, (0, 1.0), (8, 1.0)), (0.9, (9, math.nan), (8, 1.0))]
)
def test_what_is_no_law_or_accuracy_is_refused(given):
    with pytest.raises(ConfigError):
        n_leaked_zipf(*given)
