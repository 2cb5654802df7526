import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.worst_records import choose_worst_records
from privaudit.errors import ConfigError, DataError, DegenerateScoresError, ShapeError


def area(values, member):
    """AUC of one record by counting pairs."""
    inside, outside = values[member == 1], values[member == 0]
    if not len(inside) or not len(outside):
        return -1.0
    above = (inside[:, None] > outside).sum() + 0.5 * (inside[:, None] == outside).sum()
    return above / (len(inside) * len(outside))


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), n_models=st.integers(2, 12), n_records=st.integers(2, 15))
def test_are_those_of_the_largest_auc_by_counted_pairs(seed, n_models, n_records):
    rng = np.random.default_rng(seed)
    signal = rng.integers(0, 4, (n_models, n_records)).astype(float)  # many ties
    is_in = rng.integers(0, 2, (n_models, n_records))
    is_in[:2, 0] = 0, 1
    areas = np.array([area(signal[:, record], is_in[:, record]) for record in range(n_records)])
    measured = int((areas >= 0).sum())
    chosen = choose_worst_records(signal, is_in, k=measured)
    expected = sorted(range(n_records), key=lambda record: (-round(areas[record], 12), record))[:measured]
    assert chosen.tolist() == expected
    assert choose_worst_records(signal, is_in, k=1).tolist() == expected[:1]
    with pytest.raises(ConfigError, match=rf"k must lie in 1\.\.{measured}"):
        choose_worst_records(signal, is_in, k=measured + 1)


def test_infinite_signals_have_ranks():
    signal = [[np.inf, 0.0], [-np.inf, 0.0], [np.inf, 1.0], [0.0, 2.0]]
    assert choose_worst_records(signal, [[1, 1], [0, 0], [1, 0], [0, 1]], k=2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("signal", "is_in", "error", "message"),
    [
        ([[0.0, 1.0]] * 2, [[0, 1]] * 3, ShapeError, "n_models, n_records"),
        ([0.0, 1.0], [0, 1], ShapeError, "n_models, n_records"),
        ([[0.0, np.nan], [1.0, 2.0]], [[0, 1], [1, 0]], DegenerateScoresError, "1 records .first: 1"),
        ([[0.0, 1.0], [1.0, 2.0]], [[0, 2], [1, 0]], DataError, "membership must be 1 .member. or 0"),
        ([[0.0, 1.0], [1.0, 2.0]], [[0, 1], [0, 1]], ConfigError, r"1\.\.0"),
    ],
)
def test_what_cannot_be_ranked_is_refused(signal, is_in, error, message):
    with pytest.raises(error, match=message):
        choose_worst_records(signal, is_in, k=1)
