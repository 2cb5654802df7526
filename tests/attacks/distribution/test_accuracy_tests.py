"""The loss test and the threshold test, each against its rule written out."""

from dataclasses import replace

import numpy as np

from privaudit.attacks.distribution.loss_test import LossTest
from privaudit.attacks.distribution.threshold_test import ThresholdTest
from privaudit.attacks.distribution.thresholds import exact_threshold
from privaudit.types.worlds import WorldInputs


def of_labels(shadow_right, shadow_world, victim_right, query_world):
    """Inputs of two classes where each model is right (1) or wrong (0) on each query; the true class is 1."""
    shadows, victims = np.array(shadow_right, dtype=np.int64), np.array(victim_right, dtype=np.int64)
    return WorldInputs(
        shadows=np.stack([1.0 - shadows, shadows], axis=2),
        shadow_world=np.array(shadow_world),
        victims=None,
        victim_labels=victims,
        query_label=np.ones(shadows.shape[1], dtype=np.int64),
        query_world=np.array(query_world),
    )


def test_the_loss_test_by_hand():
    inputs = of_labels(
        [[1] * 5] * 2, [0, 1], [[1, 1, 1, 0, 0], [0, 1, 1, 1, 1], [0, 1, 1, 1, 0], [1, 1, 0, 0, 0]], [0, 0, 1, 1, 1]
    )
    scores = LossTest().run(inputs).scores
    np.testing.assert_allclose(scores, [1 / 3 - 1, 1 - 1 / 2, 2 / 3 - 1 / 2, -1.0])


def test_equal_accuracies_say_world_1():
    """3 of 10 and 30 of 100 are one number, whatever their sums are like."""
    right = np.zeros((1, 110), dtype=np.int64)
    right[0, :3] = right[0, 10:40] = 1
    inputs = of_labels([[1] * 110] * 2, [0, 1], right, [0] * 10 + [1] * 100)
    assert LossTest().run(inputs).scores.tolist() == [0.0]


def test_the_loss_by_hand(make_worlds):
    inputs, _ = make_worlds(n_classes=3)
    own = np.log(np.take_along_axis(inputs.victims, inputs.query_label[None, :, None], axis=2)[:, :, 0].clip(1e-4))
    want = own[:, inputs.query_world == 1].mean(axis=1) - own[:, inputs.query_world == 0].mean(axis=1)
    np.testing.assert_allclose(LossTest(quantity="loss").run(inputs).scores, want)
    assert LossTest(quantity="loss").access == "score" and LossTest().access == "label"


def test_the_loss_test_looks_at_no_shadow_model(make_worlds):
    inputs, _ = make_worlds()
    other = replace(inputs, shadows=inputs.shadows[::-1])
    np.testing.assert_array_equal(LossTest().run(inputs).scores, LossTest().run(other).scores)


def test_the_better_query_set_is_kept():
    """Set 0 tells two of four shadow models apart, set 1 all: the set of lower accuracy would be the wrong one."""
    shadows = [[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]]
    result = ThresholdTest().run(of_labels(shadows, [0, 0, 1, 1], [[1, 1, 0, 0], [0, 0, 1, 1]], [0, 0, 1, 1]))
    np.testing.assert_allclose(result.scores, [-0.25, 0.75])
    assert "queries of world 1" in result.notes[0] and "above 0.25" in result.notes[0]
    lower = ThresholdTest().run(of_labels(shadows, [1, 1, 0, 0], [[1, 1, 0, 0], [0, 0, 1, 1]], [0, 0, 1, 1]))
    np.testing.assert_allclose(lower.scores, [0.25, -0.75])
    assert "below" in lower.notes[0]


def test_the_threshold_is_the_exact_one(make_worlds):
    inputs, _ = make_worlds(shift=0.7, n_shadows=(9, 6))
    said, found = inputs.shadows.argmax(axis=2), {}
    for world in (0, 1):
        queries = inputs.query_world == world
        right = (said == inputs.query_label)[:, queries].mean(axis=1)
        found[world] = exact_threshold(right[inputs.shadow_world == 0], right[inputs.shadow_world == 1])
    kept = int(f"{found[1].accuracy > found[0].accuracy:d}")
    queries = inputs.query_world == kept
    right = (inputs.victim_labels == inputs.query_label)[:, queries].mean(axis=1)
    np.testing.assert_allclose(
        ThresholdTest().run(inputs).scores, found[kept].direction * (right - found[kept].threshold)
    )
    assert found[0].accuracy != found[1].accuracy


def test_no_threshold_gives_everyone_to_world_1():
    same = [[1, 0, 1, 0]] * 4
    result = ThresholdTest().run(of_labels(same, [0, 0, 1, 1], [[1, 1, 1, 1], [0, 0, 0, 0]], [0, 0, 1, 1]))
    assert result.scores.tolist() == [0.0, 0.0] and "no threshold" in result.notes[0]
