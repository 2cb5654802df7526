"""Divergences, votes and their calibration, each against its formula written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.distribution.kl import KlCalibrated, KlDivergence
from privaudit.attacks.distribution.kl_distance import mean_divergences
from privaudit.attacks.distribution.kl_label import KlLabelOnly, harden
from privaudit.attacks.distribution.kl_vote import calibrated_threshold, left_out_shares, vote_share
from privaudit.errors import ConfigError, ShapeError, UnsupportedError

DISTANCES = st.lists(st.integers(0, 5), min_size=1, max_size=8)


def by_loops(shadows, victims, clip):
    out = np.zeros((len(victims), len(shadows)))
    for v, victim in enumerate(victims):
        for k, shadow in enumerate(shadows):
            terms = []
            for p, q in zip(shadow.ravel(), victim.ravel(), strict=True):
                p, q = min(max(p, clip), 1 - clip), min(max(q, clip), 1 - clip)
                terms.append(p * np.log(p / q))
            out[v, k] = sum(terms) / shadow.shape[0]
    return out


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("clip", [1e-4, 0.2])
def test_divergences_by_loops(n_classes, clip):
    rng = np.random.default_rng(n_classes)
    shadows, victims = rng.dirichlet(np.full(n_classes, 0.2), (4, 9)), rng.dirichlet(np.ones(n_classes), (3, 9))
    shadows[0, 0] = np.eye(n_classes)[1]
    victims[1, 2] = np.eye(n_classes)[0]
    np.testing.assert_allclose(mean_divergences(shadows, victims, clip), by_loops(shadows, victims, clip), atol=1e-12)


def test_the_shadow_model_comes_first():
    shadow, victim = np.array([[[0.9, 0.1]]]), np.array([[[0.5, 0.5]]])
    want = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
    assert mean_divergences(shadow, victim)[0, 0] == pytest.approx(want, abs=1e-14)
    assert mean_divergences(victim, shadow)[0, 0] != pytest.approx(want, abs=1e-3)


def test_certain_and_wrong_is_far_but_finite():
    sure = np.array([[[0.0, 1.0]]])
    assert mean_divergences(sure, sure[:, :, ::-1])[0, 0] == pytest.approx((1 - 2e-4) * np.log((1 - 1e-4) / 1e-4))


def test_divergences_that_do_not_fit():
    with pytest.raises(ShapeError):
        mean_divergences(np.ones((2, 3, 2)) / 2, np.ones((2, 4, 2)) / 2)
    with pytest.raises(ShapeError):
        mean_divergences(np.ones((2, 0, 2)), np.ones((2, 0, 2)))
    with pytest.raises(ConfigError, match="clip"):
        mean_divergences(np.ones((2, 3, 2)) / 2, np.ones((2, 3, 2)) / 2, 0.5)


@given(DISTANCES, DISTANCES)
def test_votes_of_all_pairs_by_loops(d0, d1):
    votes = [1.0 if a > b else 0.5 if a == b else 0.0 for a in d0 for b in d1]
    share = vote_share(np.array([d0]) * 1.0, np.array([d1]) * 1.0)
    assert share[0] == pytest.approx(np.mean(votes), abs=1e-15)
    assert vote_share(np.array([d1]) * 1.0, np.array([d0]) * 1.0)[0] == pytest.approx(1 - share[0], abs=1e-15)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=8))
def test_votes_of_published_pairs_by_loops(pairs):
    d0, d1 = np.array(pairs).T[:, None, :] * 1.0
    n = len(pairs)
    votes = [d0[0, i] > d1[0, j] for i in range(n) for j in range(i + 1, n)]
    assert vote_share(d0, d1, "published")[0] == pytest.approx(np.mean(votes), abs=1e-15)


def test_a_tiny_case_by_hand():
    """Above 0.10, 0.25 and 0.05 of world 1 are: none but 0.05; 0.10 and 0.05; all three."""
    d0, d1 = np.array([[0.08, 0.20, 0.30]]), np.array([[0.10, 0.25, 0.05]])
    assert vote_share(d0, d1)[0] == pytest.approx(6 / 9)
    assert vote_share(d0, d1, "published")[0] == pytest.approx(
        2 / 3
    )  # 0.08 > 0.25 no, 0.08 > 0.05 yes, 0.20 > 0.05 yes


def test_published_pairs_need_equal_numbers():
    for shape in ((1, 3), (1, 1)):
        with pytest.raises(ConfigError, match="published"):
            vote_share(np.zeros((1, shape[0])), np.zeros((1, shape[1])), "published")
    with pytest.raises(ConfigError, match="pairs must be all or published"):
        vote_share(np.zeros((1, 1)), np.zeros((1, 1)), "some")


def test_a_left_out_model_is_not_compared_with_itself():
    rng = np.random.default_rng(2)
    distances, world = rng.random((7, 7)), np.array([0, 1, 0, 1, 1, 0, 1])
    want = [
        np.mean(
            [
                distances[i, a] > distances[i, b]
                for a in range(7)
                for b in range(7)
                if i not in (a, b) and world[a] < world[b]
            ]
        )
        for i in range(7)
    ]
    np.testing.assert_allclose(left_out_shares(distances, world), want, atol=1e-15)
    with pytest.raises(UnsupportedError, match="two shadow models"):
        left_out_shares(distances[:3, :3], np.array([0, 1, 1]))


@pytest.mark.statistical
@pytest.mark.parametrize("n_shadows", [(3, 3), (2, 9)])
def test_left_out_shares_are_one_half_where_worlds_are_alike(make_worlds, n_shadows):
    """400 draws, |z| below 4.9: fails with probability 1e-6."""
    means = []
    for seed in range(400):
        inputs, _ = make_worlds(n_shadows=n_shadows, n_victims=1, n_queries=10, seed=seed)
        shares = left_out_shares(mean_divergences(inputs.shadows, inputs.shadows), inputs.shadow_world)
        means.append([shares[inputs.shadow_world == world].mean() for world in (0, 1)])
    z = (np.mean(means, axis=0) - 0.5) / (np.std(means, axis=0) / 20)
    assert np.abs(z).max() < 4.9


def test_more_votes_never_say_world_0():
    shares, world = np.array([0.9, 0.8, 0.2, 0.1]), np.array([0, 0, 1, 1])
    assert calibrated_threshold(shares, world) == (0.5, 0.5)


def test_calibration_helps_where_one_worlds_models_spread_more(make_worlds, accuracy):
    """World 1's models lie so far from each other that every victim is nearer to world 0's: the vote is exactly one half."""
    inputs, world = make_worlds(shift=0.4, spread=(0.2, 1.0), n_shadows=(20, 20), n_victims=60, individual=0.6, seed=1)
    votes = KlDivergence().run(inputs)
    assert accuracy(votes.scores, world) == 0.5 and (votes.scores < 0).all()
    calibrated = KlCalibrated().run(inputs)
    assert accuracy(calibrated.scores, world) > 0.85
    np.testing.assert_array_equal(calibrated.scores, KlDivergence(decision="calibrated").run(inputs).scores)
    assert "left-out" in calibrated.notes[0]


def test_scores_are_the_mean_of_both_query_sets(make_worlds):
    inputs, _ = make_worlds(shift=0.4, n_queries=31)
    shares = []
    for world in (0, 1):
        queries = inputs.query_world == world
        d = mean_divergences(inputs.shadows[:, queries], inputs.victims[:, queries])
        shares.append(vote_share(d[:, inputs.shadow_world == 0], d[:, inputs.shadow_world == 1]))
    np.testing.assert_allclose(KlDivergence().run(inputs).scores, np.mean(shares, axis=0) - 0.5, atol=1e-12)


def test_the_transductive_mode_says_so_and_needs_company(make_worlds):
    inputs, _ = make_worlds(n_victims=1)
    attack = KlDivergence(decision="transductive")
    result = attack.run(inputs)
    assert "other victims" in result.notes[0]
    # of two victims every pair gives 0 to one and 1 to the other
    assert result.scores.sum() == pytest.approx(0.0, abs=1e-12)
    alone = type(inputs)(
        shadows=inputs.shadows,
        shadow_world=inputs.shadow_world,
        victims=inputs.victims[:1],
        victim_labels=inputs.victim_labels[:1],
        query_label=inputs.query_label,
        query_world=inputs.query_world,
    )
    with pytest.raises(UnsupportedError, match="two victims"):
        attack.run(alone)


def test_pairs_are_for_votes():
    with pytest.raises(ConfigError, match="decision: vote"):
        KlDivergence(pairs="published", decision="calibrated")


@pytest.mark.parametrize("n_classes", [2, 3, 200])
def test_hardened_labels_are_probabilities(n_classes):
    table = harden(np.array([[0, 1]]), n_classes)
    np.testing.assert_allclose(table.sum(axis=2), 1.0)
    assert table[0, 1, 1] == 0.99 and (table >= 0).all() and table.argmax(axis=2).tolist() == [[0, 1]]


def test_labels_alone_are_the_hardened_victims_attack(make_worlds):
    inputs, _ = make_worlds(shift=0.8)
    hard = type(inputs)(
        shadows=inputs.shadows,
        shadow_world=inputs.shadow_world,
        victims=harden(inputs.victim_labels, 2),
        victim_labels=inputs.victim_labels,
        query_label=inputs.query_label,
        query_world=inputs.query_world,
    )
    np.testing.assert_array_equal(KlLabelOnly(decision="vote").run(inputs).scores, KlDivergence().run(hard).scores)
