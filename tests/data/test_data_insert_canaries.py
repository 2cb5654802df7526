import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.data import insert_canaries
from privaudit.data.canary_coins import CanaryCoins
from privaudit.data.canary_files import read_coins
from privaudit.data.insert_canaries import insert_into_file
from privaudit.errors import ConfigError, DataError, ShapeError, StoreError, UnsupportedError

TABLE = "age,city,income\n" + "".join(
    f'{20 + row}.50,"{"Rome, old" if row % 3 else "NA"}",{("low", "high", "mid")[row % 3]}\n' for row in range(60)
)
IMAGES = np.random.default_rng(0).integers(0, 256, (60, 4, 4)).astype(np.uint8)
CLASSES = np.array(["cat", "dog", "owl"])[np.arange(60) % 3]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, X=IMAGES, y=CLASSES)
    return path


def insert(source, *, kind="mislabelled", n=20, label=None, seed=0, folder=None, **names):
    folder = folder or source.parent
    ending = source.suffix
    paths = {"data": f"with{ending}", "canaries": f"canaries{ending}", "coins": "coins.json"} | names
    if label is None and ending == ".csv":
        label = "income"
    return insert_into_file(
        source,
        kind=kind,
        n_canaries=n,
        label=label,
        seed=seed,
        **{option: folder / name for option, name in paths.items()},
    )


def test_whole_numbers_are_classes_however_they_are_written(table):
    rows = "".join(f"{row},{row % 2}{'.0' * (row % 4 < 2)}\n" for row in range(60))
    table.write_text("a,income\n" + rows)
    assert {row["income"] for row in rows_of(insert(table).canaries)} == {"0", "1", "0.0", "1.0"}


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


@settings(max_examples=25, deadline=None)
@given(n=st.integers(20, 60), seed=st.integers(0, 2**32))
def test_a_table_holds_its_rows_and_the_canaries_that_are_in(tmp_path_factory, n, seed):
    folder = tmp_path_factory.mktemp("table")
    (folder / "people.csv").write_text(TABLE)
    done = insert(folder / "people.csv", n=n, seed=seed)
    mixed, canaries, coins = rows_of(done.data), rows_of(done.canaries), read_coins(done.coins)
    original = list(csv.DictReader(io.StringIO(TABLE)))
    assert [row.pop("canary") for row in canaries] == coins.keys.tolist()
    inside = [row for row, coin in zip(canaries, coins.is_in.tolist(), strict=True) if coin]
    assert sorted(map(str, mixed)) == sorted(map(str, [*original, *inside]))
    features = [(row["age"], row["city"]) for row in canaries]
    true = {(row["age"], row["city"]): row["income"] for row in original}
    assert len(set(features)) == n
    assert all(
        true[record] != row["income"] in ("low", "high", "mid") for record, row in zip(features, canaries, strict=True)
    )


def test_the_file_to_score_is_the_same_whatever_the_coins_are(tmp_path, table, monkeypatch):
    """Whoever scores learns no coin from it."""
    found = []
    for name, coin in [("all", 1), ("none", 0)]:
        (tmp_path / name).mkdir()

        def toss(keys, *, seed, coin=coin):
            return CanaryCoins(keys=keys, is_in=np.full(len(keys), coin))

        monkeypatch.setattr(insert_canaries, "draw_canary_coins", toss)
        done = insert(table, folder=tmp_path / name)
        found.append((done.canaries.read_bytes(), len(rows_of(done.data)) - 60))
    (all_in, n_all), (none_in, n_none) = found
    assert all_in == none_in
    assert (n_all, n_none) == (20, 0)
    assert list(rows_of(done.canaries)[0]) == ["age", "city", "income", "canary"]


def test_the_file_to_train_on_has_the_names_of_the_users_own(table, archive):
    done = insert(table)
    assert done.data.read_text().splitlines()[0] == "age,city,income"
    assert "canary" not in done.data.read_text()
    done = insert(archive, coins="other.json")
    with np.load(done.data) as mixed:
        assert sorted(mixed) == ["X", "y"]


def keys_of(source, folder, **changes):
    folder.mkdir()
    done = insert(source, folder=folder, **changes)
    keys = read_coins(done.coins).keys.tolist()
    assert len({key.rsplit("-", 1)[0] for key in keys}) == 1
    assert [key.rsplit("-", 1)[1] for key in keys] == [f"{number:05d}" for number in range(len(keys))]
    return keys


def test_no_two_insertions_share_a_key_unless_all_is_the_same(tmp_path, table, archive):
    keys = keys_of(table, tmp_path / "first")
    assert keys_of(table, tmp_path / "again") == keys
    other = tmp_path / "other.csv"
    other.write_text(TABLE.replace("mid", "middle"))
    seen = set(keys)
    for number, (source, changes) in enumerate(
        [
            (table, {"seed": 1}),
            (table, {"seed": None}),
            (table, {"seed": None}),
            (table, {"kind": "random"}),
            (table, {"n": 21}),
            (table, {"label": "city"}),
            (other, {}),
            (archive, {}),
        ]
    ):
        found = keys_of(source, tmp_path / str(number), **changes)
        assert not seen & set(found)
        seen |= set(found)


