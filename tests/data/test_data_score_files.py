"""Files of saved scores: three layouts, three formats, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from privaudit.data.score_files import read_scores
from privaudit.errors import ConfigError, DataError, DegenerateScoresError, PrivauditError, ShapeError

LOSS, MEMBER = [0.5, 0.1, 2.0, 0.7], [1, 1, 0, 0]


def table(tmp_path, columns, name="scores.csv"):
    path = tmp_path / name
    frame = pd.DataFrame(columns)
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


def archive(tmp_path, name="scores.npz", **arrays):
    np.savez(tmp_path / name, **arrays)
    return tmp_path / name


def test_every_format_says_the_same(tmp_path):
    features = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 9.0]])
    columns = {"loss": LOSS, "member": MEMBER, "feature_a": features[:, 0], "feature_b": features[:, 1]}
    paths = [
        table(tmp_path, columns),
        table(tmp_path, columns, "scores.parquet"),
        archive(tmp_path, loss=LOSS, member=MEMBER, features=features),
    ]
    for path in paths:
        file = read_scores(path)
        assert (file.name, file.layout, file.quantity, file.model_names) == ("scores", "records", "loss", ("0",))
        assert file.values.tolist() == [LOSS] and file.member.tolist() == [MEMBER]
        assert file.scores.tolist() == [[-value for value in LOSS]]  # higher = more member-like
        assert np.array_equal(file.features, features)
        assert len(file.digest) == 64
    assert len({read_scores(path).digest for path in paths}) == 3


def test_scores_are_taken_as_they_are(tmp_path):
    file = read_scores(table(tmp_path, {"score": LOSS, "is_member": MEMBER}))
    assert file.quantity == "score" and file.scores.tolist() == [LOSS] and file.features is None


@pytest.mark.parametrize("words", [[True, True, False, False], ["true", "True", "FALSE", "false"], [1.0, 1, 0, 0]])
def test_membership_may_be_spelled_in_several_ways(tmp_path, words):
    assert read_scores(table(tmp_path, {"loss": LOSS, "member": words})).member.tolist() == [MEMBER]
    assert read_scores(archive(tmp_path, loss=LOSS, member=np.array(words))).member.tolist() == [MEMBER]


def test_options_name_columns(tmp_path):
    path = table(
        tmp_path, {"score": LOSS, "loss": [9, 9, 9, 9], "ce": LOSS, "y": MEMBER, "member": MEMBER[::-1], "f": LOSS}
    )
    file = read_scores(path, loss="ce", member="y", features=["f"])
    assert (
        file.quantity == "loss" and file.member.tolist() == [MEMBER] and file.features.tolist() == [[v] for v in LOSS]
    )
    assert file.columns == {"loss": "ce", "member": "y", "features": ["f"]}
    assert read_scores(path, score="loss", member="y").scores.tolist() == [[9, 9, 9, 9]]


def test_texts_become_one_column_per_value(tmp_path):
    file = read_scores(table(tmp_path, {"loss": LOSS, "member": MEMBER, "feature_x": ["b", "a", "b", "c"]}))
    assert file.features.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_many_models_in_any_order_of_rows(tmp_path):
    rng = np.random.default_rng(0)
    loss, member = rng.exponential(size=(12, 7)), rng.integers(0, 2, (12, 7))
    rows = {
        "model": np.repeat(np.arange(12), 7),
        "record": np.tile([f"r{i}" for i in range(7)], 12),
        "loss": loss.ravel(),
        "member": member.ravel(),
        "feature_a": np.tile(np.arange(7.0), 12),
    }
    order = rng.permutation(84)
    long = read_scores(table(tmp_path, {name: np.asarray(values)[order] for name, values in rows.items()}))
    dense = read_scores(archive(tmp_path, loss=loss, member=member, features=np.arange(7.0)))
    for file in (long, dense):
        assert file.layout == "models" and file.model_names == tuple(map(str, range(12)))  # 10 stands after 9
        np.testing.assert_array_equal(file.values, loss)
        np.testing.assert_array_equal(file.member, member)
        np.testing.assert_array_equal(file.features[:, 0], np.arange(7.0))


def test_one_row_per_model_is_a_series_of_trainings(tmp_path):
    for path in (
        table(tmp_path, {"model": ["b", "a", "d", "c"], "score": [2.0, 1.0, 4.0, 3.0], "member": [1, 0, 1, 0]}),
        archive(tmp_path, score=np.array([[1.0], [2.0], [3.0], [4.0]]), member=np.array([[0], [1], [0], [1]])),
    ):
        file = read_scores(path)
        assert file.layout == "trainings"
        assert file.values[:, 0].tolist() == [1, 2, 3, 4] and file.member[:, 0].tolist() == [0, 1, 0, 1]


def test_a_single_model_is_one_model_whatever_its_column_says(tmp_path):
    columns = {"model": ["resnet"] * 4, "loss": LOSS, "member": MEMBER}
    assert read_scores(table(tmp_path, columns)).layout == "records"
    assert read_scores(table(tmp_path, {**columns, "record": range(4)})).layout == "records"


def test_arrays_are_read_only(tmp_path):
    file = read_scores(table(tmp_path, {"loss": LOSS, "member": MEMBER}))
    with pytest.raises(ValueError, match="read-only"):
        file.values[0, 0] = 1.0


LONG = {"model": [0, 0, 1, 1], "record": [0, 1, 0, 1], "loss": LOSS, "member": [1, 0, 0, 1]}


@pytest.mark.parametrize(
    ("columns", "options", "error", "words"),
    [
        ({"score": LOSS, "loss": LOSS, "member": MEMBER}, {}, ConfigError, ["'score' and 'loss'", "--score or --loss"]),
        ({"loss": LOSS, "member": MEMBER, "is_member": MEMBER}, {}, ConfigError, ["'member' and 'is_member'"]),
        ({"loss": LOSS, "member": MEMBER}, {"loss": "los"}, ConfigError, ["'los'", "Did you mean loss?"]),
        ({"loss": LOSS, "member": MEMBER}, {"member": "memebr"}, ConfigError, ["Did you mean member?"]),
        ({"loss": LOSS, "member": MEMBER}, {"features": ["agee"]}, ConfigError, ["--features", "agee"]),
        ({"loss": LOSS, "member": MEMBER}, {"features": ["member"]}, ConfigError, ["no feature"]),
        ({"loss": LOSS, "member": MEMBER}, {"score": "loss", "loss": "loss"}, ConfigError, ["--score and --loss"]),
        ({"loss": LOSS, "member": MEMBER}, {"loss": "member"}, ConfigError, ["both"]),
        ({"losss": LOSS, "member": MEMBER}, {}, DataError, ["'score' or 'loss'", "Did you mean losss?"]),
        ({"loss": LOSS, "m": MEMBER}, {}, DataError, ["'member' or 'is_member'"]),
        ({"loss": [0.5, None, 2.0, 0.7], "member": MEMBER}, {}, DegenerateScoresError, ["NaN", "row 1"]),
        ({"loss": ["a", "b", "c", "d"], "member": MEMBER}, {}, DataError, ["loss", "numbers", "'a' (row 0"]),
        ({"loss": ["-0.0", None, "n/a!", "d"], "member": MEMBER}, {}, DataError, ["'n/a!' (row 2"]),
        ({"loss;member": ["0.5;1", "0.1;0"]}, {}, DataError, ["is ';' the separator? Save it with commas"]),
        (
            {"loss;member": ["0.5;1", "0.1;0"]},
            {"loss": "loss", "member": "member"},
            ConfigError,
            ["is ';' the separator?"],
        ),
        ({"loss": LOSS, "member": [1, 2, 0, 0]}, {}, DataError, ["got 2", "row 1"]),
        ({"loss": LOSS, "member": [1, None, 0, 0]}, {}, DataError, ["nan", "row 1"]),
        ({"loss": LOSS, "member": ["yes", "no", "no", "no"]}, {}, DataError, ["yes"]),
        ({"loss": LOSS, "member": MEMBER, "feature_a": [1, 2, None, 4]}, {}, DataError, ["feature_a", "missing"]),
        ({"loss": LOSS, "member": MEMBER, "feature_a": [1, 2, np.inf, 4]}, {}, DataError, ["finite"]),
        ({"loss": LOSS, "member": MEMBER, "record": [0, 1, 1, 2]}, {}, DataError, ["record 1 comes more than once"]),
        ({**LONG, "record": [1, 0, 1, 0], "loss": [0.5, 0.1, 2.0, None]}, {}, DegenerateScoresError, ["row 3"]),
        ({**LONG, "record": [1, 0, 1, 0], "member": [0, 1, 3, 0]}, {}, DataError, ["got 3", "row 2"]),
        ({**LONG, "record": [0, 0, 0, 1]}, {}, DataError, ["model 0, record 0 comes more than once"]),
        ({**LONG, "record": [0, 1, 0, 2]}, {}, DataError, ["every model must cover every record", "model 0, record 2"]),
        ({**LONG, "feature_a": [1, 2, 1, 3]}, {}, DataError, ["feature_a", "differs between models"]),
        ({**LONG, "model": [0, 0, 1, None]}, {}, DataError, ["model is missing in 1 rows"]),
        ({name: LONG[name] for name in ("model", "loss", "member")}, {}, DataError, ["'record'"]),
        ({"loss": [], "member": []}, {}, DataError, ["no rows"]),
    ],
)
def test_tables_that_are_refused(tmp_path, columns, options, error, words):
    with pytest.raises(error) as caught:
        read_scores(table(tmp_path, columns), **options)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_text_feature_with_many_values_is_refused(tmp_path):
    columns = {"loss": np.ones(60), "member": np.arange(60) % 2, "feature_id": [f"u{i}" for i in range(60)]}
    with pytest.raises(DataError, match="60 distinct texts"):
        read_scores(table(tmp_path, columns))


@pytest.mark.parametrize(
    ("arrays", "options", "error", "words"),
    [
        ({"loss": LOSS, "member": MEMBER[:3]}, {}, ShapeError, ["(4,) and (3,)"]),
        ({"loss": np.ones((2, 4)), "member": MEMBER}, {}, ShapeError, ["(2, 4) and (4,)"]),
        ({"loss": np.ones((2, 2, 2)), "member": np.ones((2, 2, 2))}, {}, ShapeError, ["(n_models, n_records)"]),
        ({"loss": [], "member": []}, {}, ShapeError, ["(0,)"]),
        ({"loss": LOSS, "member": MEMBER, "features": np.ones((3, 2))}, {}, ShapeError, ["features", "(3, 2)"]),
        ({"loss": LOSS, "member": MEMBER, "features": np.array(["a"] * 4)}, {}, DataError, ["numbers"]),
        ({"loss": np.array(["a"] * 4), "member": MEMBER}, {}, DataError, ["numbers"]),
        ({"loss": LOSS, "member": MEMBER}, {"features": ["a", "b"]}, ConfigError, ["one (n_records, d) array"]),
        ({"loss": LOSS, "member": MEMBER}, {"features": ["x"]}, ConfigError, ["--features", "'x'"]),
        ({"loss": [[1.0, np.nan]], "member": [[1, 0]]}, {}, DegenerateScoresError, ["record 1"]),
        (
            {"loss": [[1.0, 2.0], [np.nan, 2.0]], "member": [[1, 0]] * 2},
            {},
            DegenerateScoresError,
            ["model 1, record 0"],
        ),
        ({"loss": [[1.0, 2.0]] * 2, "member": [[1, 0], [1, 7]]}, {}, DataError, ["got 7 (model 1, record 1)"]),
    ],
)
def test_archives_that_are_refused(tmp_path, arrays, options, error, words):
    with pytest.raises(error) as caught:
        read_scores(archive(tmp_path, **{name: np.asarray(values) for name, values in arrays.items()}), **options)
    assert all(word in str(caught.value) for word in words), caught.value


def test_objects_are_never_unpickled(tmp_path):
    path = archive(tmp_path, loss=np.array(LOSS, dtype=object), member=np.array(MEMBER))
    with pytest.raises(DataError, match="no objects") as caught:
        read_scores(path)
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("name", ["scores.csv", "scores.npz", "scores.parquet"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe nonsense", b"a,b\n1,2,3\n4,5,6\n"])
def test_damaged_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_scores(tmp_path / name)
    assert name in str(caught.value)


def test_each_format_has_its_own_advice(tmp_path):
    (tmp_path / "scores.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(DataError, match="to_parquet") as caught:
        read_scores(tmp_path / "scores.parquet")
    assert "UTF-8" not in str(caught.value)
    (tmp_path / "scores.csv").write_text("loss;member\n0,5;1\n0,1;0\n")  # decimal commas
    with pytest.raises(DataError, match="is ';' the separator"):
        read_scores(tmp_path / "scores.csv")
    (tmp_path / "scores.npz").write_bytes(b"\x00\xff nonsense")
    with pytest.raises(DataError, match="savez") as caught:
        read_scores(tmp_path / "scores.npz")
    assert "pickle" not in str(caught.value)


def test_damaged_parquet_is_refused_whatever_the_reader_stumbles_over(tmp_path):
    whole = bytearray(table(tmp_path, {"loss": LOSS, "member": MEMBER}, "scores.parquet").read_bytes())
    rng, path, n_refused = np.random.default_rng(0), tmp_path / "damaged.parquet", 0
    for _ in range(400):
        bad = bytearray(whole)
        for place in rng.integers(0, len(bad), 3):
            bad[place] = rng.integers(256)
        path.write_bytes(bad)
        try:
            read_scores(path)
        except DataError:  # any other error is one too many
            n_refused += 1
    assert n_refused > 50


def test_texts_that_spell_numbers_are_refused_too(tmp_path):
    path = table(tmp_path, {"loss": [str(value) for value in LOSS], "member": MEMBER}, "scores.parquet")
    with pytest.raises(DataError, match=r"'0.5' \(row 0"):
        read_scores(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    path = table(tmp_path, {"loss": LOSS, "member": MEMBER})

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("privaudit.data.score_files.hashlib.file_digest", fail)
    with pytest.raises(DataError, match=r"scores.csv: the file cannot be read \(Input/output error\)"):
        read_scores(path)


def test_numbers_in_a_table_are_parsed_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.random.default_rng(1).integers(-12, 12, 2000)
    file = read_scores(table(tmp_path, {"loss": values, "member": np.arange(2000) % 2}))
    assert np.array_equal(file.values[0], values)


@pytest.mark.parametrize(
    ("name", "words"), [("scores.xlsx", ".csv, .parquet, .npz"), ("scores", "no ending"), ("no.csv", "no such")]
)
def test_files_of_no_known_kind_are_refused(tmp_path, name, words):
    if not name.startswith("no"):
        (tmp_path / name).write_text("x")
    with pytest.raises(PrivauditError, match=words) as caught:
        read_scores(tmp_path / name)
    assert isinstance(caught.value, ConfigError)
