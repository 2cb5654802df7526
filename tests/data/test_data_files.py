import numpy as np
import pytest

from privaudit.data.files import load_csv, load_npz
from privaudit.errors import ConfigError, DataError

TABLE = """id,age,city,flat,sex,income
007,20,Rome,1,f,high
008,40,Oslo,1,m,low
009,60,Rome,1,f,low
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    return path


def test_csv_is_encoded(table):
    data = load_csv(table, label="income", record_id="id", groups=["sex"])
    deviation = np.sqrt(1.5)
    expected = [
        [-deviation, 0, 1, 1, 0],
        [0, 1, 0, 0, 1],
        [deviation, 0, 1, 1, 0],
    ]  # age, Oslo, Rome, f, m; flat is constant
    np.testing.assert_allclose(data.features, expected, atol=1e-6)
    assert data.class_names == ("high", "low")
    assert data.labels.tolist() == [0, 1, 1]
    assert data.record_ids.tolist() == ["007", "008", "009"]
    assert data.groups["sex"].tolist() == ["f", "m", "f"]
    assert data.name == "people"


def test_csv_drop_leaves_the_group_but_not_the_feature(table):
    data = load_csv(table, label="income", groups=["sex"], drop=["sex", "id", "city"])
    assert data.features.shape == (3, 1)
    assert data.groups["sex"].tolist() == ["f", "m", "f"]
    assert data.record_ids.tolist() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"label": "incom"}, "Did you mean income"),
        ({"label": "income", "record_id": "idd"}, "Did you mean id"),
        ({"label": "income", "groups": ["sexe"]}, "Did you mean sex"),
        ({"label": "income", "drop": ["cty"]}, "Did you mean city"),
    ],
)
def test_csv_missing_column_names_the_nearest(table, arguments, hint):
    with pytest.raises(DataError, match=hint):
        load_csv(table, **arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no readable CSV"),
        ("a,y\n", "no records"),
        ("a,y\n1,0\n2,1,3\n", "no readable CSV"),
        ("a,y\n1,0,9\n2,1,9\n", "no readable CSV"),
        ('a,y\n"1,0\n2,1\n', "no readable CSV"),
        ("a,y\n1,0\n,1\n,0\n", r"a \(2\).*Fill them"),
        ("a,y\n1,0\n2,\n", r"y \(1\)"),
        ("a,y\n1,0\ninf,1\n", "1 infinite"),
        ("a,y\n1,0\n1,1\n", "no feature is left"),
        ("a,y\n1,0\n2,0\n", "one class"),
        ("a,y\n" + "".join(f"t{row},{row % 2}\n" for row in range(1001)), "1001 distinct texts"),
        (b"a,y\n\xff\xfe,1\n1,0\n", "no readable CSV"),
    ],
)
def test_hostile_csv_is_one_line_of_data_error(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        load_csv(path, label="y")
    assert "\n" not in str(caught.value)


def test_missing_values_in_a_dropped_column_do_not_matter(tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("a,b,y\n1,,0\n2,5,1\n")
    assert load_csv(path, label="y", drop=["b"]).features.shape == (2, 1)


def test_repeated_ids_are_refused(tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("id,a,y\nk,1,0\nk,2,1\n")
    with pytest.raises(DataError, match="distinct"):
        load_csv(path, label="y", record_id="id")


def test_missing_files_are_config_errors(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_csv(tmp_path / "none.csv", label="y")
    with pytest.raises(ConfigError, match="no such file"):
        load_npz(tmp_path / "none.npz")


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "arrays.npz"
    arrays = {"ids": np.array(["p", "q", "r"]), "groups_sex": np.array(["f", "m", "f"]), "other": np.array([0, 1, 1])}
    np.savez(path, X=np.arange(12.0).reshape(3, 2, 2), y=np.array([1, 0, 1]), **arrays)
    return path


def test_npz_is_taken_as_it_is(archive):
    data = load_npz(archive)
    assert data.features.shape == (3, 2, 2)
    assert data.features.dtype == np.float32
    assert data.record_ids.tolist() == ["p", "q", "r"]
    assert data.groups["sex"].tolist() == ["f", "m", "f"]
    assert load_npz(archive, label="other").labels.tolist() == [0, 1, 1]


def test_npz_names_what_it_lacks(archive):
    with pytest.raises(DataError, match=r"no array 'othr'.*Did you mean other"):
        load_npz(archive, label="othr")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_truncated_npz_is_a_data_error(archive, share):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"no readable \.npz"):
        load_npz(archive)


def test_damaged_or_foreign_npz_is_a_data_error(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, X=np.random.default_rng(0).random((50, 3)), y=np.arange(50) % 2)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    for damaged in (bytes(content), b"not an archive", b"\x93NUMPY"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"no readable \.npz"):
            load_npz(path)


def test_objects_in_npz_are_never_unpickled(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, X=np.zeros((2, 1)), y=np.array(["a", None], dtype=object))
    with pytest.raises(DataError, match="no readable"):
        load_npz(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="no readable"):
        load_npz(path)
