"""Expected rates where a block of equal scores is accepted by lot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import ConfigError
from privaudit.estimators import auc, expected_tpr, expected_tpr_metric, expected_tpr_metrics, roc_curve, tpr_at_fpr
from privaudit.estimators.expected_rate import is_tied_at, untied_curve

CELLS = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=8, max_size=60)


def worlds(cells):
    scores = np.array([score for score, _ in cells] + [0, 0], dtype=float)
    member = np.array([is_in for _, is_in in cells] + [True, False])
    return scores, member


@settings(max_examples=60, deadline=None, derandomize=True)
@given(CELLS, st.floats(0.0, 1.0))
def test_it_lies_between_the_floor_and_the_next_point_and_has_the_curves_area(cells, fpr):
    scores, member = worlds(cells)
    value = expected_tpr(scores, member, fpr)
    roc = roc_curve(scores, member)
    assert roc.tpr[roc.fpr <= fpr].max() - 1e-12 <= value
    assert value <= (roc.tpr[roc.fpr >= fpr].min() if fpr not in roc.fpr else roc.tpr[roc.fpr == fpr].max()) + 1e-12
    curve = untied_curve(roc)
    assert (np.diff(curve.tpr) >= -1e-12).all() and curve.tpr[-1] == 1.0
    # the trapezoid over the untied curve and over the points is the Mann-Whitney area but for vertical pieces
    assert np.trapezoid(roc.tpr, roc.fpr) == pytest.approx(auc(scores, member))


def test_a_randomised_test_reaches_it():
    """Whoever is in the block is called with one probability, chosen so that the mean rate of false alarms is the one asked
    for: the rate of members called is then the interpolated one, exactly.
    """
    scores, member = np.repeat([1.0, 0.0], [60, 40]), np.tile([True, False], 50)
    n_in, n_out = 50, 50
    in_block, out_block = int(member[:60].sum()), int((~member[:60]).sum())
    probability = 0.01 * n_out / out_block
    assert expected_tpr(scores, member, 0.01) == pytest.approx(probability * in_block / n_in)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(CELLS, st.floats(0.0, 1.0))
def test_it_is_one_block_by_lot_and_the_floor_rule_where_nothing_is_tied(cells, fpr):
    """Rates between whole numbers of false positives, too: a straight line to a step of a later score would mix two thresholds."""
    scores, member = worlds(cells)
    roc = roc_curve(scores, member)
    assert expected_tpr(scores, member, fpr) <= np.interp(fpr, *_last_of_each(roc)) + 1e-12
    if not is_tied_at(roc, fpr):
        distinct = np.arange(len(scores), dtype=float)
        floor = roc_curve(distinct, member)
        assert expected_tpr(distinct, member, fpr) == floor.tpr[floor.fpr <= fpr].max()


def test_a_step_of_a_later_score_is_not_mixed_in():
    """150 non-members: 1.5 of them are allowed. One has the top score with 3 members; the next score holds 30 members and 20."""
    scores = np.repeat([2.0, 1.0, 0.0], [4, 50, 246])
    member = np.concatenate([np.ones(3), np.zeros(1), np.ones(30), np.zeros(20), np.ones(117), np.zeros(129)]).astype(
        bool
    )
    assert expected_tpr(scores, member, 0.01) == pytest.approx((3 + 30 * 0.5 / 20) / 150)


def _last_of_each(roc):
    last = np.append(roc.fpr[1:] != roc.fpr[:-1], True)
    return roc.fpr[last], roc.tpr[last]


def test_only_tied_rates_are_listed():
    distinct = np.arange(400.0)
    member = np.arange(400) % 2 == 0
    assert expected_tpr_metrics(distinct, member, [0.01, 0.1], confidence=0.95) == ()
    tied = np.where(distinct > 200, 1.0, 0.0)
    (low, high) = expected_tpr_metrics(tied, member, [0.01, 0.1], confidence=0.95)
    assert (low.at, high.at) == (0.01, 0.1) and low.lower <= low.value <= low.upper
    assert tpr_at_fpr(tied, member, 0.01, confidence=0.95).value == 0.0 < low.value
    few = expected_tpr_metric(tied[:20], member[:20], 0.01, confidence=0.95)
    assert few.value is None and "10 non-members" in few.rule


def test_bad_rates_are_refused():
    with pytest.raises(ConfigError):
        expected_tpr([1.0, 0.0], [1, 0], 1.5)
