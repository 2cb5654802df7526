import math

import numpy as np
import pytest

from privaudit.errors import ConfigError, DataError, DegenerateScoresError, PrivauditError, ShapeError
from privaudit.validate import (
    check_both_worlds,
    check_delta,
    check_finite_features,
    check_probability,
    check_same_length,
    check_scores,
    nearest,
)


@pytest.mark.parametrize("value", [1e-300, 0.5, 1 - 1e-16])
def test_probabilities(value):
    assert check_probability("confidence", value) == value


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.1, 95, math.nan, math.inf])
def test_no_probabilities(value):
    with pytest.raises(ConfigError, match=r"confidence must lie in \(0, 1\); got") as caught:
        check_probability("confidence", value)
    assert caught.value.key == "confidence"


def test_closed_ends():
    assert [check_probability("p", value, open_ends=False) for value in (0, 1)] == [0.0, 1.0]
    with pytest.raises(ConfigError, match=r"p must lie in \[0, 1\]; got 1.5"):
        check_probability("p", 1.5, open_ends=False)


def test_delta():
    assert [check_delta(value) for value in (0, 1e-5)] == [0.0, 1e-5]
    for value in (1.0, -1e-9, math.nan):
        with pytest.raises(ConfigError, match=r"delta must lie in \[0, 1\); got .* 1e-5") as caught:
            check_delta(value)
        assert caught.value.key == "delta"


def test_scores():
    scores = check_scores([1, math.inf, -math.inf])
    assert scores.dtype == np.float64
    assert scores.tolist() == [1.0, math.inf, -math.inf]
    with pytest.raises(
        DegenerateScoresError, match=r"x must not be NaN; got 7 NaN of 8 \(records 1, 2, 3, 4, 5, \.\.\.\)"
    ):
        check_scores([0.0] + [math.nan] * 7, name="x")
    for bad in (3.0, [[1.0]]):
        with pytest.raises(ShapeError, match=r"scores must have shape \(n,\); got"):
            check_scores(bad)
    for bad in (["a", "b"], [[1], [1, 2]], [{}]):
        with pytest.raises(DataError, match=r"scores must be .* numbers"):
            check_scores(bad)


@pytest.mark.parametrize("members", [[1, 0], [True, False], np.array([0, 1], dtype=np.uint8), [0.0, 1.0]])
def test_both_worlds(members):
    assert check_both_worlds(members).dtype == np.bool_
    assert check_both_worlds(members).sum() == 1


@pytest.mark.parametrize(("members", "n_in", "n_out"), [([1, 1], 2, 0), ([0], 0, 1), ([], 0, 0)])
def test_one_world(members, n_in, n_out):
    with pytest.raises(DegenerateScoresError, match=f"got {n_in} members and {n_out} non-members"):
        check_both_worlds(members)


@pytest.mark.parametrize("members", [[1, -1], [1, 2], [0, 1, math.nan], [0.5, 1], ["0", "1"], ["yes", "no"], [None, 1]])
def test_membership_that_is_neither_0_nor_1(members):
    with pytest.raises(DataError, match=r"membership must be 1 .member. or 0; got"):
        check_both_worlds(members)


def test_same_length():
    assert check_same_length(a=np.zeros(3), b=np.zeros((3, 2))) == 3
    with pytest.raises(ShapeError, match="same number of rows; got a: 3, b: 2"):
        check_same_length(a=np.zeros(3), b=np.zeros(2))


def test_finite_features():
    check_finite_features(np.zeros((2, 3, 4)))
    features = np.zeros((9, 2, 2))
    features[[1, 3], 0, 1] = math.nan, math.inf
    with pytest.raises(DataError, match=r"2 records hold NaN or infinity \(first rows \[1, 3\]\)"):
        check_finite_features(features)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lria", " Did you mean lira?"),
        ("lirra", " Did you mean lira?"),
        ("zzz", ""),
        ("", ""),
        ("lira", " Did you mean lira?"),
    ],
)
def test_nearest(word, hint):
    assert nearest(word, ["lira", "rmia", "loss"]) == hint
    assert nearest(word, []) == ""


def test_every_refusal_is_an_error_of_ours():
    assert all(issubclass(kind, PrivauditError) for kind in (ConfigError, DataError, ShapeError, DegenerateScoresError))
