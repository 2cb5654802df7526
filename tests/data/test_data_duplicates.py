import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.duplicates import draw_records, without_duplicates
from privaudit.errors import ConfigError

SMALL = npst.arrays(
    np.float32, st.tuples(st.integers(2, 12), st.integers(1, 3)), elements=st.sampled_from([0.0, -0.0, 1])
)


@given(SMALL, st.randoms(use_true_random=False))
def test_keeps_the_first_of_equal_records(features, random):
    labels = np.array([random.randrange(2) for _ in features])
    labels[:2] = 0, 1
    kept = without_duplicates(dataset_from_arrays(features, labels, name="x"))
    first = {}
    for row, (record, label) in enumerate(zip(features.tolist(), labels.tolist(), strict=True)):
        first.setdefault((tuple(record), label), row)  # Python holds 0.0 and -0.0 for equal as well
    assert kept.row.tolist() == list(first.values())
    assert without_duplicates(kept).digest() == kept.digest()


def test_minus_zero_equals_zero_and_labels_count():
    data = dataset_from_arrays([[0.0], [-0.0], [0.0], [1.0]], [0, 0, 1, 1], name="x")
    assert without_duplicates(data).row.tolist() == [0, 2, 3]


def test_large_data_are_fast():
    rng = np.random.default_rng(0)
    half = rng.random((10_000, 200), dtype=np.float32)
    data = dataset_from_arrays(np.vstack([half, half]), np.tile(rng.integers(0, 2, 10_000), 2), name="x")
    assert without_duplicates(data).n_records == 10_000


@pytest.fixture
def hundred():
    return dataset_from_arrays(np.arange(100.0)[:, None], np.arange(100) % 2, name="hundred")


def test_draw_is_without_replacement_in_source_order(hundred):
    rows = draw_records(hundred, 40, seed=3).row
    assert len(rows) == 40
    assert (np.diff(rows) > 0).all()
    assert rows.tolist() == draw_records(hundred, 40, seed=3).row.tolist()
    assert rows.tolist() != draw_records(hundred, 40, seed=4).row.tolist()


def test_draw_of_none_is_everything(hundred):
    assert draw_records(hundred, None, seed=0) is hundred
    assert draw_records(hundred, 100, seed=0).digest() == hundred.digest()


@pytest.mark.parametrize("n_records", [101, 1, 0, -5])
def test_draw_refuses_impossible_numbers(hundred, n_records):
    with pytest.raises(ConfigError, match=r"2\.\.100.*hundred") as caught:
        draw_records(hundred, n_records, seed=0)
    assert caught.value.key == "data.n_records"
