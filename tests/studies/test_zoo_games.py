"""The zoo's games of their own: stated leaks against plain loops and simulation, defects flagged, correct twins not."""

import math
import re

import numpy as np
import pytest
import torch
from scipy.special import expit, ndtr
from scipy.stats import binom
from torch import nn
from torch.nn import functional

from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.studies.zoo import game_variants, linear_game
from privaudit.studies.zoo.batch_norm_game import N_HIDDEN, BatchNormAudit, canary_sums
from privaudit.studies.zoo.engine import background
from privaudit.studies.zoo.linear_game import LinearAudit
from privaudit.studies.zoo.shuffle_game import ADD_REMOVE, ZERO_OUT, ShuffleAudit

VARIANTS = {variant.name: variant for variant in game_variants.VARIANTS}
SLOW = "shuffled-as-poisson-small-noise"  # seconds an audit
DEFECTS = [name for name, variant in VARIANTS.items() if variant.is_defect]
TWINS = [name for name, variant in VARIANTS.items() if not variant.is_defect]


def clipped(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1.0)


def mean_of(rows):
    return rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])


def by_records(name, others, canary):
    """Run a mechanism on explicit gradient vectors, C = 1, public batch size 8."""
    rows = np.concatenate([others, canary])
    match name:
        case "correct":
            return clipped(rows).sum(axis=0) / 8
        case "batch_mean_clipped":
            return clipped(mean_of(rows))
        case "micro_batch_mean_clipped":
            half = -(-len(others) // 2)
            halves = np.concatenate([others[:half], canary]), others[half:]
            return clipped(mean_of(halves[0])) + clipped(mean_of(halves[1]))
        case "sum_by_realised_size":
            return clipped(rows).sum(axis=0) / max(len(rows), 1)


@pytest.mark.parametrize("n_others", [0, 1, 7, 8, 13])
@pytest.mark.parametrize("name", ["correct", "batch_mean_clipped", "micro_batch_mean_clipped", "sum_by_realised_size"])
def test_a_mechanism_on_the_line_is_the_one_on_gradient_vectors(name, n_others):
    direction = np.random.default_rng(0).standard_normal(5)
    direction /= np.linalg.norm(direction)
    for has_canary in (0, 1):
        batch = linear_game.Batch(
            n_others=np.array([float(n_others)]), has_canary=np.array([float(has_canary)]), n_expected=8.0
        )
        found = getattr(linear_game, name)(batch).clean[0] * direction
        wanted = by_records(name, np.tile(-direction, (n_others, 1)), np.tile(800 * direction, (has_canary, 1)))
        np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("correct-opposed", 1.0),
        ("batch-mean-clipped-noise-c", 2.0),
        ("batch-mean-clipped-noise-c-epsilon-10", 2.0),
        ("micro-batch-mean-clipped", 2.0),
        ("sum-by-realised-size", 2 * 32 / 33),
    ],
)
def test_full_batches_are_a_gaussian_pair_of_the_stated_mu(name, factor):
    variant, n = VARIANTS[name], 20_000
    audit = variant.judge
    assert audit.shift() == pytest.approx(factor, rel=1e-12)
    mu = factor * math.sqrt(audit.steps) / audit.params.noise_multiplier
    if variant.is_defect:
        assert f"{mu:.2f}" in variant.leak or f"{mu:.1f}, and" in variant.leak
        assert f"epsilon {gaussian_epsilon(mu, 1e-5):.1f}" in variant.leak
    # log likelihood ratios: means +- mu^2 / 2, deviation mu; 6 standard deviations of each estimate
    rng = np.random.default_rng(0)
    large = LinearAudit(mechanism=audit.mechanism, audit="", epsilon=audit.epsilon, n_runs=n)
    for is_in, sign in ((True, 1), (False, -1)):
        scores = large.scores(is_in, rng)
        assert scores.mean() == pytest.approx(sign * mu**2 / 2, abs=6 * mu / math.sqrt(n))
        assert scores.std() == pytest.approx(mu, rel=6 / math.sqrt(2 * n))