@pytest.mark.statistical
def test_the_place_of_a_row_tells_nothing(table):
    """How many of the first half of the rows are canaries: hypergeometric, less spread than the band of 1e-6 here."""
    own = {row["age"]: row["income"] for row in rows_of(table)}
    first = total = 0
    for seed in range(40):
        done = insert(table, n=60, seed=seed, data=f"{seed}.csv", canaries=f"c{seed}.csv", coins=f"{seed}.json")
        is_canary = [row["income"] != own[row["age"]] for row in rows_of(done.data)]
        first += sum(is_canary[: len(is_canary) // 2])
        total += sum(is_canary)
    low, high = binom.ppf([0.5e-6, 1 - 0.5e-6], total, 0.5)
    assert low <= first <= high


@pytest.mark.parametrize("kind", ["mislabelled", "blank"])
def test_an_archive_keeps_its_types_and_shapes(tmp_path, kind):
    archive = tmp_path / "images.npz"
    species = np.array([f"species {number}" for number in range(25)])
    np.savez(archive, X=IMAGES, y=species[np.arange(60) % 25])
    done = insert(archive, kind=kind)
    with np.load(done.data) as mixed, np.load(done.canaries) as canaries, np.load(archive) as original:
        coins = read_coins(done.coins)
        assert set(canaries) == {"X", "y", "canary"}
        assert mixed["X"].dtype == canaries["X"].dtype == np.uint8
        assert mixed["X"].shape == (60 + coins.is_in.sum(), 4, 4)
        assert canaries["canary"].tolist() == coins.keys.tolist()
        inside = coins.is_in == 1
        wanted = pairs(original["X"], original["y"]) + pairs(canaries["X"][inside], canaries["y"][inside])
        assert sorted(pairs(mixed["X"], mixed["y"])) == sorted(wanted)
        assert set(canaries["y"].tolist()) <= set(species.tolist())


def pairs(features, classes):
    return [(record.tobytes(), str(label)) for record, label in zip(features, classes, strict=True)]


@pytest.mark.parametrize("kind", ["mislabelled", "random", "blank", "clipbkd"])
def test_every_kind_goes_into_an_archive_of_numbers(tmp_path, kind):
    path = tmp_path / "x.npz"
    np.savez(path, X=np.random.default_rng(0).normal(size=(50, 30)), target=np.arange(50) % 20 * 10.0)
    done = insert(path, kind=kind, label="target")
    with np.load(done.canaries) as canaries:
        assert canaries["X"].dtype == np.float64
        assert canaries["X"].shape == (20, 30)
        assert set(canaries["target"].tolist()) <= set(range(0, 200, 10))


def test_a_seed_decides_all_three_files_and_without_one_they_differ(tmp_path, table):
    found = []
    for name, seed in [("a", 5), ("b", 5), ("c", None), ("d", None)]:
        folder = tmp_path / name
        folder.mkdir()
        done = insert(table, n=60, seed=seed, folder=folder)
        found.append([path.read_bytes() for path in (done.data, done.canaries, done.coins)])
    assert found[0] == found[1]
    assert found[2] != found[3]
    assert found[2][2] != found[3][2]


def test_nothing_is_overwritten_and_no_file_stands_for_two(table):
    insert(table)
    before = {path.name: path.read_bytes() for path in table.parent.iterdir()}
    for names in (
        {"data": "people.csv", "canaries": "c.csv", "coins": "c.json"},
        {"data": "w.csv", "canaries": "people.csv", "coins": "c.json"},
        {"data": "w.csv", "canaries": "c.csv", "coins": "coins.json"},
    ):
        with pytest.raises(ConfigError, match="exists and would be lost"):
            insert(table, **names)
    with pytest.raises(ConfigError, match="must be three files"):
        insert(table, data="w.csv", canaries="w.csv", coins="c.json")
    assert {path.name: path.read_bytes() for path in table.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"label": "incom"}, ConfigError, "--label names 'incom', which it does not have. Did you mean income"),
        ({"kind": "blank"}, UnsupportedError, "cells of a csv have none"),
        ({"kind": "clipbkd"}, UnsupportedError, "npz with X and y"),
        ({"n": 61}, ConfigError, "at most 60 mislabelled"),
        ({"n": 0}, ConfigError, "at least 20; got 0"),
        ({"n": 19}, ConfigError, "--n must be at least 20; got 19"),
        ({"label": "age"}, DataError, r"column age holds numbers with fractions \(20\.5\).*group it into a few"),
        ({"data": "w.npz"}, ConfigError, r"--out must end in \.csv"),
        ({"canaries": "w.npz"}, ConfigError, r"--canaries-out must end in \.csv"),
        ({"coins": "none/coins.json"}, ConfigError, "no such folder"),
        ({"seed": -1}, ConfigError, "seed"),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(table, changes, error, message):
    with pytest.raises(error, match=message):
        insert(table, **changes)
    assert [path.name for path in table.parent.iterdir()] == ["people.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,income\n", "no rows"),
        ("", "no readable csv"),
        ("a,income\n1,x\n2,x\n", "2 to 1000 classes; got 1"),
        ("a,income\n1,x\n2,\n", "empty in some rows"),
        ("a,income\n" + "".join(f"{row},{row / 7}\n" for row in range(2000)), "a quantity, not classes"),
        ("a,income\n" + "".join(f"{row},{row / 7}\n" for row in range(2000)) + "1,\n", "empty in some rows"),
        ("a;income\n1;x\n2;y\n", "'income'.*It has a;income; is ';' the separator"),
        ("a;income\n1,5;x\n2,5;y\n", "In its header, is ';' the separator"),
        ("a,canary,income\n1,2,x\n2,3,y\n", "'canary' is there already"),
        ("a,income\n1,x\n1,x\n2,y\n", "at most 2 mislabelled"),
        ("a,income\n1,x,9\n2,y,8\n", "no readable csv"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(table, content, message):
    table.write_text(content)
    with pytest.raises((DataError, ConfigError), match=message):
        insert(table)


@pytest.mark.parametrize(
    ("arrays", "kind", "error", "message"),
    [
        ({"y": CLASSES}, "mislabelled", DataError, "no 'X'"),
        ({"X": IMAGES}, "mislabelled", DataError, "no 'y'"),
        ({"X": IMAGES, "y": CLASSES, "ids": CLASSES}, "mislabelled", UnsupportedError, "canaries have no ids"),
        ({"X": IMAGES, "y": CLASSES, "canary": CLASSES}, "mislabelled", DataError, "'canary' is there already"),
        ({"X": IMAGES, "y": CLASSES[1:]}, "mislabelled", ShapeError, "one class per record"),
        ({"X": IMAGES, "y": IMAGES}, "mislabelled", ShapeError, "one class per record"),
        ({"X": IMAGES[:, 0, 0], "y": CLASSES}, "mislabelled", ShapeError, "n_records, ..."),
        ({"X": CLASSES[:, None], "y": CLASSES}, "mislabelled", ShapeError, "numbers"),
        ({"X": IMAGES, "y": np.full(60, np.nan)}, "mislabelled", DataError, "NaN"),
        ({"X": IMAGES, "y": np.arange(60) / 8}, "mislabelled", DataError, r"y holds numbers with fractions \(0\.125\)"),
        ({"X": IMAGES, "y": (np.arange(60) / 8).astype(str)}, "mislabelled", DataError, "a quantity, not classes"),
        ({"X": IMAGES, "y": np.zeros(60)}, "mislabelled", DataError, "2 to 1000 classes"),
        ({"X": IMAGES, "y": CLASSES}, "random", UnsupportedError, "have fractions"),
        ({"X": IMAGES, "y": CLASSES}, "clipbkd", UnsupportedError, "have fractions"),
        ({"X": IMAGES.astype(np.int64) + 2**24, "y": CLASSES}, "mislabelled", UnsupportedError, "beyond 16777216"),
        ({"X": np.full((60, 2), np.nan), "y": CLASSES}, "mislabelled", DataError, "must be finite"),
    ],
)
def test_archives_that_cannot_be_used_are_refused(tmp_path, arrays, kind, error, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(error, match=message):
        insert(tmp_path / "x.npz", kind=kind)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_a_label_that_is_not_in_an_archive_is_a_wrong_option(archive):
    with pytest.raises(ConfigError, match=r"--label names 'Y', which it does not have\. It has X, y"):
        insert(archive, label="Y")


def test_damaged_archives_and_other_files_are_refused(tmp_path, archive):
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(DataError, match=r"no readable \.npz"):
        insert(archive)
    np.savez(archive, X=IMAGES, y=np.array(["a", None] * 30, dtype=object))
    with pytest.raises(DataError, match="holds objects"):
        insert(archive)
    with pytest.raises(ConfigError, match="no such file"):
        insert(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match=r"\.csv or \.npz files; got \.parquet"):
        insert(tmp_path / "x.parquet")


def test_two_columns_of_one_name_are_refused_and_not_renamed(tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("a,a,y\n" + "1,2,0\n3,4,1\n" * 30)
    with pytest.raises(DataError, match="columns a stand in the header more than once"):
        insert(source, label="y")


def test_data_are_not_written_where_coins_cannot_be(table, tmp_path, monkeypatch):
    def full(path, coins):
        raise StoreError("no space left")

    monkeypatch.setattr(insert_canaries, "write_coins", full)
    with pytest.raises(StoreError):
        insert(table)
    assert not (tmp_path / "with.csv").exists() and not (tmp_path / "canaries.csv").exists()
