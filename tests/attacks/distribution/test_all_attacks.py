"""What holds for every attack that tells two worlds apart."""

from dataclasses import fields, replace

import numpy as np
import pytest

from privaudit.errors import DataError, MissingSignalError, PrivauditError, UnsupportedError
from privaudit.types.worlds import WorldInputs


def changed(inputs, **new):
    """`dataclasses.replace` of inputs."""
    return replace(inputs, **new)


def only(inputs, rows):
    return changed(inputs, victims=inputs.victims[rows], victim_labels=inputs.victim_labels[rows])


def needs_equal_numbers(attack):
    return attack.name == "meta_classifier" or getattr(attack, "pairs", "all") == "published"


def renamed(inputs):
    return changed(inputs, shadow_world=1 - inputs.shadow_world, query_world=1 - inputs.query_world)


def test_what_an_attack_says_of_itself(attack):
    assert attack.game == "distribution_inference" and attack.answers == "world"
    assert attack.access in ("score", "label")


@pytest.mark.statistical
def test_worlds_of_one_law_are_told_apart_by_nobody(attack, make_worlds, accuracy):
    """Given the shadow models each victim is a coin: |z| below 4.9 fails with probability 1e-6, per attack."""
    inputs, world = make_worlds(n_victims=400, seed=5)
    assert abs(accuracy(attack.run(inputs).scores, world) - 0.5) < 4.9 * np.sqrt(0.25 / 800)


@pytest.mark.statistical
@pytest.mark.parametrize("n_shadows", [(10, 10), (14, 7)])
def test_far_worlds_are_told_apart(shadow_attack, make_worlds, accuracy, n_shadows):
    """The best possible accuracy is above 0.9999; the threshold test sees two accuracies of 60 queries only."""
    if needs_equal_numbers(shadow_attack):
        n_shadows = (10, 10)
    inputs, world = make_worlds(shift=3.0, n_shadows=n_shadows, n_victims=50, n_queries=120)
    is_weak = shadow_attack.name == "threshold_test"
    assert accuracy(shadow_attack.run(inputs).scores, world) > (0.75 if is_weak else 0.97)


def test_scores_move_with_the_victims(attack, make_worlds):
    inputs, _ = make_worlds(shift=0.5)
    order = np.random.default_rng(1).permutation(inputs.n_victims)
    np.testing.assert_allclose(
        attack.run(only(inputs, order)).scores, attack.run(inputs).scores[order], rtol=1e-9, atol=1e-12
    )


def test_a_victims_score_is_its_own(attack, make_worlds):
    if getattr(attack, "decision", None) == "transductive":
        pytest.skip("says in its notes that it looks at all victims")
    inputs, _ = make_worlds(shift=0.5)
    whole = attack.run(inputs)
    for rows in ([3], [0, 17, 30], []):
        some = attack.run(only(inputs, rows))
        np.testing.assert_allclose(some.scores, whole.scores[rows], rtol=1e-9, atol=1e-12)
        assert some.notes == whole.notes


def test_the_same_inputs_give_the_same_bytes(attack, make_worlds):
    inputs, _ = make_worlds(shift=0.5, n_classes=3)
    first, again = attack.run(inputs), attack.run(make_worlds(shift=0.5, n_classes=3)[0])
    assert first.scores.tobytes() == again.scores.tobytes() and first.notes == again.notes


@pytest.mark.parametrize("seed", range(3))
def test_worlds_with_each_others_names_turn_the_answer_round(attack, make_worlds, seed):
    if needs_equal_numbers(attack):
        pytest.skip("random first weights, and pairs i < j, do not turn round")
    inputs, _ = make_worlds(shift=0.5, seed=seed, n_shadows=(8, 6))
    before, after = attack.run(inputs).scores, attack.run(renamed(inputs)).scores
    np.testing.assert_allclose(after, -before, rtol=1e-9, atol=1e-12)
    assert (np.abs(before) > 1e-9).mean() > 0.5


def test_classes_may_have_any_order(attack, make_worlds):
    if attack.name == "meta_classifier":
        pytest.skip("drops the last class, so that another order gives another network")
    inputs, _ = make_worlds(shift=0.8, n_classes=4)
    place = np.array([2, 0, 3, 1])  # class c becomes place[c]
    columns = np.argsort(place)
    turned = changed(
        inputs,
        shadows=inputs.shadows[:, :, columns],
        victims=inputs.victims[:, :, columns],
        victim_labels=place[inputs.victim_labels],
        query_label=place[inputs.query_label],
    )
    np.testing.assert_allclose(attack.run(turned).scores, attack.run(inputs).scores, rtol=1e-9, atol=1e-11)


