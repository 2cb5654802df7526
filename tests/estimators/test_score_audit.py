"""Audits of scores: rules of choice, ties, reference values, refusals."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from privaudit.errors import ConfigError, DataError, DegenerateScoresError, ShapeError
from privaudit.estimators import auc, clopper_pearson, fdp_one_run, gaussian_dp, one_run, roc_curve, tpr_at_fpr
from privaudit.estimators.rates import upper_rate
from privaudit.estimators.score_audit import audit_scores
from privaudit.estimators.score_thresholds import best_threshold, counts_at_threshold, epsilon_merit, rank_thresholds
from privaudit.estimators.thresholds import Bonferroni, Explicit, Split, TwoSidedGuesses
from privaudit.types import ConfusionCounts, EstimateKind, Neighbouring

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=40, deadline=None, derandomize=True)
GUESS, COUNT = ("one_run", "fdp_one_run"), ("clopper_pearson", "jeffreys", "katz_log", "gaussian_dp", "posterior")
RULES = (Explicit(0.5), Split(), Bonferroni(5))


def draw(n=300, mu=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(mu, 1, n), rng.normal(0, 1, n)


def normal_scores(inputs):
    n = inputs["n"]
    out = norm.ppf((np.arange(n) + 0.5) / n)
    return out + inputs["mu"], out


def hull_thresholds(scores_in, scores_out):
    """Thresholds at the corners of the concave hull of the ROC curve, (0, 0) and (1, 1) included."""
    scores = np.unique(np.concatenate([scores_in, scores_out]))[::-1]
    fp = np.append(0, len(scores_out) - np.searchsorted(np.sort(scores_out), scores))
    tp = np.append(0, len(scores_in) - np.searchsorted(np.sort(scores_in), scores))
    hull = []
    for point in range(len(fp)):
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (fp[b] - fp[a]) * (tp[point] - tp[a]) - (tp[b] - tp[a]) * (fp[point] - fp[a]) < 0:
                break
            hull.pop()
        hull.append(point)
    return np.append(math.inf, scores)[hull]


@pytest.mark.parametrize("case", CASES["scores_deterministic_normal"])
def test_deterministic_normal_scores(case):
    i, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    scores_in, scores_out = normal_scores(i)
    options = {"delta": i["delta"], "confidence": 1 - i["alpha"]}
    mid = audit_scores(scores_in, scores_out, method="clopper_pearson", threshold=Explicit(i["mu"] / 2), **options)
    assert mid.lower == pytest.approx(expected["cp_explicit_mid"], abs=tolerance)
    # Area and rate are those of the concave hull; the curve itself, which we report, lies below it.
    both, label = np.concatenate([scores_in, scores_out]), np.repeat([1, 0], i["n"])
    curve, hull = roc_curve(both, label), hull_thresholds(scores_in, scores_out)
    fpr = np.array([(scores_out >= threshold).mean() for threshold in hull])
    tpr = np.array([(scores_in >= threshold).mean() for threshold in hull])
    assert np.trapezoid(tpr, fpr) == pytest.approx(expected["auroc"], abs=tolerance)
    assert np.interp(0.01, fpr, tpr) == pytest.approx(expected["tpr_at_1pct"], abs=tolerance)
    assert (np.interp(curve.fpr, fpr, tpr) >= curve.tpr - 1e-12).all()
    assert expected["auroc"] - 0.01 <= auc(both, label) <= expected["auroc"] + 1e-12
    assert tpr_at_fpr(both, label, 0.01, confidence=0.95).value <= expected["tpr_at_1pct"] + 1e-12


@pytest.mark.parametrize("case", CASES["scores_deterministic_normal"])
def test_bonferroni_over_the_hull(case):
    """The other package divides the error by the corners of the hull; with these as grid ours gives its numbers."""
    i, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    scores_in, scores_out = normal_scores(i)
    hull = hull_thresholds(scores_in, scores_out)
    assert len(hull) == expected["hull_size"]
    options = {"delta": i["delta"], "confidence": 1 - i["alpha"]}
    for method, field in (("clopper_pearson", "cp_bonferroni_two_dir"), ("gaussian_dp", "gdp_bonferroni")):
        estimate = audit_scores(scores_in, scores_out, method=method, threshold=Bonferroni(hull), **options)
        assert estimate.lower == pytest.approx(expected[field], abs=tolerance), method
    level = 1 - i["alpha"] / len(hull)
    for bound, field in ((one_run, "one_run_bonferroni"), (fdp_one_run, "one_run_fdp_bonferroni")):
        best = 0.0
        for threshold in hull:
            counts = counts_at_threshold(scores_in, scores_out, float(threshold))
            if counts.tp + counts.fp:
                found = bound(2 * i["n"], counts.tp + counts.fp, counts.tp, delta=i["delta"], confidence=level)
                best = max(best, found.lower)
        assert best == pytest.approx(expected[field], abs=tolerance), bound.__name__


def test_strict_bonferroni_is_below_the_hull():
    scores_in, scores_out = draw(1000)
    hull = hull_thresholds(scores_in, scores_out)
    every = np.concatenate([scores_in, scores_out])
    options = {"method": "clopper_pearson", "delta": 1e-5, "confidence": 0.95}
    loose = audit_scores(scores_in, scores_out, threshold=Bonferroni(hull), **options)
    strict = audit_scores(scores_in, scores_out, threshold=Bonferroni(every), **options)
    assert 0 < strict.lower < loose.lower


@pytest.mark.parametrize("method", GUESS + COUNT)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_every_method_with_every_rule(method, rule):
    rule = Bonferroni((0.1, 0.2, 0.4)) if method in GUESS and isinstance(rule, Bonferroni) else rule
    scores_in, scores_out = draw(mu=2.5)
    relation = Neighbouring.REPLACE_ONE
    estimate = audit_scores(
        scores_in, scores_out, method=method, threshold=rule, delta=1e-5, confidence=0.9, neighbouring=relation
    )
    assert estimate.method == method and estimate.kind is EstimateKind.LOWER_BOUND
    assert 0 < estimate.lower <= estimate.ceiling < math.inf
    assert (estimate.confidence, estimate.neighbouring, estimate.delta) == (0.9, relation, 1e-5)
    used = 600 - estimate.diagnostics.get("n_chosen_on", 0)
    assert estimate.n_in + estimate.n_out == used
    again = audit_scores(
        scores_in, scores_out, method=method, threshold=rule, delta=1e-5, confidence=0.9, neighbouring=relation
    )
    assert again == estimate


@PROFILE
@given(st.sampled_from(GUESS + COUNT), st.integers(0, 10**6), st.booleans())
def test_increasing_transforms_change_nothing(method, seed, is_split):
    rng = np.random.default_rng(seed)
    scores_in, scores_out = np.round(rng.normal(1, 1, 80), 1), np.round(rng.normal(0, 1, 70), 1)
    rule = Split(seed=seed) if is_split else None
    plain = audit_scores(scores_in, scores_out, method=method, threshold=rule, delta=1e-5)
    warped = audit_scores(np.exp(scores_in), np.exp(scores_out), method=method, threshold=rule, delta=1e-5)
    assert warped.lower == plain.lower


@pytest.mark.parametrize("method", GUESS)
def test_the_order_of_rows_has_no_part_in_guesses(method):
    rng = np.random.default_rng(0)
    for scores_in, scores_out in (draw(mu=2.0), (rng.integers(0, 9, 300) + 3.0, rng.integers(0, 9, 280) + 0.0)):
        for rule in (None, Split(seed=3), Bonferroni((0.1, 0.3))):
            first = audit_scores(scores_in, scores_out, method=method, threshold=rule, delta=1e-5)
            turned = (rng.permutation(scores_in), rng.permutation(scores_out))
            assert audit_scores(*turned, method=method, threshold=rule, delta=1e-5) == first


def test_the_defaults_are_what_they_say():
    scores_in, scores_out = draw(1500)
    default = audit_scores(scores_in, scores_out, delta=1e-5)
    assert default == audit_scores(scores_in, scores_out, method="one_run", threshold=TwoSidedGuesses(0.1), delta=1e-5)
    assert default.diagnostics["n_guesses"] == 300 and default.diagnostics["n_canaries"] == 3000
    small = audit_scores(scores_in[:800], scores_out[:800], delta=1e-5)
    assert small.diagnostics["n_guesses"] == 320
    split = audit_scores(scores_in, scores_out, method="clopper_pearson", delta=0.0)
    assert split == audit_scores(scores_in, scores_out, method="clopper_pearson", threshold=Split(0.5), delta=0.0)
    assert (split.n_in, split.n_out, split.diagnostics["n_chosen_on"]) == (750, 750, 1500)


def test_what_certifies_never_sees_what_chooses():
    """Changing the certifying part leaves the threshold alone; changing the choosing part moves it."""
    scores_in, scores_out = draw(400)
    options = {"method": "clopper_pearson", "threshold": Split(0.25), "delta": 0.0}
    first = audit_scores(scores_in, scores_out, **options)
    order = np.random.default_rng([0, 0]).permutation(400)
    kept = order[100:]
    changed = scores_in.copy()
    changed[kept] += 10.0
    second = audit_scores(changed, scores_out, **options)
    assert second.diagnostics["threshold"] == first.diagnostics["threshold"]
    assert second.diagnostics["tp"] == 300 and second.lower > first.lower
    changed = scores_in.copy()
    changed[order[:100]] += 10.0
    assert audit_scores(changed, scores_out, **options).diagnostics["threshold"] != first.diagnostics["threshold"]


def test_bonferroni_pays_for_every_candidate():
    scores_in, scores_out = draw(500, mu=1.5)
    grid = (0.0, 0.7, 1.4)
    options = {"method": "clopper_pearson", "delta": 1e-5, "confidence": 0.95}
    found = audit_scores(scores_in, scores_out, threshold=Bonferroni(grid), **options)
    each = [
        clopper_pearson(counts_at_threshold(scores_in, scores_out, t), delta=1e-5, confidence=1 - 0.05 / 3).lower
        for t in grid
    ]
    assert found.lower == pytest.approx(max(each), abs=1e-12)
    assert found.diagnostics["n_candidates"] == 3 and found.confidence == 0.95
    ranks = audit_scores(scores_in, scores_out, threshold=Bonferroni(20), **options)
    assert Bonferroni(np.int64(20)) == Bonferroni(20)
    assert 15 <= ranks.diagnostics["n_candidates"] <= 20


@pytest.mark.parametrize("probabilities", [(0.2, 0.5, 0.3), (0.02, 0.08, 0.9), (0.9, 0.05, 0.05)])
@pytest.mark.parametrize("tail", [0.025, 0.2])
def test_a_threshold_at_a_fixed_rank_may_be_certified_on_its_own_scores(probabilities, tail):
    """By enumeration of every sample of six scores with ties: each rank's end misses with at most the stated chance."""
    n = 6
    chance_above = np.array([1.0, 1.0 - probabilities[0], probabilities[2]])  # of values 0, 1, 2: P[score >= value]
    miss: dict[int, float] = {}
    for sample in itertools.product(range(3), repeat=n):
        chance, scores = math.prod(probabilities[value] for value in sample), np.array(sample, dtype=float)
        for place, threshold in enumerate(rank_thresholds(scores, 2 * n)):
            end = upper_rate(int((scores >= threshold).sum()), n, tail)
            miss[place] = miss.get(place, 0.0) + chance * (chance_above[int(threshold)] > end)
    assert len(miss) == n and max(miss.values()) <= tail + 1e-12


