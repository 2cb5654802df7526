"""The exact threshold, against trying every one."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from privaudit.attacks.distribution.thresholds import best_thresholds, exact_threshold
from privaudit.errors import DataError, DegenerateScoresError, ShapeError

REFERENCE = Path(__file__).parents[2] / "reference" / "distribution.json"
WHOLE = st.lists(st.integers(-4, 4), min_size=1, max_size=7)
ANY = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=7)


def reference(name):
    return next(entry for entry in json.loads(REFERENCE.read_text())["entries"] if entry["id"] == name)


def balanced(metric_0, metric_1, threshold, direction):
    """Balanced accuracy of: world 1 where direction * (metric - threshold) is at least 0."""
    said_0, said_1 = (direction * (np.asarray(metric, float) - threshold) >= 0 for metric in (metric_0, metric_1))
    return ((~said_0).mean() + said_1.mean()) / 2


def by_trying(metric_0, metric_1, directions):
    values = np.unique(np.concatenate([metric_0, metric_1]))
    return max(
        balanced(metric_0, metric_1, threshold, direction)
        for threshold in [*(values[:-1] + values[1:]) / 2, values[0] - 1, values[-1] + 1]
        for direction in directions
    )


def test_the_reference_case():
    case = reference("threshold_exact_tiny")
    found = exact_threshold(case["inputs"]["metric_d0"], case["inputs"]["metric_d1"])
    assert found.accuracy == pytest.approx(case["expected"]["accuracy"], abs=case["tolerance"])
    # 0.725 and 0.75 serve equally well too, but the gap below 0.76 is as wide as any
    assert balanced(case["inputs"]["metric_d0"], case["inputs"]["metric_d1"], *found[:2]) == found.accuracy


@given(WHOLE, WHOLE)
@example([0], [0])
@example([1, 2, 2, 3], [2, 2])
def test_no_threshold_is_better(metric_0, metric_1):
    found = exact_threshold(metric_0, metric_1)
    assert found.accuracy == pytest.approx(by_trying(metric_0, metric_1, (1, -1)), abs=1e-12)
    if found.direction:
        assert balanced(metric_0, metric_1, found.threshold, found.direction) == pytest.approx(
            found.accuracy, abs=1e-12
        )
    else:
        assert found.accuracy == 0.5
    above = exact_threshold(metric_0, metric_1, both_directions=False)
    assert above.accuracy == pytest.approx(by_trying(metric_0, metric_1, (1,)), abs=1e-12) and above.direction >= 0


@given(WHOLE, WHOLE)
def test_exchanged_samples_turn_the_direction_round(metric_0, metric_1):
    one, other = exact_threshold(metric_0, metric_1), exact_threshold(metric_1, metric_0)
    assert other == (one.threshold, -one.direction, one.accuracy)


@given(ANY, ANY)
@example([0.0], [5e-324])
@example([1.0], [1.0000000000000002])
@example([1.0000000000000002], [1.0])
def test_the_threshold_parts_neighbouring_numbers(metric_0, metric_1):
    found = exact_threshold(metric_0, metric_1)
    if found.direction:
        assert balanced(metric_0, metric_1, found.threshold, found.direction) == pytest.approx(
            found.accuracy, abs=1e-12
        )


def test_columns_are_independent():
    rng = np.random.default_rng(0)
    metric_0, metric_1 = rng.integers(0, 6, (7, 40)) * 1.0, rng.integers(0, 7, (5, 40)) * 1.0
    found = best_thresholds(metric_0, metric_1)
    for column in range(40):
        alone = exact_threshold(metric_0[:, column], metric_1[:, column])
        assert alone == tuple(part[column] for part in found)


def test_the_widest_gap_is_taken():
    assert exact_threshold([0.0, 1.0], [9.0, 10.0]).threshold == 5.0
    # cuts at 0.5 and at 6 are right for three of four each
    assert exact_threshold([0.0, 2.0], [1.0, 10.0]).threshold == 6.0


def test_what_is_no_metric_is_refused():
    with pytest.raises(DegenerateScoresError, match="metric_1"):
        exact_threshold([0.0], [np.nan])
    with pytest.raises(DataError, match="finite"):
        exact_threshold([np.inf], [0.0])
    for bad in ([], [[0.0]]):
        with pytest.raises(ShapeError):
            exact_threshold(bad, [0.0])
    with pytest.raises(ShapeError):
        best_thresholds(np.zeros((2, 3)), np.zeros((2, 4)))
