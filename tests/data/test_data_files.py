import contextlib

import numpy as np
import pytest

from privaudit.data.files import MAX_CATEGORIES, load_csv, load_npz
from privaudit.errors import ConfigError, DataError, PrivauditError, UnsupportedError

TABLE = "id,age,colour,flag,same,y\n007,10,red,True,5,no\n008,20,blue,False,5,yes\n009,30,red,True,5,no\n"


@pytest.fixture
def write(tmp_path):
    def _write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return _write


def test_columns_are_encoded_by_their_kind(write):
    data = load_csv(write(TABLE), label="y", record_id="id", groups=["colour"])
    assert data.record_ids.tolist() == ["007", "008", "009"]
    assert data.class_names == ("no", "yes")
    assert data.labels.tolist() == [0, 1, 0]
    assert data.groups["colour"].tolist() == ["red", "blue", "red"]
    age, blue, red, flag = data.features.T
    assert age == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert blue.tolist() == [0, 1, 0]
    assert red.tolist() == [1, 0, 1]
    assert flag.mean() == pytest.approx(0, abs=1e-6)
    assert data.name == "table"


def test_dropped_columns_are_no_features_and_may_be_groups(write):
    data = load_csv(write(TABLE), label="y", groups=["colour"], drop=["colour", "flag", "id"])
    assert data.record_shape == (1,)
    assert data.groups["colour"].tolist() == ["red", "blue", "red"]


def test_label_numbers_and_huge_values(write):
    data = load_csv(write("x,y\n1e308,1\n-1e308,2\n0,1\n"), label="y")
    assert data.class_names == ("1", "2")
    assert data.features.std() == pytest.approx(1)


def test_byte_order_mark_and_spaces(write):
    assert load_csv(write(b"\xef\xbb\xbfx, y\n1, a\n2, b\n"), label="y").class_names == ("a", "b")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", {}, "no readable CSV"),
        ("\n\n", {}, "no readable CSV"),
        ("x,y\n", {}, "no records"),
        ("x,y\n1,a\n2,b,c,d\n", {}, "no readable CSV"),
        ("x,y\n1,a,3\n2,b,4\n", {}, "no readable CSV"),
        ('x,y\n"1,a\n2,b\n', {}, "no readable CSV"),
        (b"\xff\xfe\x00x", {}, "no readable CSV"),
        ("x,y\n1,a\n,b\n", {}, r"missing values in 1 columns: x \(1\).*Fill"),
        ("x,y\n1,a\n2,\n3,b\n", {}, r"y \(1\)"),
        ("x,i,y\n1,a,0\n2,,1\n", {"record_id": "i"}, r"i \(1\)"),
        ("x,i,y\n1,a,0\n2,a,1\n", {"record_id": "i"}, "distinct"),
        ("x,g,y\n1,a,0\n2,,1\n", {"groups": ["g"], "drop": ["g"]}, r"g \(1\)"),
        ("x,y\n1,a\ninf,b\n", {}, "column x has 1 infinite"),
        ("x,lable\n1,a\n2,b\n", {"label": "label"}, "Did you mean lable"),
        ("x,y\n1,a\n2,b\n", {"record_id": "xx"}, "no column 'xx'"),
        ("x,y\n1,a\n2,b\n", {"groups": ["sex"]}, "no column 'sex'"),
        ("x,y\n1,a\n2,b\n", {"drop": ["z"]}, "no column 'z'"),
        ("x,y\n1,a\n2,b\n", {"drop": ["x"]}, "no feature is left"),
        ("x,y\n1,a\n1,b\n", {}, "no feature is left"),
        ("x,y\n1,a\n2,a\n", {}, "one class"),
        ("y\na\nb\n", {}, "no feature is left"),
    ],
)
def test_hostile_tables(content, options, words, write):
    with pytest.raises(DataError, match=words) as caught:
        load_csv(write(content), **{"label": "y", **options})
    assert "\n" not in str(caught.value)


def test_missing_values_in_a_dropped_column_do_no_harm(write):
    assert load_csv(write("x,z,y\n1,,a\n2,3,b\n"), label="y", drop=["z"]).n_records == 2


def test_free_text_is_refused_before_it_fills_the_memory(write):
    lines = [f"t{row},{row % 2}" for row in range(MAX_CATEGORIES + 1)]
    with pytest.raises(DataError, match="column x has 1001 distinct texts"):
        load_csv(write("\n".join(["x,y", *lines])), label="y")


def test_regression_target_is_refused(write):
    with pytest.raises(UnsupportedError, match="classifiers"):
        load_csv(write("x,y\n1,0.5\n2,1.5\n"), label="y")


@pytest.mark.parametrize("loader", [load_csv, load_npz])
def test_absent_files(loader, tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(ConfigError, match="no such file"):
            loader(path, label="y")


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "data.npz"
    features = np.random.default_rng(0).normal(size=(50, 3))
    labels = np.arange(50) % 2
    np.savez_compressed(
        path, X=features, y=labels, target=1 - labels, ids=np.arange(50) + 100, groups_sex=np.repeat(["f", "m"], 25)
    )
    return path


def test_archive(archive):
    data = load_npz(archive)
    assert data.record_shape == (3,)
    assert data.record_ids[0] == "100"
    assert data.groups["sex"].tolist() == ["f"] * 25 + ["m"] * 25
    assert (load_npz(archive, label="target").labels == 1 - data.labels).all()


def test_missing_array(archive):
    with pytest.raises(DataError, match="Did you mean target"):
        load_npz(archive, label="targets")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_truncated_archive(archive, share):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"no readable \.npz"):
        load_npz(archive)


def test_damaged_archive(archive):
    content = bytearray(archive.read_bytes())
    for place in range(0, len(content), 29):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        archive.write_bytes(damaged)
        with contextlib.suppress(PrivauditError):  # a flipped bit of a zip date harms nothing; all else is our error
            load_npz(archive)


def test_archive_of_objects_and_bare_array(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([[1], ["a"]], dtype=object), y=[0, 1])
    with pytest.raises(DataError, match=r"no readable \.npz"):
        load_npz(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"no readable \.npz"):
        load_npz(path)