def test_ranks_depend_on_the_numbers_alone():
    rng = np.random.default_rng(0)
    for n, k in ((1, 1), (1, 50), (7, 3), (1000, 50), (10**5, 20)):
        first, second = rank_thresholds(rng.normal(size=n), k), rank_thresholds(np.zeros(n), k)
        assert len(first) == len(second) <= k and len(first) >= 1


def test_equal_scores_at_a_cut_count_as_wrong_unless_the_median_was_declared():
    rng = np.random.default_rng(0)
    honest = rng.random(1000) < 1 / (1 + math.exp(-3.0))
    world = rng.integers(0, 2, 1000)
    scores = np.where(honest, world, 1 - world).astype(float)
    options = {"delta": 1e-5, "confidence": 0.95}
    plain = audit_scores(scores[world == 1], scores[world == 0], **options)
    assert plain.diagnostics["n_tied"] == 200 and plain.lower > 0.0
    assert "count as wrong" in plain.assumptions[-1]
    median = audit_scores(scores[world == 1], scores[world == 0], threshold=TwoSidedGuesses(ties="median"), **options)
    # Of 3 at least 60 %: a bound of 200 guesses, 190 or so right, at half the error.
    assert plain.lower < 1.8 < median.lower < 3.0 and median.confidence == 0.95
    at_half = one_run(1000, 200, int(median.diagnostics["n_correct"]), delta=1e-5, confidence=0.975)
    assert median.lower == at_half.lower and median.ceiling == at_half.ceiling
    everything = audit_scores(scores[world == 1], scores[world == 0], threshold=Explicit(0.5), **options)
    assert everything.lower > median.lower


