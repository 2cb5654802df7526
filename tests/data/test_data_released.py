"""Whose records take part where a released model is audited, and who gets which coins."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.design import coins_of_number
from privaudit.data.id_files import read_ids
from privaudit.data.released import FEWEST, released_design, released_records
from privaudit.errors import ConfigError, DataError
from privaudit.types.design import RELEASED

N = 80


def some_data(n=N, *, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5)).astype(np.float32)
    return dataset_from_arrays(features, rng.integers(0, 2, n), name="some", record_ids=[f"p{k}" for k in range(n)])


def names(*numbers):
    return [f"p{number}" for number in numbers]


def test_records_in_neither_list_take_no_part():
    made = released_records(some_data(), names(*range(30)), names(*range(50, 70)))
    assert made.dataset.record_ids.tolist() == names(*range(30), *range(50, 70))
    assert made.is_member.tolist() == [True] * 30 + [False] * 20
    assert (made.n_unlisted, made.n_contradicted) == (30, 0)
    assert len(made.notes()) == 1 and made.notes()[0].startswith("30 distinct records stand in neither list")


def test_the_order_of_the_lists_does_not_matter():
    one = released_records(some_data(), names(3, 1, 2), names(9, 8))
    other = released_records(some_data(), names(1, 2, 3), names(8, 9))
    assert one.dataset.record_ids.tolist() == other.dataset.record_ids.tolist()
    assert one.is_member.tolist() == other.is_member.tolist()


def with_equals(*pairs):
    """The data, each second record of a pair made equal to the first."""
    data = some_data()
    features, labels = data.features.copy(), data.labels.copy()
    for first, second in pairs:
        features[second], labels[second] = features[first], labels[first]
    return replace(data, features=features, labels=labels)


def test_equal_records_in_both_lists_take_no_part():
    made = released_records(with_equals((4, 50)), names(*range(20)), names(*range(40, 60)))
    assert "p4" not in made.dataset.record_ids and "p50" not in made.dataset.record_ids
    assert made.n_contradicted == 1 and made.is_member.sum() == 19
    assert "1 records are listed as member and, under another id, as non-member" in made.notes()[-1]


def test_equal_records_in_one_list_are_one_record():
    made = released_records(with_equals((4, 5), (50, 51)), names(*range(20)), names(*range(40, 60)))
    assert made.dataset.n_records == 38 and made.is_member.sum() == 19 and made.n_contradicted == 0


def test_a_listed_record_keeps_its_id_where_an_unlisted_one_equals_it():
    made = released_records(with_equals((1, 15)), names(*range(10, 20)), names(*range(30, 40)))
    assert "p15" in made.dataset.record_ids and made.is_member.sum() == 10
    assert made.n_unlisted == N - 1 - 20


def test_repeated_records_split_at_random_are_as_often_members_as_others():
    """2,000 pairs of equal records and 2,000 single ones, each row a member by a fair coin.

    Of the kept repeated records about half are members: |z| < 5 fails with probability below 1e-6. Keeping a pair in
    both lists as member would give three quarters.
    """
    rng = np.random.default_rng(0)
    features = np.repeat(np.arange(4000.0), [2] * 2000 + [1] * 2000)[:, None]
    data = dataset_from_arrays(features, np.arange(6000) // 2 % 2 * (np.arange(6000) < 4000), name="pairs")
    coin = rng.random(6000) < 0.5
    made = released_records(data, data.record_ids[coin].tolist(), data.record_ids[~coin].tolist())
    repeated = made.is_member[made.dataset.features[:, 0] < 2000]
    assert abs(repeated.sum() - len(repeated) / 2) < 5 * np.sqrt(len(repeated)) / 2
    assert made.n_contradicted + len(repeated) == 2000


def test_drawn_records_keep_their_membership():
    data = some_data()
    made = released_records(data, names(*range(40)), names(*range(40, 80)), n_records=30, seed=3)
    assert made.dataset.n_records == 30
    assert made.is_member.tolist() == [int(name[1:]) < 40 for name in made.dataset.record_ids]


@pytest.mark.parametrize(
    ("members", "others", "words"),
    [
        (names(1, 2, 99), names(3), ["model.members", "1 of 3", "p99", "data.id", "Did you mean"]),
        (names(1), names(2, "x"), ["model.non_members", "px"]),
        (names(1, 2), names(3, 2), ["model.non_members", "p2", "one list"]),
    ],
)
def test_ids_that_cannot_be(members, others, words):
    with pytest.raises(DataError) as caught:
        released_records(some_data(), members, others)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


def test_nothing_is_left_where_every_record_stands_in_both_lists():
    with pytest.raises(DataError, match="nothing is left"):
        released_records(with_equals((0, 40), (1, 41)), names(0, 1), names(40, 41))


def a_design(*, n_models=8, population=0.25, seed=0, n_in=30, n_out=40):
    records = released_records(some_data(), names(*range(n_in)), names(*range(n_in, n_in + n_out)))
    return released_design(records, n_models=n_models, population=population, seed=seed), records


@given(seed=st.integers(0, 1000), population=st.floats(0.0, 0.7), half=st.integers(2, 6))
def test_the_design(seed, population, half):
    design, records = a_design(n_models=2 * half, population=population, seed=seed)
    shadows = design.is_in[:-1]
    assert design.role.tolist() == ["shadow"] * 2 * half + ["target"]
    assert design.pair.tolist() == [*(np.arange(2 * half) ^ 1), -1]
    assert design.numbers.tolist() == [*range(2 * half), RELEASED]
    assert design.is_trained.tolist() == [True] * 2 * half + [False]
    assert not (design.is_population & records.is_member).any()
    assert design.is_population.sum() == round(population * (~records.is_member).sum())
    assert np.array_equal(design.is_in[-1].astype(bool), records.is_member)
    assert (shadows.sum(axis=0) == half * ~design.is_population).all()  # equal counts, whoever is a member


def test_the_coins_are_those_of_later_shadows():
    """A short last group is filled up with the models that would come next; a top-up must find their very coins."""
    small, _ = a_design(n_models=4)
    large, _ = a_design(n_models=8)
    assert np.array_equal(small.is_in[:4], large.is_in[:4])
    for number in range(8):
        coins = coins_of_number(number, n_records=70, is_population=small.is_population, seed=0)
        assert np.array_equal(coins, large.is_in[number])


def test_shadows_know_nothing_of_the_lists():
    one, _ = a_design(population=0.0)
    other = released_records(some_data(), names(*range(40, 70)), names(*range(40)))
    turned = released_design(other, n_models=8, population=0.0, seed=0)
    assert np.array_equal(one.is_in[:-1], turned.is_in[:-1])


@pytest.mark.parametrize(("n_in", "n_out", "population"), [(FEWEST - 1, 40, 0.0), (30, FEWEST, 0.2)])
def test_too_few(n_in, n_out, population):
    with pytest.raises(DataError, match=f"at least {FEWEST} members and {FEWEST} non-members"):
        a_design(n_in=n_in, n_out=n_out, population=population)


def test_two_released_models_are_refused():
    design, _ = a_design()
    with pytest.raises(DataError, match="one released model"):
        replace(design, variant=np.append(design.variant[:-2], [-1, -1]), pair=np.full(9, -1))


@pytest.mark.parametrize(
    ("name", "text", "column", "wanted"),
    [
        ("m.txt", "a\n b \r\n\nc", None, ("a", "b", "c")),
        ("m.txt", "\ufeff007\n", None, ("007",)),
        ("m.csv", "pid, ward\n007, 1\n008, 2\n", "pid", ("007", "008")),
        ("m.csv", "whatever\nx\ny\n", "pid", ("x", "y")),
        ("m.csv", 'pid,note\n"a, b",1\n', "pid", ("a, b",)),
    ],
)
def test_ids_are_read(tmp_path, name, text, column, wanted):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_ids(tmp_path / name, key="model.members", column=column) == wanted


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("m.txt", None, ConfigError, ["no such file"]),
        ("m.txt", b"\xff\xfe\x00", ConfigError, ["UTF-8"]),
        ("m.txt", b"\n \n", DataError, ["names no record"]),
        ("m.csv", b"", DataError, ["nothing"]),
        ("m.csv", b"pid\n", DataError, ["names no record"]),
        ("m.txt", b"a\nb\na\n", DataError, ["1 records more than once", "first: a"]),
        ("m.csv", b"x,y\n1,2\n", DataError, ["'pid'", "x, y"]),
        ("m.csv", b"pid,y\n1\n", DataError, ["row 2"]),
    ],
)
def test_files_of_ids_that_cannot_be_read(tmp_path, name, content, error, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error) as caught:
        read_ids(tmp_path / name, key="model.members", column="pid")
    assert str(caught.value).startswith("model.members: ") and "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value
