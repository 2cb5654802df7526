"""The boundary distance attack on signals laid by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.label_only.boundary import CHECKPOINTS, LADDER, BoundaryDistance, distance_within, most_queries
from privaudit.errors import ConfigError, MissingSignalError, ShapeError, UnsupportedError
from privaudit.estimators import auc
from privaudit.types import SignalTable

N_MODELS, N_RECORDS, N_POPULATION = 4, 40, 6
N_COLUMNS = len(CHECKPOINTS)


def boundary_table(distance, spent=None, models=None, records=None):
    n_models, n_records = distance.shape[:2]
    spent = np.broadcast_to(np.array(LADDER) - 5.0, distance.shape) if spent is None else spent
    return SignalTable(
        name="boundary_distance",
        values=np.concatenate([distance, spent], axis=2),
        model_index=np.arange(n_models) if models is None else models,
        record_index=np.arange(n_records) if records is None else records,
    )


@pytest.fixture
def laid(draw_coins, make_design, make_inputs):
    """Inputs with distances that are larger for members and shrink over the checkpoints."""
    is_in = draw_coins("paired", N_MODELS, N_RECORDS - N_POPULATION)
    design = make_design(is_in, n_population=N_POPULATION)
    rng = np.random.default_rng(0)
    margin = rng.standard_normal((N_MODELS, N_RECORDS)) + 2 * design.is_in + 0.5
    last = np.where(margin > 0, np.exp(0.3 * rng.standard_normal(margin.shape) + design.is_in), 0.0)
    distance = last[:, :, None] * np.linspace(3, 1, N_COLUMNS)
    inputs = make_inputs(design, margin)

    def with_table(table):
        return replace(inputs, signals={**inputs.signals, "boundary_distance": table})

    return inputs, distance, with_table


def test_scores_are_the_last_distances_of_the_records_with_a_coin(laid):
    inputs, distance, with_table = laid
    results = BoundaryDistance().run(with_table(boundary_table(distance)), targets=[1, 2])
    records = inputs.design.coin_records
    for target, result in zip((1, 2), results, strict=True):
        assert result.target == target and result.access == "label" and result.attack == "boundary"
        np.testing.assert_array_equal(result.scores, distance[target, records, -1])
        assert auc(result.scores, result.label) > 0.7
        assert result.params["mean_queries"] == LADDER[-1] - 5.0
        assert result.params["n_misclassified"] == (distance[target, records, -1] == 0).sum()
        assert result.notes == () and not result.depends_on_coins


def test_only_targets_need_to_have_been_measured(laid):
    _, distance, with_table = laid
    table = boundary_table(distance[[3, 1]], models=np.array([3, 1]))
    (whole,) = BoundaryDistance().run(with_table(boundary_table(distance)), targets=[3])
    (part,) = BoundaryDistance().run(with_table(table), targets=[3])
    np.testing.assert_array_equal(part.scores, whole.scores)
    with pytest.raises(
        MissingSignalError, match=r"not measured on every record with a coin of target 2; it was on models \[3, 1\]"
    ):
        BoundaryDistance().run(with_table(table), targets=[2])
    assert BoundaryDistance.measured_on == "targets"


def test_records_with_a_coin_must_all_have_been_measured_and_others_need_not(laid):
    inputs, distance, with_table = laid
    records = inputs.design.coin_records
    table = boundary_table(distance[:, records], records=records)
    assert len(BoundaryDistance().run(with_table(table), targets=[0])[0].scores) == len(records)
    table = boundary_table(distance[:, records[1:]], records=records[1:])
    with pytest.raises(MissingSignalError, match="every record with a coin of target 0"):
        BoundaryDistance().run(with_table(table), targets=[0])


def test_the_order_of_measured_records_does_not_matter(laid):
    _, distance, with_table = laid
    order = np.random.default_rng(1).permutation(N_RECORDS)
    (shuffled,) = BoundaryDistance().run(with_table(boundary_table(distance[:, order], records=order)), targets=[0])
    (straight,) = BoundaryDistance().run(with_table(boundary_table(distance)), targets=[0])
    np.testing.assert_array_equal(shuffled.scores, straight.scores)


def test_misclassified_records_stand_below_and_unreached_ones_above_all(laid):
    inputs, distance, with_table = laid
    failed = inputs.design.coin_records[:3]
    distance[0, failed] = np.inf
    (result,) = BoundaryDistance().run(with_table(boundary_table(distance)), targets=[0])
    is_wrong = inputs.signals["correct"].values[0, inputs.design.coin_records, 0] == 0
    n_failed = int((~is_wrong[:3]).sum())
    assert (result.scores[is_wrong] == 0).all() and result.params["n_failed"] == n_failed > 0
    assert (result.scores == np.inf).sum() == n_failed
    assert result.notes == (f"no boundary was reached from {n_failed} of 34 records; they share the largest score",)


@pytest.mark.parametrize("n_queries", LADDER)
def test_fewer_queries_take_an_earlier_checkpoint(laid, n_queries):
    inputs, distance, with_table = laid
    attack = BoundaryDistance(n_queries=n_queries)
    (result,) = attack.run(with_table(boundary_table(distance)), targets=[0])
    place = LADDER.index(n_queries)
    np.testing.assert_array_equal(result.scores, distance[0, inputs.design.coin_records, place])
    assert result.params["n_queries"] == n_queries and result.params["mean_queries"] <= n_queries


@given(
    spent=st.lists(st.integers(1, 300), min_size=N_COLUMNS, max_size=N_COLUMNS).map(sorted),
    n_queries=st.sampled_from(LADDER),
)
def test_a_record_counts_as_far_as_its_own_queries_reached(spent, n_queries):
    distances = np.arange(N_COLUMNS, 0, -1.0)[None]
    found, used = distance_within(distances, np.array([spent], dtype=float), n_queries)
    affordable = [place for place, queries in enumerate(spent) if queries <= n_queries] or [0]
    assert found[0] == distances[0, affordable[-1]] and used[0] == spent[affordable[-1]]


def test_a_target_with_one_answer_is_noted(laid):
    inputs, distance, with_table = laid
    answers_2 = inputs.labels == 2
    distance[0] = np.where(answers_2, np.inf, 0.0)[:, None]
    correct = replace(inputs.signals["correct"], values=np.repeat(answers_2[None, :, None] * 1.0, N_MODELS, axis=0))
    table = boundary_table(distance)
    with_constant = replace(inputs, signals={**with_table(table).signals, "correct": correct})
    (result,) = BoundaryDistance().run(with_constant, targets=[0])
    assert "answers class 2 to every record" in result.notes[0] and "no boundary was reached" in result.notes[1]


def test_illegal_numbers_of_queries_name_the_legal_ones():
    with pytest.raises(ConfigError, match=f"one of {', '.join(map(str, LADDER))}; got 50") as caught:
        BoundaryDistance(n_queries=50)
    assert caught.value.key == "n_queries"
    assert tuple(sorted(set(LADDER))) == LADDER and most_queries(9) == 2172


def test_other_columns_are_refused(laid):
    _, distance, with_table = laid
    table = boundary_table(distance)
    with pytest.raises(ShapeError, match="10 numbers per record"):
        BoundaryDistance().run(with_table(replace(table, values=table.values[:, :, :4])), targets=[0])


def test_missing_signals_and_strange_targets_are_named(laid):
    inputs, distance, with_table = laid
    without = replace(inputs, signals={"correct": inputs.signals["correct"]})
    with pytest.raises(MissingSignalError, match="boundary_distance was not collected"):
        BoundaryDistance().run(without, targets=[0])
    with pytest.raises(UnsupportedError, match="7"):
        BoundaryDistance().run(with_table(boundary_table(distance)), targets=[7])