def test_nothing_is_read_from_scores_that_are_all_equal():
    for method in GUESS + COUNT:
        for rule in (None, Bonferroni((0.5, 1.0)), Split()):
            estimate = audit_scores(np.ones(50), np.ones(40), method=method, threshold=rule, delta=1e-5)
            if method != "posterior":  # whose lower end is above 0 even without data, as its documentation says
                assert estimate.lower == 0.0, (method, rule)
    ties = TwoSidedGuesses(ties="median")
    assert audit_scores(np.ones(50), np.ones(40), threshold=ties, delta=0.0).lower == 0.0


def test_extremes():
    infinite = audit_scores([math.inf] * 20, [-math.inf] * 20, method="clopper_pearson", delta=0.0)
    assert infinite.lower == infinite.ceiling > 0
    one_each = audit_scores([1.0], [0.0], method="clopper_pearson", threshold=Explicit(0.5), delta=0.0)
    assert one_each.lower == 0.0 == one_each.ceiling
    assert audit_scores([1.0], [0.0], delta=0.0).lower == 0.0
    rng = np.random.default_rng(0)
    large_in, large_out = rng.normal(3, 1, 500_000), rng.normal(0, 1, 500_000)
    for method in ("one_run", "clopper_pearson", "gaussian_dp"):
        estimate = audit_scores(large_in, large_out, method=method, delta=1e-6)
        assert 3 < estimate.lower < estimate.ceiling < math.inf


