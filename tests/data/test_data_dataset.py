import numpy as np
import pytest

from privaudit.data.dataset import Dataset, dataset_from_arrays
from privaudit.errors import DataError, ShapeError, UnsupportedError


def make(labels=("b", "a", "b"), **changes):
    given = {"name": "tiny", "groups": {"sex": ["f", "m", "f"]}} | changes
    return dataset_from_arrays(np.arange(6).reshape(3, 2), labels, **given)


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        ([7, -1, 3], [2, 0, 1], ("-1", "3", "7")),
        ([10, 9, 10], [1, 0, 1], ("9", "10")),
        ([True, False, True], [1, 0, 1], ("False", "True")),
        ([2.0, 1.0, 2.0], [1, 0, 1], ("1", "2")),
        (np.array(["b", "a", "b"], dtype=object), [1, 0, 1], ("a", "b")),
    ],
)
def test_labels_are_numbered_in_sorted_order(labels, codes, names):
    data = make(labels)
    assert (data.labels.tolist(), data.class_names) == (codes, names)


def test_regression_is_unsupported():
    with pytest.raises(UnsupportedError, match=r"audits classifiers.*first: 0\.5"):
        make([0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 1, 1], "data set with one class"),
        ([1.0, np.nan, 2.0], "1 are NaN"),
        (np.array(["a", None, "b"], dtype=object), "none missing"),
        (np.array(["a", 1, "b"], dtype=object), "of one type"),
        (np.array([1j, 2, 3]), "complex"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        make(labels)


def test_features_must_be_finite_numbers():
    with pytest.raises(DataError, match=r"first rows \[1\]"):
        dataset_from_arrays([[1.0], [np.nan], [2.0]], [0, 1, 0], name="x")
    with pytest.raises(DataError, match="finite"):
        dataset_from_arrays([[1.0], [1e300], [2.0]], [0, 1, 0], name="x")
    with pytest.raises(DataError, match="must be numbers"):
        dataset_from_arrays([["a"], ["b"]], [0, 1], name="x")


def test_shapes_must_fit():
    with pytest.raises(ShapeError, match="labels"):
        dataset_from_arrays([[1.0], [2.0]], [0, 1, 0], name="x")
    with pytest.raises(ShapeError, match="group sex"):
        make(groups={"sex": ["f"]})
    with pytest.raises(ShapeError, match="features"):
        dataset_from_arrays([1.0, 2.0], [0, 1], name="x")


def test_ids_must_be_distinct():
    with pytest.raises(DataError, match=r"distinct.*first: p"):
        make(record_ids=["p", "p", "q"])


def test_label_out_of_range_is_refused():
    with pytest.raises(DataError, match=r"0\.\.1; got 0\.\.2"):
        Dataset(
            name="x",
            features=np.zeros((2, 1), dtype=np.float32),
            labels=np.array([0, 2]),
            record_ids=np.array(["0", "1"]),
            class_names=("a", "b"),
            row=np.arange(2),
        )


def test_arrays_cannot_be_written_and_the_callers_are_left_alone():
    features = np.zeros((3, 2), dtype=np.float32)
    data = dataset_from_arrays(features, [0, 1, 0], name="x", groups={"g": ["a", "b", "a"]})
    for array in (data.features, data.labels, data.record_ids, data.row, data.groups["g"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    before = data.digest()
    features[0] = 5.0
    assert data.digest() == before


def test_subset_keeps_rows_ids_and_groups():
    part = make().subset([2, 1]).subset(np.array([True, True]))
    assert part.row.tolist() == [2, 1]
    assert part.record_ids.tolist() == ["2", "1"]
    assert part.groups["sex"].tolist() == ["f", "m"]
    assert (part.n_records, part.n_classes) == (2, 2)
    with pytest.raises(DataError, match="one class"):
        make().subset([0, 2])


def test_digest_sees_every_part_and_nothing_else():
    base = make()
    others = [
        make(["a", "b", "b"]),
        make(record_ids=["x", "y", "z"]),
        make(groups={"sex": ["f", "m", "m"]}),
        make(groups={"gender": ["f", "m", "f"]}),
        make(groups={}),
        dataset_from_arrays(np.arange(6).reshape(3, 2) + 1, ["b", "a", "b"], name="tiny"),
    ]
    assert len({data.digest() for data in [base, *others]}) == 7
    wide = make(groups={"sex": np.array(["f", "m", "f"], dtype="U40")})
    assert wide.digest() == base.digest() == make(name="other").digest()
    assert len(base.digest()) == 64


def test_digest_does_not_confuse_shapes():
    flat = dataset_from_arrays(np.zeros((2, 4)), [0, 1], name="x")
    square = dataset_from_arrays(np.zeros((2, 2, 2)), [0, 1], name="x")
    assert flat.digest() != square.digest()
