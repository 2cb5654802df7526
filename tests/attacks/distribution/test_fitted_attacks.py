"""The per-point threshold test and the meta-classifier: what they fit, and what they choose on models left out."""

from dataclasses import replace

import numpy as np
import pytest

from privaudit.attacks.distribution.folds import balanced_folds
from privaudit.attacks.distribution.meta_classifier import MetaClassifier, fit_and_ask
from privaudit.attacks.distribution.per_point import PerPointThresholdTest, held_out_votes, top_votes
from privaudit.attacks.distribution.signals import true_class_log_odds
from privaudit.attacks.distribution.thresholds import exact_threshold
from privaudit.errors import UnsupportedError


def test_log_odds_of_the_true_class():
    table = np.array([[[0.2, 0.3, 0.5], [0.0, 0.0, 1.0]]])
    want = [np.log(0.3 / 0.7), np.log(1e-4 / (1 - 1e-4))]
    np.testing.assert_allclose(true_class_log_odds(table, np.array([1, 0]))[0], want)


def test_votes_by_loops():
    rng = np.random.default_rng(0)
    shadows, others, world = rng.normal(size=(9, 23)), rng.normal(size=(5, 23)), np.array([0] * 5 + [1] * 4)
    shadows[world == 1] += rng.normal(size=23)
    gap = np.abs(shadows[world == 0].mean(axis=0) - shadows[world == 1].mean(axis=0))
    fractions = (1.0, 0.5, 0.01)
    votes = top_votes(shadows, world, others, fractions)
    for fraction, row in zip(fractions, votes, strict=True):
        top = np.argsort(-gap)[: int(np.ceil(fraction * 23))]
        for other, share in zip(others, row, strict=True):
            found = [exact_threshold(shadows[world == 0, q], shadows[world == 1, q]) for q in top]
            wanted = np.mean([f.direction * (other[q] - f.threshold) > 0 for f, q in zip(found, top, strict=True)])
            assert share == pytest.approx(wanted, abs=1e-12)


def test_held_out_votes_are_of_models_that_nothing_was_fitted_to():
    rng = np.random.default_rng(1)
    log_odds, world = rng.normal(size=(8, 30)), np.array([0, 1] * 4)
    votes = held_out_votes(log_odds, world, (1.0,))
    for place in range(0, 8, 2):  # models place and place + 1 are a fold
        rest = np.setdiff1d(np.arange(8), [place, place + 1])
        want = top_votes(log_odds[rest], world[rest], log_odds[[place, place + 1]], (1.0,))
        np.testing.assert_array_equal(votes[:, [place, place + 1]], want)


@pytest.mark.statistical
def test_held_out_votes_see_nothing_where_there_is_nothing(make_worlds):
    """Fitted and counted on the same models, 6 of each world look separable; 300 draws, |z| below 4.9."""
    gaps, fitted = [], []
    for seed in range(300):
        inputs, _ = make_worlds(n_shadows=(6, 6), n_victims=1, n_queries=20, seed=seed)
        log_odds, is_1 = true_class_log_odds(inputs.shadows, inputs.query_label), inputs.shadow_world == 1
        for kept, votes in (
            (gaps, held_out_votes(log_odds, inputs.shadow_world, (1.0,))[0]),
            (fitted, top_votes(log_odds, inputs.shadow_world, log_odds, (1.0,))[0]),
        ):
            kept.append(votes[is_1].mean() - votes[~is_1].mean())
    assert abs(np.mean(gaps)) < 4.9 * np.std(gaps) / np.sqrt(300)
    assert np.mean(fitted) > 0.2


def test_few_telling_queries_are_chosen(make_worlds, accuracy):
    """5 of 100 queries tell the worlds apart: asking all of them would drown these."""
    inputs, world = make_worlds(n_shadows=(12, 12), n_queries=100, n_victims=60, seed=2)
    shadows, victims = inputs.shadows.copy(), inputs.victims.copy()
    for table, of in ((shadows, inputs.shadow_world), (victims, world)):
        table[of == 1, :5] = [0.05, 0.95]
        table[of == 0, :5] = [0.95, 0.05]
    planted = replace(inputs, shadows=shadows, victims=victims)
    few = PerPointThresholdTest(fractions=(0.05, 1.0)).run(planted)
    assert accuracy(few.scores, world) == 1.0
    assert accuracy(PerPointThresholdTest(fractions=(1.0,), decision="half").run(planted).scores, world) < 1.0


@pytest.mark.parametrize("counts", [(5, 5), (12, 30), (2, 3), (40, 11)])
def test_folds_leave_out_everyone_once_and_both_worlds_alike(counts):
    world = np.repeat([0, 1], counts)
    folds = np.array(list(balanced_folds(world)))
    assert (folds.sum(axis=0) == 1).all() and len(folds) == min(*counts, 10)
    for one in (0, 1):
        sizes = folds[:, world == one].sum(axis=1)
        assert sizes.max() - sizes.min() <= 1 and sizes.min() >= 1


def test_the_meta_classifier_keeps_the_set_that_tells(make_worlds, accuracy):
    """World 1's queries are all answered the same by everyone, so the others tell more alone than among these."""
    inputs, world = make_worlds(shift=1.0, n_shadows=(12, 12))
    blank = inputs.query_world == 1
    rng = np.random.default_rng(0)
    shadows, victims = inputs.shadows.copy(), inputs.victims.copy()
    for table in (shadows, victims):
        noise = rng.random((len(table), blank.sum(), 1))
        table[:, blank] = np.concatenate([noise, 1 - noise], axis=2)
    result = MetaClassifier().run(replace(inputs, shadows=shadows, victims=victims))
    assert "queries of world 1 " not in result.notes[0]
    assert accuracy(result.scores, world) > 0.8


def test_the_meta_classifiers_seed_counts_and_repeats(make_worlds):
    inputs, _ = make_worlds(shift=0.4)
    one, again, other = (MetaClassifier(seed=seed).run(inputs).scores for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes() and (one != other).any()
    before = np.random.get_state()[1].tobytes()
    MetaClassifier().run(inputs)
    assert np.random.get_state()[1].tobytes() == before


def test_noise_in_directions_without_spread_is_not_read():
    """Victims differ from shadow models in inputs that no shadow model differs in: the answer does not change."""
    rng = np.random.default_rng(0)
    shadows = np.hstack([rng.normal(size=(10, 3)), np.zeros((10, 40))])
    victims = np.hstack([rng.normal(size=(4, 3)), np.zeros((4, 40))])
    moved = victims + np.hstack([np.zeros((4, 3)), rng.normal(size=(4, 40))])
    world = np.array([0, 1] * 5)
    np.testing.assert_array_equal(fit_and_ask(shadows, world, victims, 0), fit_and_ask(shadows, world, moved, 0))


def test_a_meta_classifier_takes_equally_many_shadow_models(make_worlds):
    inputs, _ = make_worlds(n_shadows=(4, 12))
    with pytest.raises(UnsupportedError, match="equally many shadow models of both worlds; got 4 and 12"):
        MetaClassifier().run(inputs)
