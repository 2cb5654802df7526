"""Batch sizes against the claimed Poisson sampling: level, power, and what is refused."""

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.errors import ConfigError, DataError
from privaudit.estimators import sampling_probe


def probe(sizes, *, n=500, q=0.1, confidence=0.95):
    return sampling_probe(sizes, n_records=n, sample_rate=q, confidence=confidence)


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "q", "steps"), [(500, 0.1, 30), (20, 0.5, 10), (3, 0.3, 200), (60_000, 0.004, 100)])
def test_poisson_samples_are_refuted_in_at_most_five_percent(n, q, steps):
    # a correct test of level .05 has more refutations with probability 1e-6
    rng = np.random.default_rng(n)
    refuted = sum(probe(rng.binomial(n, q, steps), n=n, q=q).is_refuted for _ in range(400))
    assert refuted <= binom.ppf(1 - 1e-6, 400, 0.05)


@pytest.mark.statistical
def test_each_of_its_tests_keeps_its_level():
    rng = np.random.default_rng(1)
    found = [probe(rng.binomial(50, 0.2, 12), n=50, q=0.2) for _ in range(2000)]
    for name in ("p_value_rate", "p_value_evenness"):
        values = np.array([getattr(each, name) for each in found])
        for level in (0.3, 0.1, 0.05):
            assert (values <= level).sum() <= binom.ppf(1 - 1e-6, 2000, level)


def test_what_breaks_the_claim_is_seen():
    rng = np.random.default_rng(2)
    assert probe([500] * 30).is_refuted, "all records in every batch"
    assert probe(rng.binomial(500, 0.12, 100)).is_refuted, "a fifth more than stated"
    assert probe([50] * 10).p_value_evenness < 1e-6, "shuffled batches of one size"
    assert probe([48] * 9 + [8]).is_refuted, "one epoch of them, the last one smaller"


def test_smaller_batches_and_full_ones_are_no_defect():
    few = [probe(np.random.default_rng(seed).binomial(500, 0.02, 100)) for seed in range(20)]
    assert sum(each.is_refuted for each in few) <= binom.ppf(1 - 1e-6, 20, 0.05)
    full = probe([500] * 30, q=1.0)
    assert not full.is_refuted and full.p_value == 1.0


def test_evenness_is_the_chance_counted_out_one_by_one():
    from itertools import product

    sizes = [2, 2, 1]  # of 3 records in 3 steps; 5 of 9 drawn
    draws = [draw for draw in product([0, 1], repeat=9) if sum(draw) == 5]
    counts = [[sum(draw[3 * step : 3 * step + 3]) for step in range(3)] for draw in draws]
    exact = np.mean([max(map(each.count, each)) >= 2 for each in counts])
    found = probe(sizes, n=3, q=0.5).p_value_evenness
    assert exact <= found <= 1.0
    all_equal = np.mean([len(set(each)) == 1 for each in counts])
    assert all_equal == 0.0 and probe([2, 2, 2], n=3, q=0.5).p_value_evenness == pytest.approx(
        np.mean([sum(d[0:3]) == sum(d[3:6]) == sum(d[6:9]) for d in product([0, 1], repeat=9) if sum(d) == 6])
    )


def test_one_step_can_refute_its_rate_but_not_its_evenness():
    assert probe([50]).p_value_evenness == 1.0 and probe([200]).is_refuted


@pytest.mark.parametrize("sizes", [[], [1.5], [[1]], [-1], [501], ["a"]])
def test_what_is_no_batch_size_is_refused(sizes):
    with pytest.raises(DataError):
        probe(sizes)


@pytest.mark.parametrize("options", [{"q": 0.0}, {"q": 1.1}, {"q": float("nan")}, {"confidence": 1.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError):
        probe([1, 2], **options)