def test_mistakes_are_named():
    good = draw(20)
    for arguments, options, error, words in (
        (([math.nan, 1.0], [0.0]), {}, DegenerateScoresError, "scores_in"),
        (([], [0.0]), {}, DegenerateScoresError, "scores_in"),
        (([1.0], []), {}, DegenerateScoresError, "scores_out"),
        (([[1.0]], [0.0]), {}, ShapeError, "scores_in"),
        ((["a"], [0.0]), {}, DataError, "scores_in"),
        (good, {"method": "one_rum"}, ConfigError, "one_run"),
        (good, {"delta": 1.0}, ConfigError, "delta"),
        (good, {"confidence": 1.0}, ConfigError, "confidence"),
        (good, {"method": "clopper_pearson", "threshold": TwoSidedGuesses()}, ConfigError, "one_run"),
        (good, {"threshold": Bonferroni((0.5, 1.5))}, ConfigError, "shares"),
        (good, {"method": ["one_run"]}, ConfigError, "one_run"),
        (good, {"threshold": 0.5}, ConfigError, "TwoSidedGuesses"),
        (good, {"method": "jeffreys", "threshold": 0.5}, ConfigError, "Explicit"),
        (([1.0], [0.0, 1.0]), {"method": "clopper_pearson"}, ConfigError, "Explicit"),
        (([1.0], [0.0, 1.0]), {"threshold": Split()}, ConfigError, "TwoSidedGuesses"),
        (good, {"method": "gaussian_dp", "delta": 0.0}, ConfigError, "delta"),
    ):
        with pytest.raises(error, match=words):
            audit_scores(*arguments, **{"delta": 1e-5, **options})
    for make in (
        lambda: Explicit(math.nan),
        lambda: Split(0.0),
        lambda: Split(1.0),
        lambda: Bonferroni(0),
        lambda: Bonferroni(()),
        lambda: Bonferroni(True),
        lambda: Bonferroni("abc"),
        lambda: Split(seed=-1),
        lambda: Bonferroni((0.1, math.nan)),
        lambda: TwoSidedGuesses(0.0),
        lambda: TwoSidedGuesses(1.5),
    ):
        with pytest.raises(ConfigError):
            make()


def test_best_threshold_separates():
    scores_in, scores_out = np.array([3.0, 4.0, 5.0]), np.array([0.0, 1.0, 2.0])
    assert 2.0 < best_threshold(scores_in, scores_out, epsilon_merit(0.0, 0.025)) <= 3.0
    assert counts_at_threshold(scores_in, scores_out, 2.5) == ConfusionCounts(3, 0, 0, 3)


def test_gaussian_dp_takes_the_balanced_threshold():
    scores_in, scores_out = draw(4000, mu=2.0)
    found = audit_scores(scores_in, scores_out, method="gaussian_dp", delta=1e-5)
    assert found.diagnostics["threshold"] == pytest.approx(1.0, abs=0.15)
    counts = ConfusionCounts(*(int(found.diagnostics[cell]) for cell in ("tp", "fn", "fp", "tn")))
    assert found.lower == gaussian_dp(counts, delta=1e-5, confidence=0.95).lower


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("method", "n", "least"),
    [("one_run", 1000, 3.3), ("one_run", 10_000, 4.3), ("gaussian_dp", 1000, 7.6), ("gaussian_dp", 10_000, 9.2)],
)
def test_power_on_the_gaussian_mechanism(method, n, least):
    """mu = 2 (epsilon 10.0 at delta 1e-5), fair coins, canaries in total, mean of 50 audits by the defaults; seeded."""
    rng, bounds = np.random.default_rng(31), []
    for _ in range(50):
        coins = rng.integers(0, 2, n).astype(bool)
        scores = 2.0 * coins + rng.normal(size=n)
        bounds.append(audit_scores(scores[coins], scores[~coins], method=method, delta=1e-5).lower)
    assert np.mean(bounds) >= least
