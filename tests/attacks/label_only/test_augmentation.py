"""Augmentation agreement: shares by hand, the ladder of queries, hostile signals, chance on coins that nothing saw."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.label_only.augmentation import N_VIEWS, VIEW_LADDER, AugmentationAgreement, agreement
from privaudit.attacks.label_only.gap import Gap
from privaudit.errors import ConfigError, DataError, MissingSignalError, ShapeError
from privaudit.estimators import auc, auc_null_variance
from privaudit.types import SignalTable

N_RECORDS = 60


def views_of(shape, seed=0):
    """Right and wrong answers: records differ in how many of their views are right."""
    rng = np.random.default_rng(seed)
    nature = rng.random(shape[1])[:, None]
    return (rng.random((*shape, N_VIEWS)) < nature) * 1.0


@pytest.fixture(scope="session")
def with_views(make_inputs):
    def make(design, views, **options):
        inputs = make_inputs(design, views[:, :, 0] - 0.5, **options)
        table = SignalTable(
            name="augmented_correct",
            values=views,
            model_index=np.arange(len(views)),
            record_index=np.arange(views.shape[1]),
        )
        return replace(inputs, signals={**inputs.signals, "augmented_correct": table})

    return make


@pytest.mark.parametrize("n_queries", [None, *VIEW_LADDER])
def test_the_score_is_the_share_of_the_first_views(draw_coins, make_design, with_views, n_queries):
    coins = draw_coins("paired", 4, N_RECORDS)
    views = views_of((4, N_RECORDS + 5))
    inputs = with_views(make_design(coins, n_population=5), views)
    (result,) = AugmentationAgreement(n_queries=n_queries).run(inputs, targets=[3])
    for record in range(N_RECORDS):
        first = views[3, record, : n_queries or 17].tolist()
        assert result.scores[record] == pytest.approx(sum(first) / len(first))
    assert result.params == {"n_queries": n_queries or 17} and result.access == "label"
    assert not result.depends_on_coins and result.notes == ()


def test_one_query_is_the_gap_attack(draw_coins, make_design, with_views):
    inputs = with_views(make_design(draw_coins("paired", 4, N_RECORDS)), views_of((4, N_RECORDS)))
    (one,) = AugmentationAgreement(n_queries=1).run(inputs, targets=[0])
    (gap,) = Gap().run(inputs, targets=[0])
    np.testing.assert_array_equal(one.scores, gap.scores)


@given(st.integers(0, 2**17 - 1), st.sampled_from(VIEW_LADDER))
def test_a_misclassified_record_is_kept_and_scores_by_its_other_views(bits, n_queries):
    row = np.array([[bits >> place & 1 for place in range(N_VIEWS)]], dtype=np.float64)
    score = agreement(row, n_queries)[0]
    assert 0 <= score <= 1
    without = row.copy()
    without[0, 0] = 0.0
    assert agreement(without, n_queries)[0] == pytest.approx(score - row[0, 0] / n_queries)


@pytest.mark.parametrize("n_queries", [0, -1, 2, 18, 100])
def test_illegal_numbers_of_queries_are_refused(n_queries):
    with pytest.raises(ConfigError, match="1, 5, 9, 17") as caught:
        AugmentationAgreement(n_queries=n_queries)
    assert caught.value.key == "n_queries"


def test_hostile_signals_are_refused(draw_coins, make_design, make_inputs, with_views):
    design, views = make_design(draw_coins("paired", 4, N_RECORDS)), views_of((4, N_RECORDS))
    with pytest.raises(ShapeError, match="17 views; got 16"):
        AugmentationAgreement().run(with_views(design, views[:, :, :16]), targets=[0])
    with pytest.raises(DataError, match="read_augmented_correct"):
        AugmentationAgreement().run(with_views(design, views * 0.5), targets=[0])
    with pytest.raises(DataError):
        AugmentationAgreement().run(with_views(design, np.where(views > 0, np.inf, 0.0)), targets=[0])
    with pytest.raises(MissingSignalError, match="augmented_correct"):
        AugmentationAgreement().run(
            make_inputs(design, np.ones((4, N_RECORDS)), leave_out=("augmented_correct",)), targets=[0]
        )


def test_a_constant_target_is_noted(draw_coins, make_design, with_views):
    is_class_1 = (np.arange(N_RECORDS) % 3 == 1) * 1.0
    views = np.broadcast_to(is_class_1[:, None], (4, N_RECORDS, N_VIEWS)).copy()
    (result,) = AugmentationAgreement().run(
        with_views(make_design(draw_coins("paired", 4, N_RECORDS)), views), targets=[0]
    )
    assert "class 1 to every record" in result.notes[0]


def test_no_other_model_is_looked_at(draw_coins, make_design, with_views):
    design, views = make_design(draw_coins("paired", 4, N_RECORDS)), views_of((4, N_RECORDS))
    (before,) = AugmentationAgreement().run(with_views(design, views), targets=[1])
    views[[0, 2, 3]] = 1 - views[[0, 2, 3]]
    (after,) = AugmentationAgreement().run(with_views(design, views), targets=[1])
    np.testing.assert_array_equal(before.scores, after.scores)


@pytest.mark.statistical
@pytest.mark.parametrize("n_queries", VIEW_LADDER)
def test_coins_that_nothing_saw_give_half(draw_coins, make_design, with_views, n_queries):
    """|z| below 5.2: the four of them fail together with probability 1e-6."""
    coins = draw_coins("paired", 4, 2000, seed=5)
    inputs = with_views(make_design(coins), views_of(coins.shape, seed=1))
    (result,) = AugmentationAgreement(n_queries=n_queries).run(inputs, targets=[0])
    n_in = int(result.label.sum())
    spread = np.sqrt(auc_null_variance(result.scores, n_in, 2000 - n_in))
    assert abs(auc(result.scores, result.label) - 0.5) < 5.2 * spread