@pytest.mark.parametrize("name", ["sum-by-realised-size-poisson", "correct-opposed-poisson"])
def test_the_delta_of_poisson_batches_at_the_claimed_epsilon(name):
    variant = VARIANTS[name]
    audit = LinearAudit(mechanism=variant.judge.mechanism, audit="", n_runs=20_000, sample_rate=0.25)
    scores = audit.scores(True, np.random.default_rng(1))
    delta = np.maximum(-np.expm1(np.minimum(4.0 - scores, 0.0)), 0.0)
    if variant.is_defect:
        assert "delta is .11" in variant.leak
        assert delta.mean() == pytest.approx(0.1076, abs=6 * delta.std() / math.sqrt(len(delta)))
    else:
        # terms in [0, 1] of mean 1e-5 or less: 20 out of 20,000 come up with a chance below 1e-30 (Chernoff)
        assert delta.mean() < 1e-3


def scores_of(audit, is_in, rng):
    if isinstance(audit, LinearAudit):
        return audit.scores(is_in, rng)
    return (audit._shuffled if audit.is_shuffled else audit._poisson)(is_in, rng)


@pytest.mark.parametrize(
    "audit",
    [
        LinearAudit(mechanism=linear_game.sum_by_realised_size, audit="", n_runs=20_000, sample_rate=0.25),
        LinearAudit(mechanism=linear_game.correct, audit="", n_runs=20_000, sample_rate=0.25),
        ShuffleAudit(audit="", sigma=0.8, n_batches=20, n_runs=20_000),
        ShuffleAudit(audit="", sigma=0.8, n_batches=20, n_runs=20_000, shift=ADD_REMOVE),
        ShuffleAudit(audit="", sigma=0.8, n_batches=20, n_runs=20_000, is_shuffled=False),
    ],
    ids=["realised size", "correct Poisson", "zero-out", "add/remove", "Poisson zero-out"],
)
@pytest.mark.parametrize("shift", [-2.0, 0.0, 2.0])
def test_scores_are_the_log_likelihood_ratios_of_what_is_played(audit, shift):
    # with L = log p/q: E_p[1 / (1 + e^(L - c))] = E_q[e^L / (1 + e^(L - c))] = e^c E_q[1 / (1 + e^(c - L))], all bounded
    rng = np.random.default_rng(2)
    with_it = expit(shift - scores_of(audit, True, rng))
    without = math.exp(shift) * expit(scores_of(audit, False, rng) - shift)
    spread = math.hypot(with_it.std(), without.std()) / math.sqrt(20_000)
    assert with_it.mean() == pytest.approx(without.mean(), abs=6 * spread)


@pytest.mark.parametrize(("others", "canary", "shift"), [(-1.0, 1.0, ZERO_OUT), (0.0, 1.0, ADD_REMOVE)])
def test_one_batch_of_a_shuffled_epoch_stands_out_by_the_stated_shift(others, canary, shift):
    n_batches, size, rng = 6, 4, np.random.default_rng(3)
    records = np.full(n_batches * size, others)
    places = set()
    for gradient, wanted in ((canary, shift.with_it), (0.0, shift.without)):
        for _ in range(50):
            records[0] = gradient
            sums = rng.permutation(records).reshape(n_batches, size).sum(axis=1) - size * others
            assert sorted(sums) == [0.0] * (n_batches - 1) + [wanted]
            places.add(int(sums.argmax()))
    assert len(places) == n_batches  # 50 or more shuffles leave one of 6 out with a chance of 7e-4; the seed is fixed


def test_poisson_sums_without_a_record_are_those_with_its_gradient_zeroed():
    """Others' coins do not depend on the record and a zero adds nothing: zero-out has the very pair of add/remove."""
    rng = np.random.default_rng(4)
    gradients, coins = rng.uniform(-1, 1, 30), rng.random((50, 30)) < 0.1
    zeroed = np.where(np.arange(30) == 29, 0.0, gradients)
    assert coins[:, 29].any()
    np.testing.assert_allclose(coins @ zeroed, coins[:, :29] @ gradients[:29], atol=1e-14)


@pytest.mark.parametrize(("name", "sigma", "n"), [("shuffled-as-poisson", 0.8, 100), (SLOW, 0.5, 10_000)])
def test_the_largest_sum_of_a_shuffled_epoch_shows_what_the_leak_says(name, sigma, n):
    cuts = np.linspace(0, 6, 3001)
    others = ndtr(cuts / sigma) ** (n - 1)
    tpr, fpr = (1 - ndtr((cuts - shift) / sigma) * others for shift in (ZERO_OUT.with_it, ZERO_OUT.without))
    usable = fpr > 1e-11
    epsilon = np.log(np.maximum(tpr - 1e-5, 1e-12) / np.maximum(fpr, 1e-12))[usable].max()
    stated = float(re.search(r"at least (\d+\.\d)", VARIANTS[name].leak).group(1))
    assert stated <= epsilon < stated + 0.1
    assert stated > VARIANTS[name].judge.claim


