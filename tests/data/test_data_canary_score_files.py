import hashlib

import numpy as np
import pytest

from privaudit.data.canary_score_files import read_canary_scores
from privaudit.errors import ConfigError, DataError

KEYS = ["canary-00000", "007", "c"]
SCORES = [0.1, -2.5e-310, np.inf]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("canary,score,margin,loss\ncanary-00000,0.1,1,3\n007,-2.5e-310,2,2\nc,inf,3,1\n")
    return path


def test_a_table_is_read_to_the_last_digit_and_keys_keep_their_zeros(table):
    found = read_canary_scores(table)
    assert found.keys.tolist() == KEYS
    assert found.scores.tolist() == SCORES
    assert found.digest == hashlib.sha256(table.read_bytes()).hexdigest()


def test_losses_change_their_sign_and_columns_can_be_named(table):
    assert read_canary_scores(table, quantity="loss").scores.tolist() == [-3, -2, -1]
    assert read_canary_scores(table, column="margin").scores.tolist() == [1, 2, 3]
    assert read_canary_scores(table, quantity="loss", column="margin").scores.tolist() == [-1, -2, -3]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_an_archive_holds_the_same(tmp_path, dtype):
    path = tmp_path / "scores.npz"
    np.savez(path, canary=np.array(KEYS), score=np.array([3, 2, 1], dtype=dtype))
    found = read_canary_scores(path)
    assert found.keys.tolist() == KEYS
    assert found.scores.tolist() == [3, 2, 1]
    assert found.scores.dtype == np.float64


def test_every_double_is_read_as_it_was_written(tmp_path):
    values = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.random.default_rng(1).integers(-300, 300, 2000)
    path = tmp_path / "scores.csv"
    path.write_text("canary,score\n" + "".join(f"{row},{value!r}\n" for row, value in enumerate(values.tolist())))
    assert read_canary_scores(path).scores.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("key,score\na,1\n", "no 'canary'. It has key, score"),
        ("canary,scores\na,1\n", "no 'score'.*Did you mean scores"),
        ("canary,score\na,high\n", "must hold numbers; got 'high' .row 0"),
        ("canary,score\na,1\nb,\n", "must hold numbers; got '' .row 1"),
        ("canary,score\na,1\n,2\n", "1 rows do not .first: row 1"),
        ("canary,score\n" + "x" * 201 + ",1\n", "1 rows do not .first: row 0"),
        ("canary,score\n", "no rows"),
        ("canary,score\na,1,2\n", "no readable csv"),
        ("canary;score\na;1\n", "no 'canary'.*It has canary;score; is ';' the separator"),
        ("canary;score\na;0,5\n", "In its header, is ';' the separator. Save it with commas"),
    ],
)
def test_bad_tables_are_refused_with_the_row(table, content, message):
    table.write_text(content)
    with pytest.raises(DataError, match=message):
        read_canary_scores(table)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"canary": KEYS}, "no 'score'"),
        ({"canary": KEYS, "score": [1.0]}, "must be .n_canaries,."),
        ({"canary": [KEYS], "score": [[1.0, 2.0, 3.0]]}, "must be .n_canaries,."),
        ({"canary": KEYS, "score": ["a", "b", "c"]}, "must hold numbers"),
        ({"canary": KEYS, "score": [1j, 2j, 3j]}, "must hold numbers"),
    ],
)
def test_bad_archives_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "scores.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_canary_scores(tmp_path / "scores.npz")


def test_a_named_column_that_is_not_there_is_a_wrong_option(table):
    with pytest.raises(ConfigError, match=r"--column names 'margins', which it does not have\. Did you mean margin"):
        read_canary_scores(table, column="margins")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"\.csv or \.npz"):
        read_canary_scores(tmp_path / "scores.json")
    with pytest.raises(ConfigError, match="no such file"):
        read_canary_scores(tmp_path / "scores.csv")
    (tmp_path / "scores.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"no readable \.npz"):
        read_canary_scores(tmp_path / "scores.npz")
