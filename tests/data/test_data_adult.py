from pathlib import Path

import numpy as np
import pytest

from privaudit.data.adult import adult_features, compact_adult, load_adult, rebuild
from privaudit.data.bundled import BUNDLED
from privaudit.data.duplicates import without_duplicates
from privaudit.errors import DataError

BUNDLED_FILE = Path(__file__).parents[2] / "privaudit" / "data" / "adult.npz"
SOURCE = Path(__file__).parents[3] / "shared" / "data" / "adult.parquet"
needs_source = pytest.mark.skipif(not SOURCE.exists(), reason="the full Adult table is not beside the repository")


@pytest.fixture(scope="module")
def adult():
    return load_adult()


@pytest.fixture(scope="module")
def arrays():
    with np.load(BUNDLED_FILE, allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def frame():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="pyarrow reads the full table")
    return pd.read_parquet(SOURCE)


def test_size_classes_and_groups(adult):
    assert adult.features.shape == (42_468, 107)
    assert adult.class_names == ("<=50K", ">50K")
    assert round(float(adult.labels.mean()), 3) == 0.246
    assert set(adult.groups["sex"]) == {"Female", "Male"}
    assert len(set(adult.groups["race"])) == 5


def test_no_record_comes_twice(adult):
    assert without_duplicates(adult).n_records == adult.n_records


def test_numeric_columns_are_standardised_and_others_are_0_or_1(adult):
    numeric, coded = adult.features[:, :5].astype(np.float64), adult.features[:, 5:]
    np.testing.assert_allclose(numeric.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(numeric.std(axis=0), 1.0, atol=1e-6)
    assert set(np.unique(coded)) == {0.0, 1.0}
    assert (coded.sum(axis=1) == 8).all()


@pytest.mark.parametrize("group", ["sex", "race"])
def test_groups_are_among_the_features(adult, group):
    kept = load_adult(drop=[group])
    values = sorted(set(adult.groups[group]))
    assert kept.features.shape[1] == 107 - len(values)
    assert kept.groups[group].tolist() == adult.groups[group].tolist()
    for value in values:
        indicator = (adult.groups[group] == value).astype(np.float32)
        assert (adult.features[:, 5:] == indicator[:, None]).all(axis=0).any()


def test_columns_to_drop_must_exist(arrays):
    with pytest.raises(DataError, match="Did you mean workclass"):
        adult_features(arrays, ["workclas"])
    with pytest.raises(DataError, match="keep at least one"):
        adult_features(arrays, BUNDLED["adult"].columns)


def test_the_bundled_file_is_small():
    assert BUNDLED_FILE.stat().st_size <= 600_000


@needs_source
def test_the_bundled_file_comes_from_the_full_table(arrays, frame):
    made = compact_adult(frame)
    assert made.keys() == arrays.keys()
    for name, values in made.items():
        assert values.dtype == arrays[name].dtype
        np.testing.assert_array_equal(values, arrays[name])


@needs_source
def test_rebuilding_gives_the_same_bytes(tmp_path, frame):
    for name in ("a.npz", "b.npz"):
        rebuild(SOURCE, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@needs_source
def test_the_wrong_table_is_refused(frame):
    with pytest.raises(DataError, match="age missing"):
        compact_adult(frame.drop(columns="age"))