def test_shuffling_spreads_no_further_than_poisson_in_add_remove():
    # chi-square of the pair: (e^(1/s^2) - 1) / T for one epoch, (1 + (e^(1/s^2) - 1) / T^2)^T - 1 for Poisson samples
    audit = VARIANTS["shuffled-add-remove"].judge
    growth, n = math.expm1(audit.sigma**-2), audit.n_batches
    poisson = math.expm1(n * math.log1p(growth / n**2))
    assert 0.95 * poisson < growth / n < poisson
    large = ShuffleAudit(audit="", sigma=2.0, n_batches=n, n_runs=50_000, shift=ADD_REMOVE)
    ratio = np.exp(large._shuffled(False, np.random.default_rng(5)))
    square = (ratio - 1.0) ** 2
    assert square.mean() == pytest.approx(math.expm1(0.25) / n, abs=6 * square.std() / math.sqrt(len(square)))


@pytest.mark.parametrize("name", [name for name in VARIANTS if isinstance(VARIANTS[name].judge, ShuffleAudit)])
def test_the_claim_in_words_is_the_accountants(name):
    assert f"epsilon {VARIANTS[name].judge.claim:.2f} " in VARIANTS[name].claim


@pytest.mark.parametrize("has_batch_norm", [True, False])
def test_sums_under_batch_normalisation_are_those_of_a_loop_over_records(has_batch_norm):
    torch.manual_seed(6)
    hidden = nn.Linear(64, N_HIDDEN)
    normalise = nn.BatchNorm1d(N_HIDDEN, affine=False, momentum=1.0) if has_batch_norm else nn.Identity()
    network = nn.Sequential(hidden, normalise, nn.ReLU(), nn.Linear(N_HIDDEN, 10))
    features, labels = background(33, 6)
    features[-1] *= 100
    labels[-1] = network(features)[-1].argmin()
    sums, means = [], []
    for n in (33, 32):
        losses = functional.cross_entropy(network(features[:n]), labels[:n], reduction="none")
        rows = [torch.autograd.grad(loss, list(network.parameters()), retain_graph=True) for loss in losses]
        flat = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])
        sums.append((flat / flat.norm(dim=1, keepdim=True).clamp(min=1)).sum(0))
        means.append(normalise.running_mean.clone() if has_batch_norm else hidden(features[:n]).mean(0).detach())
    found = canary_sums(6, has_batch_norm=has_batch_norm)
    np.testing.assert_allclose(found.shift, (sums[0] - sums[1]).numpy(), atol=1e-4)
    assert found.statistics == pytest.approx(float((means[0] - means[1]).abs().max()), rel=1e-5)


def test_batch_normalisation_moves_the_sum_by_many_clips_and_its_twin_by_one():
    for seed in range(8):
        assert 5.9 < canary_sums(seed).sensitivity < 16.0
        assert canary_sums(seed).statistics > 0.1
        assert 0.9 < canary_sums(seed, has_batch_norm=False).sensitivity < 1.0 + 1e-5


def test_scores_under_batch_normalisation_are_a_gaussian_pair_of_the_stated_mu():
    audit, sums, rng = BatchNormAudit(audit="", n_runs=4000), canary_sums(0), np.random.default_rng(7)
    for is_in in (True, False):
        scores = audit._scores(sums, is_in, rng) / (audit.steps * sums.sensitivity**2)  # N(1 or 0, 1 / mu^2)
        deviation = audit.params.noise_multiplier / math.sqrt(audit.steps) / sums.sensitivity
        assert scores.mean() == pytest.approx(float(is_in), abs=6 * deviation / math.sqrt(4000))
        assert scores.std() == pytest.approx(deviation, rel=6 / math.sqrt(8000))


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_flagged_by_its_named_audit(name):
    variant = VARIANTS[name]
    judgements = [variant.judge(seed) for seed in range(1 if name == SLOW else 3)]
    assert all(one.is_flagged and one.audit == variant.audit for one in judgements)
    if name.startswith("shuffled"):
        assert all(one.refutes_epsilon_delta for one in judgements)


@pytest.mark.parametrize("name", TWINS)
def test_a_correct_twin_is_flagged_no_more_often_than_chance_allows(name):
    flags = sum(VARIANTS[name].judge(seed).is_flagged for seed in range(20))
    assert flags <= binom.ppf(1 - 1e-6, 20, 0.05)  # 8 of 20
