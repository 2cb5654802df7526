"""Temperature, top-k and rounding: values by hand, what they keep, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.defenses.base import DataDefense, KeyedDefense, OutputDefense, RecipeDefense, told
from privaudit.defenses.output_noise import OutputNoise
from privaudit.defenses.rounding import Rounding, rounded_probabilities
from privaudit.defenses.temperature import Temperature, at_temperature
from privaudit.defenses.top_k import TopK, top_probabilities
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.registry import create_defense

FILTERS = {
    "temperature": Temperature(value=3.0),
    "top_k": TopK(k=2),
    "rounding": Rounding(decimals=2),
    "output_noise": OutputNoise(scale=0.5),
}
EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


@st.composite
def answers(draw):
    """Rows of probabilities: smooth ones, nearly certain ones, and ones with ties."""
    n_classes, rng = draw(st.integers(2, 7)), np.random.default_rng(draw(st.integers(0, 10**6)))
    concentration = draw(st.sampled_from([0.01, 0.3, 1.0, 30.0]))
    rows = rng.dirichlet(np.full(n_classes, concentration), size=20)
    if draw(st.booleans()):
        rows = np.ceil(rows * 4)
    return rows / rows.sum(axis=1, keepdims=True)


@EXAMPLES
@given(answers(), st.floats(0.05, 50.0))
def test_temperature_keeps_the_order_and_divides_log_odds(given, value):
    said = at_temperature(given, value)
    assert said.sum(axis=1) == pytest.approx(1.0)
    by_size = np.argsort(given, axis=1)
    assert (np.diff(np.take_along_axis(said, by_size, axis=1), axis=1) >= 0.0).all()
    own, other = (np.maximum(part, 1e-200) for part in (said, given))
    seen = (said > 1e-200).all(axis=1) & (given > 1e-200).all(axis=1)
    before, after = np.log(other[seen] / other[seen, :1]), np.log(own[seen] / own[seen, :1])
    assert after * value == pytest.approx(before, abs=1e-9 * max(1.0, value))


@EXAMPLES
@given(answers(), st.floats(0.1, 10.0))
def test_the_inverse_temperature_turns_it_back(given, value):
    """Whoever knows the temperature sees all there was, as far as numbers did not vanish."""
    back = at_temperature(at_temperature(given, value), 1.0 / value)
    assert back == pytest.approx(given, abs=1e-9)


@EXAMPLES
@given(answers(), st.integers(1, 8))
def test_top_k_keeps_the_largest_and_tells_no_more(given, k):
    said, n_classes = top_probabilities(given, k), given.shape[1]
    assert said.sum(axis=1) == pytest.approx(1.0)
    assert (said.argmax(axis=1) == given.argmax(axis=1)).all()  # the first one at a tie
    assert top_probabilities(said, k) == pytest.approx(said, abs=1e-15)
    if k >= n_classes:
        assert np.array_equal(said, given)
        return
    order = np.argsort(-given, axis=1, kind="stable")
    kept, rest = (np.take_along_axis(said, part, axis=1) for part in (order[:, :k], order[:, k:]))
    assert np.array_equal(kept, np.take_along_axis(given, order[:, :k], axis=1))
    assert (rest == rest[:, :1]).all()
    assert (rest[:, 0] <= kept[:, -1]).all()


def test_of_equal_probabilities_the_first_class_is_told():
    assert top_probabilities([[0.2, 0.4, 0.4, 0.0]], 1)[0] == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert top_probabilities([[0.25, 0.25, 0.25, 0.25]], 2).tolist() == [[0.25] * 4]


@EXAMPLES
@given(answers(), st.integers(0, 6))
def test_rounding_stays_within_half_a_step_and_is_done_once(given, decimals):
    said, step = rounded_probabilities(given, decimals), 10.0**-decimals
    assert (np.abs(said - given) <= step / 2 + 1e-15).all()
    assert np.array_equal(rounded_probabilities(said, decimals), said)
    assert np.abs(said / step - np.round(said / step)).max() < 1e-6


def test_rounding_by_hand():
    assert rounded_probabilities([[0.126, 0.874]], 2).tolist() == [[0.13, 0.87]]
    assert rounded_probabilities([[0.34, 0.33, 0.33]], 0).tolist() == [[0.0, 0.0, 0.0]]  # nothing is told
    assert Rounding(decimals=2).least == pytest.approx(0.0025)
    assert Rounding(decimals=0).least == 0.25


@pytest.mark.parametrize("name", FILTERS)
def test_what_a_reader_makes_of_an_answer_is_a_distribution(name):
    defense = FILTERS[name]
    given = np.random.default_rng(1).dirichlet(np.full(5, 0.02), size=400)
    seen = told(defense, given, np.random.default_rng(0))
    assert seen.sum(axis=1) == pytest.approx(1.0)
    assert (seen > 0.0).all() and np.isfinite(np.log(seen)).all()
    again = told(defense, given, np.random.default_rng(0))
    assert np.array_equal(seen, again)


@pytest.mark.parametrize("name", FILTERS)
def test_filters_keep_their_protocol_and_the_callers_numbers(name):
    defense, given = FILTERS[name], np.random.default_rng(1).dirichlet(np.ones(4), size=9)
    before = given.copy()
    said = defense.release(given, np.random.default_rng(0))
    assert said is not given and np.array_equal(given, before)
    assert isinstance(defense, OutputDefense) and 0.0 < defense.least < 1.0
    assert not isinstance(defense, RecipeDefense) and not isinstance(defense, DataDefense)
    assert isinstance(defense, KeyedDefense) == (name == "output_noise")


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    ("error", "given"),
    [
        (ShapeError, [0.5, 0.5]),
        (ShapeError, [[1.0]]),
        (ShapeError, 0.5),
        (DataError, [[0.5, 0.6]]),
        (DataError, [[1.5, -0.5]]),
        (DataError, [[math.nan, 0.5]]),
        (DataError, [[math.inf, 0.0]]),
    ],
)
def test_what_is_no_distribution_is_refused(name, error, given):
    with pytest.raises(error):
        FILTERS[name].release(np.array(given), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("temperature", {"value": 0.0}, "value must lie in"),
        ("temperature", {"value": math.nan}, "value must lie in"),
        ("temperature", {"value": math.inf}, "value must lie in"),
        ("temperature", {"value": "hot"}, "wrong type"),
        ("temperature", {}, "needs value"),
        ("top_k", {"k": 0}, "k must be a whole number in 1"),
        ("top_k", {"k": 1.0}, "got 1.0"),
        ("top_k", {"k": True}, "got True"),
        ("top_k", {"n": 3}, "has no parameter 'n'; it has k"),
        ("rounding", {"decimals": -1}, "decimals must be a whole number in 0..12; got -1"),
        ("rounding", {"decimals": 13}, "got 13"),
        ("rounding", {"decimals": "2"}, "got '2'"),
        ("output_noise", {"scale": 1.0, "fresh": "yes"}, "fresh must be true or false"),
        ("output_noise", {"scale": -1.0}, "scale must lie in"),
        ("top-k", {"k": 3}, "Did you mean top_k"),
    ],
)
def test_parameters_that_are_none_are_refused_in_one_line(name, params, words):
    with pytest.raises(ConfigError, match=words) as caught:
        create_defense(name, params)
    assert "\n" not in str(caught.value)


def test_noise_is_fresh_only_where_it_is_asked_for():
    assert OutputNoise(scale=1.0).is_keyed and not OutputNoise(scale=1.0, fresh=True).is_keyed
    given, draws = np.full((3, 2), 0.5), np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    said = OutputNoise(scale=math.sqrt(2.0)).release_with(given, draws)
    assert np.log(said[:, 0] / said[:, 1]) == pytest.approx([1.0, -1.0, 0.0])
