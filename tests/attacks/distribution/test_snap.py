"""SNAP on toy worlds: models that say the Bayes-optimal log-odds of a poisoned world, and noise of their own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from privaudit.attacks.distribution.snap import Snap, contrasts, planted_log_odds, published_scores, trimmed
from privaudit.attacks.distribution.snap_shift import poisoned_log_odds
from privaudit.errors import ConfigError, DataError, MissingSignalError, UnsupportedError
from privaudit.types.worlds import Poison, WorldInputs

POISON = Poison(share=0.02, true_class=0, planted_class=1)
RULES = ("contrast", "published")


@pytest.fixture(params=RULES)
def attack(request):
    return Snap(rule=request.param)


def worlds(
    *, ratios=(0.5, 0.1), n_shadows=(4, 4), n_victims=20, n_queries=200, common=0.1, own=0.2, seed=0, poison=POISON
):
    """Draw inputs and the victims' worlds: class 1 is planted, ``common`` noise is a model's, ``own`` that of its answers."""
    rng = np.random.default_rng(seed)
    has_property, label = rng.random(n_queries) < 0.5, (rng.random(n_queries) < 0.25).astype(np.int64)
    phi = np.where(label == 1, 0.5, -2.5) + rng.normal(0.0, 1.0, n_queries)

    def said(world, n):
        moved = np.where(has_property, poisoned_log_odds(phi, POISON.share, ratios[world], 0.75), phi)
        return moved + common * rng.normal(size=(n, 1)) + own * rng.normal(size=(n, n_queries))

    shadows, victims = (
        expit(np.concatenate([said(world, n) for world, n in enumerate(numbers)]))
        for numbers in (n_shadows, (n_victims, n_victims))
    )
    inputs = WorldInputs(
        shadows=np.stack([1 - shadows, shadows], axis=2),
        shadow_world=np.repeat([0, 1], n_shadows),
        victims=np.stack([1 - victims, victims], axis=2),
        victim_labels=(victims > 0.5).astype(np.int64),
        query_label=label,
        query_world=np.arange(n_queries) % 2,
        ratios=ratios,
        query_property=has_property,
        poison=poison,
    )
    return inputs, np.repeat([0, 1], n_victims)


def renamed(inputs):
    return replace(inputs, shadow_world=1 - inputs.shadow_world, query_world=1 - inputs.query_world)


def test_what_it_says_of_itself(attack):
    assert (attack.name, attack.game, attack.access, attack.answers) == (
        "snap",
        "poisoned_distribution",
        "score",
        "world",
    )
    assert attack.fewest_shadows == 2


@pytest.mark.statistical
@pytest.mark.parametrize("n_shadows", [(4, 4), (2, 5)])
def test_poisoned_worlds_are_told_apart(attack, accuracy, n_shadows):
    """Mean log-odds differ by 0.6 at a common noise of 0.1: an error of a victim has a chance below 1e-4."""
    for ratios in ((0.5, 0.1), (0.1, 0.5)):  # whichever world has the smaller ratio
        inputs, world = worlds(ratios=ratios, n_shadows=n_shadows)
        assert accuracy(attack.run(inputs).scores, world) > 0.97


@pytest.mark.statistical
def test_equal_laws_are_told_apart_by_chance(attack, accuracy):
    """Given the shadow models each victim is a coin: |z| below 4.9 fails with probability 1e-6, per seed."""
    for seed in range(5):
        inputs, world = worlds(ratios=(0.3, 0.3), n_victims=400, seed=seed)
        assert abs(accuracy(attack.run(inputs).scores, world) - 0.5) < 4.9 * np.sqrt(0.25 / 800)


@pytest.mark.statistical
def test_the_contrast_forgets_what_differs_between_trainings_of_one_world(accuracy):
    """With a common noise of 1 the mean log-odds alone give accuracy .62; the contrast is as before."""
    inputs, world = worlds(common=1.0, n_victims=100)
    scores = {rule: accuracy(Snap(rule=rule).run(inputs).scores, world) for rule in RULES}
    assert scores["contrast"] > 0.97 and scores["published"] < 0.85


def test_tied_shadow_models_have_no_lean(attack):
    inputs, _ = worlds()
    tied = replace(inputs, shadows=np.repeat(inputs.shadows[:1], 8, axis=0))
    np.testing.assert_array_equal(attack.run(tied).scores, 0.0)


def test_worlds_with_each_others_names_turn_the_answer_round(attack):
    inputs, _ = worlds(n_shadows=(4, 6))
    before, after = attack.run(inputs).scores, attack.run(renamed(inputs)).scores
    np.testing.assert_allclose(after, -before, rtol=1e-9, atol=1e-12)
    assert (np.abs(before) > 1e-9).mean() > 0.5


def test_a_victims_score_is_its_own(attack):
    inputs, _ = worlds()
    whole = attack.run(inputs).scores
    for rows in ([3], [0, 17, 30], []):
        some = replace(inputs, victims=inputs.victims[rows], victim_labels=inputs.victim_labels[rows])
        np.testing.assert_allclose(attack.run(some).scores, whole[rows], rtol=1e-12)


def test_the_same_inputs_give_the_same_bytes(attack):
    first, again = (attack.run(worlds()[0]).scores for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_neither_the_order_of_queries_nor_other_classes_count(attack):
    inputs, _ = worlds()
    order = np.random.default_rng(3).permutation(len(inputs.query_label))
    shuffled = replace(
        inputs,
        shadows=inputs.shadows[:, order],
        victims=inputs.victims[:, order],
        victim_labels=inputs.victim_labels[:, order],
        query_label=inputs.query_label[order],
        query_world=inputs.query_world[order],
        query_property=inputs.query_property[order],
    )
    wanted = attack.run(inputs).scores
    np.testing.assert_allclose(attack.run(shuffled).scores, wanted, rtol=1e-9, atol=1e-12)
    more = [
        np.concatenate([0.5 * table, np.full((*table.shape[:2], 1), 0.5)], axis=2)
        for table in (inputs.shadows, inputs.victims)
    ]
    # a third class takes half of everything: log-odds of the two others stay, as long as nothing is clipped
    tiny = Snap(rule=attack.rule, clip=1e-12)
    three = replace(inputs, shadows=more[0], victims=more[1])
    np.testing.assert_allclose(tiny.run(three).scores, tiny.run(inputs).scores, rtol=1e-9, atol=1e-12)


def test_certain_models_and_few_queries(attack):
    inputs, _ = worlds()
    sure = replace(inputs, shadows=np.round(inputs.shadows), victims=np.round(inputs.victims))
    assert np.isfinite(attack.run(sure).scores).all()
    one = np.flatnonzero(inputs.query_property)[:1]
    few = replace(
        inputs,
        **{name: getattr(inputs, name)[:, one] for name in ("shadows", "victims", "victim_labels")},
        **{name: getattr(inputs, name)[one] for name in ("query_label", "query_world", "query_property")},
    )
    assert np.isfinite(attack.run(few).scores).all()


def test_without_queries_that_lack_the_property_nothing_is_subtracted_and_said_so():
    inputs, _ = worlds()
    alone = replace(inputs, query_property=np.ones(len(inputs.query_label), dtype=bool))
    found = Snap().run(alone)
    assert found.notes and "nothing to compare" in found.notes[0]
    assert not Snap().run(inputs).notes


def test_queries_of_the_true_class_count_and_all_where_there_is_none():
    log_odds = np.array([[1.0, 2.0, 4.0, 8.0]])
    own, other = np.array([True, True, False, False]), np.array([False, False, True, True])
    assert contrasts(log_odds, own, other).tolist() == [-4.5]
    assert contrasts(log_odds, own, ~(own | other)).tolist() == [1.5]
    inputs, _ = worlds()
    no_class = replace(inputs, query_label=np.ones(len(inputs.query_label), dtype=np.int64))
    assert np.ptp(Snap().run(no_class).scores) > 0


def test_log_odds_are_those_of_planted_against_true():
    table = np.array([[[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]]])
    found = planted_log_odds(table, Poison(share=0.1, true_class=2, planted_class=0), 1e-3)
    np.testing.assert_allclose(found, [[np.log(0.2 / 0.3), 0.0]])


def test_the_published_rule_by_hand():
    """Medians 0 and 2, threshold 1. Of the first victim 0.5 is cut, 1.5 and 1.6 are left; one value on the threshold is half."""
    ours = np.repeat([[0.0], [0.0], [2.0], [2.0]], 3, axis=1)
    theirs = np.array([[0.5, 1.5, 1.6], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.9, 1.0, 1.1]])
    world = np.array([0, 0, 1, 1])
    np.testing.assert_allclose(published_scores(ours, world, theirs), [0.5, -0.5, 0.0, 0.0])
    np.testing.assert_allclose(published_scores(ours, 1 - world, theirs), [-0.5, 0.5, 0.0, 0.0])


def test_trimming_keeps_the_middle():
    values = np.concatenate([np.linspace(-1, 1, 21), [40.0, -60.0]])
    kept = trimmed(values)
    assert kept.tolist() == values[:21].tolist()
    np.testing.assert_array_equal(trimmed(np.full(5, 3.0)), np.full(5, 3.0))
    for seed in range(50):
        rng = np.random.default_rng(seed)
        some = rng.standard_cauchy(rng.integers(1, 30))
        assert 0 < len(trimmed(some)) <= len(some)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"poison": None}, UnsupportedError, r"Add distribution\.poison"),
        ({"query_property": None}, UnsupportedError, "no query has it"),
        ({"query_property": np.zeros(200, dtype=bool)}, UnsupportedError, "no query has it"),
        ({"poison": Poison(share=0.1, true_class=2, planted_class=0)}, UnsupportedError, "class 2; models give 2"),
        ({"query_label": np.full(200, 5)}, DataError, "query_label"),
    ],
)
def test_what_cannot_be_served_is_named(attack, changes, error, match):
    inputs, _ = worlds()
    with pytest.raises(error, match=match):
        attack.run(replace(inputs, **changes))


def test_labels_alone_and_single_shadow_models_do_not_do(attack):
    inputs, _ = worlds()
    with pytest.raises(MissingSignalError, match="labels alone"):
        attack.run(inputs.without_probabilities())
    with pytest.raises(UnsupportedError, match="world 0 has 1"):
        attack.run(worlds(n_shadows=(1, 4))[0])


@pytest.mark.parametrize("changes", [{"rule": "nonsense"}, {"clip": 0.0}, {"clip": 0.5}, {"clip": float("nan")}])
def test_unknown_options_are_refused(changes):
    with pytest.raises(ConfigError):
        Snap(**changes)
