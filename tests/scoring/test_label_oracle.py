"""The oracle: labels alone, every query counted, budgets honoured to the query."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from privaudit.errors import ConfigError, DataError, PrivauditError, QueryBudgetError, ShapeError, UnsupportedError
from privaudit.numerics import is_correct
from privaudit.scoring.label_oracle import LabelOracle, label_oracle_of, refuse_constant


def sign(queries):
    return (queries[:, 0] > 0).astype(int)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 7))
def test_every_query_is_counted_for_its_record_whatever_the_batches(records, batch_size):
    seen = []

    def answer(queries):
        seen.append(len(queries))
        return sign(queries)

    oracle = LabelOracle(answer, n_records=4, batch_size=batch_size)
    queries = np.random.default_rng(0).standard_normal((len(records), 2))
    assert np.array_equal(oracle(queries, records), sign(queries.astype(np.float32)))
    assert oracle.n_queries.tolist() == [records.count(record) for record in range(4)]
    assert sum(seen) == len(records) and max(seen, default=0) <= batch_size


def test_a_budget_is_honoured_to_the_query_and_a_refused_call_asks_nothing():
    asked = []

    def answer(queries):
        asked.extend(queries)
        return sign(queries)

    oracle = LabelOracle(answer, n_records=2, budget=3)
    oracle(np.ones((3, 1)), [0, 0, 0])
    assert oracle.remaining([0, 1]).tolist() == [0, 3]
    with pytest.raises(QueryBudgetError, match=r"3 queries per record .* record 0 would need 4"):
        oracle(np.ones((2, 1)), [1, 0])
    assert len(asked) == 3 and oracle.n_queries.tolist() == [3, 0]
    oracle(np.ones((3, 1)), [1, 1, 1])
    assert oracle.n_queries.tolist() == [3, 3]


def test_an_oracle_without_a_budget_has_more_left_than_anyone_asks():
    assert LabelOracle(sign, n_records=1).remaining([0, 0]).tolist() == [np.iinfo(np.int64).max] * 2


def test_a_cached_query_is_asked_once_and_counted_once():
    asked = []

    def answer(queries):
        asked.extend(queries[:, 0].tolist())
        return sign(queries)

    oracle = LabelOracle(answer, n_records=2, budget=2, is_cached=True)
    assert oracle([[1.0], [1.0], [-1.0]], [0, 0, 0]).tolist() == [1, 1, 0]
    assert oracle([[-1.0], [1.0]], [0, 1]).tolist() == [0, 1]
    assert asked == [1.0, -1.0] and oracle.n_queries.tolist() == [2, 0]
    with pytest.raises(QueryBudgetError):
        oracle([[5.0]], [0])
    assert oracle([[5.0]], [1]).tolist() == [1]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda q: np.full((len(q), 3), 0.3), UnsupportedError, "hard labels"),
        (lambda q: np.full(len(q), 0.9), UnsupportedError, "argmax"),
        (lambda q: np.zeros((len(q), 1), dtype=int), ShapeError, "once per query"),
        (lambda q: np.zeros(len(q) + 1, dtype=int), ShapeError, "once per query"),
        (lambda q: np.array(["cat"] * len(q)), UnsupportedError, "integers"),
    ],
)
def test_scores_and_other_answers_are_refused(answer, error, words):
    with pytest.raises(error, match=words):
        LabelOracle(answer, n_records=1)(np.zeros((2, 1)), [0, 0])


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"n_records": 0}, "n_records"),
        ({"n_records": 1, "budget": -1}, "budget"),
        ({"n_records": 1, "batch_size": 0}, "batch_size"),
    ],
)
def test_bad_options_are_refused(options, key):
    with pytest.raises(ConfigError) as caught:
        LabelOracle(sign, **options)
    assert caught.value.key == key
    with pytest.raises(ConfigError, match="callable"):
        LabelOracle("a model", n_records=1)


@pytest.mark.parametrize("records", [[0], [0, 2], [-1, 0]])
def test_records_that_do_not_fit_are_refused(records):
    with pytest.raises(ShapeError):
        LabelOracle(sign, n_records=2)(np.zeros((2, 1)), records)


@pytest.mark.parametrize("n_outputs", [1, 2, 5])
def test_a_networks_labels_are_those_of_its_logits(n_outputs):
    torch.manual_seed(0)
    network = nn.Linear(4, n_outputs)
    queries = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    found = label_oracle_of(network, n_records=1)(queries, np.zeros(50, dtype=int))
    with torch.no_grad():
        logits = network(torch.from_numpy(queries)).numpy()
    assert is_correct(logits, found).all()


def test_an_oracle_hands_out_no_scores():
    public = {name for name in dir(label_oracle_of(nn.Linear(2, 2), n_records=1)) if not name.startswith("_")}
    assert public == {"budget", "n_queries", "remaining"}


def test_a_model_whose_outputs_are_not_finite_has_no_labels():
    network = nn.Linear(2, 2)
    nn.init.constant_(network.weight, float("nan"))
    with pytest.raises(DataError, match="finite"):
        label_oracle_of(network, n_records=1)(np.zeros((1, 2)), [0])


def test_a_constant_label_is_named():
    with pytest.raises(DataError, match=r"class 3 to all 1,000 queries"):
        refuse_constant(np.full(1000, 3))
    refuse_constant([0, 1])
    assert issubclass(QueryBudgetError, PrivauditError)
