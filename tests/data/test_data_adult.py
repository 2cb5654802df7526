from pathlib import Path

import numpy as np
import pytest

from privaudit.data import adult
from privaudit.data.adult import compact_adult, load_adult
from privaudit.data.bundled import BUNDLED
from privaudit.data.deduplicate import deduplicate
from privaudit.errors import DataError

BUNDLED_FILE = Path(adult.__file__).with_name("adult.npz")
PARQUET = Path(__file__).parents[3] / "shared" / "data" / "adult.parquet"


@pytest.fixture(scope="module")
def data():
    return load_adult()


def test_facts(data):
    assert data.features.shape == (42_468, 107)
    assert data.class_names == ("<=50K", ">50K")
    assert data.labels.mean() == pytest.approx(0.246, abs=0.0005)
    assert {name: len(set(values.tolist())) for name, values in data.groups.items()} == {"race": 5, "sex": 2}
    assert data.groups["sex"].tolist().count("Male") == 27_988


def test_no_record_comes_twice(data):
    assert deduplicate(data).n_records == data.n_records


def test_numeric_columns_are_standardised_and_the_others_are_zeros_and_ones(data):
    numbers, categories = data.features[:, :5].astype(np.float64), data.features[:, 5:]
    assert np.abs(numbers.mean(axis=0)).max() < 1e-4
    assert numbers.std(axis=0) == pytest.approx(1.0, abs=1e-4)
    assert set(np.unique(categories).tolist()) == {0.0, 1.0}
    assert (categories.sum(axis=1) == len(adult.CATEGORICAL)).all()
    assert categories.any(axis=0).all()


@pytest.mark.parametrize("group", ["sex", "race"])
def test_groups_are_among_the_features(data, group):
    values = sorted(set(data.groups[group].tolist()))
    wanted = data.groups[group][:, None] == np.array(values)
    columns = data.features[:, 5:].T.astype(bool)
    for value in wanted.T:
        assert (columns == value).all(axis=1).any()


def test_dropped_columns_leave_the_features_and_stay_groups(data):
    dropped = load_adult(drop=["sex", "age"])
    assert dropped.record_shape == (104,)
    assert dropped.groups["sex"].tolist() == data.groups["sex"].tolist()
    male = dropped.groups["sex"] == "Male"
    assert not (male == dropped.features.T).all(axis=1).any()


def test_hostile_drops():
    with pytest.raises(DataError, match="Did you mean race"):
        load_adult(drop=["rave"])
    with pytest.raises(DataError, match="keep at least one"):
        load_adult(drop=BUNDLED["adult"].columns)


def test_bundled_file_is_small_and_holds_no_objects():
    assert BUNDLED_FILE.stat().st_size <= 600_000
    with np.load(BUNDLED_FILE, allow_pickle=False) as stored:
        assert all(array.dtype.kind in "uU" for array in stored.values())


def test_licence_stands_beside_the_file():
    text = BUNDLED_FILE.with_name("LICENSE-adult.txt").read_text(encoding="utf-8")
    assert all(word in text for word in ("Becker", "Kohavi", "10.24432/C5XW20", "CC BY 4.0"))


def test_rebuilding_gives_the_bundled_arrays(tmp_path):
    if not PARQUET.is_file():
        pytest.skip("the full Adult table (../shared/data/adult.parquet) is not on this machine")
    pytest.importorskip("pyarrow", reason="reading Parquet needs pyarrow")
    out = tmp_path / "adult.npz"
    adult.rebuild(PARQUET, out)
    with np.load(out, allow_pickle=False) as new, np.load(BUNDLED_FILE, allow_pickle=False) as old:
        assert list(new) == list(old)
        for name in old:
            assert new[name].dtype == old[name].dtype
            assert (new[name] == old[name]).all()


def test_another_table_is_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"age.* missing"):
        compact_adult(pandas.DataFrame({"income": ["<=50K"]}))
