import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.deduplicate import deduplicate, draw_records
from privaudit.errors import ConfigError


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, -0.0, 1.0, 1.5]), st.sampled_from([0.0, -0.0, 2.0]), st.integers(0, 1)),
        min_size=2,
        max_size=40,
    )
)
def test_first_of_equal_records_is_kept(records):
    labels = [label for *_, label in records]
    assume(len(set(labels)) == 2)
    data = dataset_from_arrays([features for *features, _ in records], labels, name="drawn")
    kept = deduplicate(data)
    first = [place for place, record in enumerate(records) if record not in records[:place]]  # tuples: -0.0 == 0.0
    assert kept.row.tolist() == first
    assert deduplicate(kept).digest() == kept.digest()


def test_same_features_with_another_label_are_another_record():
    assert deduplicate(dataset_from_arrays([[1.0], [1.0], [1.0]], [0, 1, 0], name="x")).row.tolist() == [0, 1]


def test_many_wide_records_are_fast():
    features = np.random.default_rng(0).integers(0, 2, (50_000, 500), dtype=np.uint8).astype(np.float32)
    features[40_000:] = features[:10_000]
    labels = np.tile([0, 1], 25_000)
    start = time.perf_counter()
    assert deduplicate(dataset_from_arrays(features, labels, name="wide")).n_records == 40_000
    assert time.perf_counter() - start < 10  # about 1 s; a quadratic search takes minutes


def test_records_are_drawn_in_source_order_without_replacement():
    data = dataset_from_arrays(np.arange(100)[:, None], np.arange(100) % 2, name="x")
    drawn = draw_records(data, 30, seed=4)
    assert (np.diff(drawn.row) > 0).all()
    assert drawn.row.tolist() == draw_records(data, 30, seed=4).row.tolist()
    assert drawn.row.tolist() != draw_records(data, 30, seed=5).row.tolist()
    assert draw_records(data, None, seed=4) is data
    assert draw_records(data, 100, seed=4).digest() == data.digest()


@pytest.mark.parametrize("n_records", [101, 1, 0, -3])
def test_more_records_than_there_are(n_records):
    data = dataset_from_arrays(np.arange(100)[:, None], np.arange(100) % 2, name="x")
    with pytest.raises(ConfigError, match=r"2\.\.100") as caught:
        draw_records(data, n_records, seed=0)
    assert caught.value.key == "data.n_records"
