import dataclasses
import pickle

import numpy as np
import pytest

from privaudit.data.dataset import Dataset, dataset_from_arrays, encode_labels
from privaudit.errors import DataError, ShapeError, UnsupportedError


def small(**changes):
    content = {
        "name": "small",
        "features": np.arange(12, dtype=np.float32).reshape(4, 3),
        "labels": [0, 1, 0, 1],
        "record_ids": ["a", "b", "c", "d"],
        "groups": {"sex": ["f", "m", "f", "m"]},
        "class_names": ("no", "yes"),
        "row": [0, 1, 2, 3],
    }
    return Dataset(**{**content, **changes})


def test_shapes_and_properties():
    data = small(features=np.zeros((4, 2, 5)))
    assert (data.n_records, data.n_classes, data.record_shape) == (4, 2, (2, 5))
    assert data.features.dtype == np.float32
    assert data.labels.dtype == np.int64


def test_arrays_are_read_only_and_the_callers_are_not():
    features = np.zeros((4, 3), dtype=np.float32)
    sex = np.array(["f", "m", "f", "m"])
    data = small(features=features, groups={"sex": sex})
    for array in (data.features, data.labels, data.record_ids, data.row, data.groups["sex"]):
        assert not array.flags.writeable
    features[0, 0] = sex[0] = 9
    assert data.features[0, 0] == 0
    assert data.groups["sex"][0] == "f"
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"features": np.full((4, 3), np.nan)}, DataError, "finite"),
        ({"features": np.zeros((5, 3))}, ShapeError, r"labels must have shape \(5,\)"),
        ({"features": np.zeros(4)}, ShapeError, "features must have shape"),
        ({"features": np.zeros((4, 0))}, ShapeError, "not be empty"),
        ({"labels": [0, 1, 2, 1]}, DataError, r"0\.\.1; got 0\.\.2"),
        ({"labels": [0, 1, -1, 1]}, DataError, r"got -1\.\.1"),
        ({"labels": [1, 1, 1, 1]}, DataError, r"a data set with one class \(yes\)"),
        ({"record_ids": ["a", "b", "a", "d"]}, DataError, "first: a"),
        ({"groups": {"sex": ["f"]}}, ShapeError, "group sex"),
        ({"row": [0]}, ShapeError, "row"),
    ],
)
def test_what_does_not_fit_is_refused(changes, error, words):
    with pytest.raises(error, match=words):
        small(**changes)


def test_subset_keeps_source_rows_ids_and_groups():
    data = small().subset([1, 2, 3]).subset([2, 1])
    assert data.row.tolist() == [3, 2]
    assert data.record_ids.tolist() == ["d", "c"]
    assert data.groups["sex"].tolist() == ["m", "f"]
    assert small().subset(np.array([True, True, False, False])).row.tolist() == [0, 1]


@pytest.mark.parametrize(("index", "words"), [([0, 2], "one class"), ([0, 0, 1], "more than once"), ([], "empty")])
def test_subset_that_cannot_be_audited_is_refused(index, words):
    with pytest.raises(DataError, match=words):
        small().subset(np.array(index, dtype=int))


def test_digest_sees_values_ids_and_groups_and_not_text_widths():
    wide = small(groups={"sex": np.array(["f", "m", "f", "m"], dtype="<U30")})
    assert wide.digest() == small().digest()
    assert len(small().digest()) == 64
    others = [
        small(features=np.arange(12).reshape(4, 3) + 1),
        small(labels=[1, 1, 0, 1]),
        small(record_ids=["a", "b", "c", "e"]),
        small(groups={"sex": ["f", "m", "m", "m"]}),
        small(groups={"sax": ["f", "m", "f", "m"]}),
        small(features=np.arange(12).reshape(4, 1, 3)),
    ]
    assert len({small().digest(), *(other.digest() for other in others)}) == 7


def test_digest_survives_pickling():
    assert pickle.loads(pickle.dumps(small())).digest() == small().digest()


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (["b", "a", "c"], [1, 0, 2], ("a", "b", "c")),
        (np.array(["b", "a"], dtype=object), [1, 0], ("a", "b")),
        ([True, False], [1, 0], ("False", "True")),
        ([30, -2, 10], [2, 0, 1], ("-2", "10", "30")),
        (np.array([2.0, 1.0]), [1, 0], ("1", "2")),
        (np.array([5, 7], dtype=np.uint8), [0, 1], ("5", "7")),
    ],
)
def test_any_labels_are_numbered_in_sorted_order(labels, codes, names):
    found, found_names = encode_labels(labels)
    assert found.tolist() == codes
    assert found.dtype == np.int64
    assert found_names == names


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ([0.5, 1.0], UnsupportedError, "audits classifiers"),
        ([1e300, 1.0], UnsupportedError, "classifiers"),
        ([np.nan, 1.0], DataError, "1 are NaN"),
        (["a", None], DataError, "none missing"),
        (np.array(["a", 1], dtype=object), DataError, "int, text"),
        ([[0, 1], [1, 0]], ShapeError, "one class per record"),
        ([1j, 2j], DataError, "complex"),
    ],
)
def test_hostile_labels(labels, error, words):
    with pytest.raises(error, match=words):
        encode_labels(labels)


@pytest.mark.parametrize(
    ("features", "words"),
    [([["x"], ["y"]], "numbers"), ([[1j], [2]], "complex"), ([[1e300], [0]], "finite"), ([[np.inf], [0]], "finite")],
)
def test_hostile_features(features, words):
    with pytest.raises(DataError, match=words):
        dataset_from_arrays(features, [0, 1], name="hostile")


def test_regression_target_is_refused():
    with pytest.raises(UnsupportedError, match="classes"):
        dataset_from_arrays(np.zeros((3, 1)), [0.1, 0.2, 0.3], name="house prices")


def test_one_class_is_refused():
    with pytest.raises(DataError, match="one class"):
        dataset_from_arrays(np.zeros((3, 1)), ["a", "a", "a"], name="one")