def test_labels_do_where_labels_are_asked_for(attack, make_worlds):
    inputs, _ = make_worlds(shift=0.5)
    bare = inputs.without_probabilities()
    if attack.access == "label":
        np.testing.assert_array_equal(attack.run(bare).scores, attack.run(inputs).scores)
    else:
        with pytest.raises(MissingSignalError, match="labels alone"):
            attack.run(bare)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_models_that_all_say_the_same(attack, value, n_classes):
    """No attack may find anything, nor stumble over it: every victim gets one score, and world 1 where it is 0."""
    table = np.full((14, 12, n_classes), (1.0 - value) / (n_classes - 1))
    table[:, :, 0] = value
    scores = attack.run(
        WorldInputs(
            shadows=table[:10],
            shadow_world=np.repeat([0, 1], 5),
            victims=table[10:],
            victim_labels=table[10:].argmax(axis=2),
            query_label=np.arange(12) // 2 % n_classes,
            query_world=np.arange(12) % 2,
        )
    ).scores
    assert np.isfinite(scores).all() and np.ptp(scores) < 1e-12
    if attack.name != "kl" or attack.pairs == "all":  # strict votes of the published pairs: a tie says world 0
        np.testing.assert_allclose(scores, 0.0, atol=1e-12)


def test_certain_models(attack, make_worlds):
    inputs, _ = make_worlds(shift=2.0)
    sure = changed(inputs, shadows=np.round(inputs.shadows), victims=np.round(inputs.victims))
    assert np.isfinite(attack.run(sure).scores).all()


def test_one_shadow_model_of_a_world(attack, make_worlds):
    inputs, _ = make_worlds(n_shadows=(1, 6))
    if not attack.fewest_shadows:
        assert np.isfinite(attack.run(inputs).scores).all()
    else:
        with pytest.raises(UnsupportedError, match="world 0 has 1"):
            attack.run(inputs)


def test_the_fewest_shadow_models_do(shadow_attack, make_worlds):
    n = shadow_attack.fewest_shadows
    for n_shadows in {(n, n), (n, n if needs_equal_numbers(shadow_attack) else n + 3)}:
        inputs, _ = make_worlds(shift=0.5, n_shadows=n_shadows)
        assert np.isfinite(shadow_attack.run(inputs).scores).all()


def test_what_cannot_be_served_is_named(attack, make_worlds):
    inputs, _ = make_worlds(n_shadows=(5, 5, 5), n_victims=3)
    with pytest.raises(UnsupportedError, match="two worlds"):
        attack.run(inputs)
    inputs, _ = make_worlds()
    for hostile in (
        changed(inputs, query_label=inputs.query_label + 1),
        changed(inputs, victim_labels=inputs.victim_labels - 1),
        WorldInputs(
            shadows=inputs.shadows[:, :0],
            shadow_world=inputs.shadow_world,
            victims=inputs.victims[:, :0],
            victim_labels=inputs.victim_labels[:, :0],
            query_label=inputs.query_label[:0],
            query_world=inputs.query_world[:0],
        ),
    ):
        with pytest.raises(DataError):
            attack.run(hostile)


def test_queries_of_one_world(attack, make_worlds):
    inputs, _ = make_worlds(shift=0.5)
    alone = changed(inputs, query_world=np.zeros_like(inputs.query_world))
    if attack.name in ("gauss", "per_point", "meta_classifier"):
        assert np.isfinite(attack.run(alone).scores).all()
    else:
        with pytest.raises(DataError, match="world 1 gave none"):
            attack.run(alone)


def test_notes_are_one_line_each(attack, make_worlds):
    for shift in (0.0, 1.0):
        for note in attack.run(make_worlds(shift=shift)[0]).notes:
            assert "\n" not in note and 10 < len(note) < 260


def test_unknown_options_are_refused(attack):
    for field in (one.name for one in fields(attack)):
        if field != "clip":
            with pytest.raises(PrivauditError):
                type(attack)(**{field: (1.5,) if field == "fractions" else "nonsense"})
        else:
            for clip in (0.0, 0.5, -1.0, float("nan")):
                with pytest.raises(PrivauditError, match="clip"):
                    type(attack)(clip=clip)
