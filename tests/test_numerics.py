"""Signals from logits: check values of the specification, both ends, and labels that do not fit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import DataError, ShapeError
from privaudit.numerics import (
    is_correct,
    log_entropy_term,
    log_mean_exp,
    log_modified_entropy,
    log_probability,
    log_sum_exp,
    logit_margin,
    two_class_logits,
)

PROFILE = settings(max_examples=100, deadline=None, derandomize=True)


@pytest.mark.parametrize("logit", [120.0, 40.0, 1000.0, -1000.0])
def test_margin_does_not_saturate(logit):
    assert logit_margin([[logit, 0.0, 0.0]], [0])[0] == pytest.approx(logit - math.log(2.0), abs=1e-12)
    assert round(float(logit_margin([[120.0, 0.0, 0.0]], [0])[0]), 6) == 119.306853
    assert round(float(logit_margin([[40.0, 0.0, 0.0]], [0])[0]), 6) == 39.306853


@PROFILE
@given(st.lists(st.floats(-30.0, 30.0), min_size=2, max_size=6), st.data())
def test_margin_is_the_log_odds_of_the_true_class(logits, data):
    label = data.draw(st.integers(0, len(logits) - 1))
    odds = math.exp(logits[label]) / math.fsum(math.exp(z) for i, z in enumerate(logits) if i != label)
    margin = logit_margin([logits], [label])
    assert margin[0] == pytest.approx(math.log(odds), abs=1e-9)
    p = math.exp(logits[label]) / math.fsum(math.exp(z) for z in logits)
    assert log_probability(margin)[0] == pytest.approx(math.log(p), abs=1e-9)
    assert logit_margin([[z + 500.0 for z in logits]], [label])[0] == pytest.approx(margin[0], abs=1e-9)


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
def test_one_output_is_the_logit_of_class_one(shape):
    logits = np.array([2.0, -1.0, 300.0]).reshape(shape)
    assert two_class_logits(logits).tolist() == [[0.0, 2.0], [0.0, -1.0], [0.0, 300.0]]
    assert logit_margin(logits, [1, 0, 0]).tolist() == [2.0, 1.0, -300.0]
    assert is_correct(logits, [1, 0, 0]).tolist() == [1.0, 1.0, 0.0]


def test_labels_that_do_not_fit_are_refused():
    for label in (-1, 3):
        with pytest.raises(ShapeError, match=r"0\.\.2"):
            logit_margin([[1.0, 2.0, 3.0]], [label])
    with pytest.raises(ShapeError, match=r"0\.\.1 for a model with 2 classes"):
        logit_margin([[1.0]], [2])
    for function in (logit_margin, is_correct):
        for labels in ([0], [[0], [1]], [0, 1, 0]):  # numpy would stretch the first two without a word
            with pytest.raises(ShapeError, match="labels must have shape"):
                function([[1.0, 2.0], [3.0, 4.0]], labels)
    with pytest.raises(ShapeError, match="logits must have shape"):
        logit_margin(np.zeros((2, 2, 2)), [0, 0])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_refused(bad):
    with pytest.raises(DataError, match="1 records"):
        logit_margin([[bad, 0.0], [1.0, 0.0]], [0, 0])


def test_log_probability_at_both_ends():
    assert log_probability(-800.0) == -800.0  # log(e^m / (1 + e^m)) -> m
    assert log_probability(-40.0) == pytest.approx(-40.0 - math.exp(-40.0), rel=1e-15)
    for margin in (20.0, 40.0, 100.0, 700.0):  # -> -e^-m (1 - e^-m / 2)
        tail = math.exp(-margin)
        assert log_probability(margin) == pytest.approx(-tail * (1.0 - tail / 2.0), rel=1e-12)
    assert log_probability(0.0) == pytest.approx(-math.log(2.0), rel=1e-15)
    assert log_probability(np.zeros((2, 3))).shape == (2, 3)


@PROFILE
@given(st.floats(-700.0, 700.0), st.floats(1e-3, 50.0))
def test_log_probability_increases_and_has_the_right_odds(margin, step):
    own, other = float(log_probability(margin)), float(log_probability(-margin))
    assert own <= 0.0 and own - other == pytest.approx(margin, abs=1e-9)
    assert float(log_probability(margin - step)) < own


def test_sums_and_means_of_exponentials():
    values = np.array([[-np.inf, 0.0, 1000.0], [-np.inf, 0.0, 1000.0]])
    assert log_sum_exp(values, axis=0).tolist() == [-np.inf, math.log(2.0), 1000.0 + math.log(2.0)]
    assert log_mean_exp(values, axis=0).tolist() == [-np.inf, 0.0, 1000.0]
    assert log_mean_exp(np.array([-np.inf, 0.0]), axis=0) == pytest.approx(-math.log(2.0))
    assert log_mean_exp(np.array([-1e-20, -3e-20]), axis=0) == pytest.approx(-2e-20, rel=1e-12)


def test_correctness_breaks_ties_by_the_first_class():
    assert is_correct([[1.0, 1.0], [1.0, 1.0]], [0, 1]).tolist() == [1.0, 0.0]


@PROFILE
@given(st.lists(st.floats(-12.0, 12.0), min_size=2, max_size=6), st.data())
def test_modified_entropy_equals_its_definition(logits, data):
    label = data.draw(st.integers(0, len(logits) - 1))
    share = [math.exp(z) for z in logits]
    rest = [math.fsum(share[:c] + share[c + 1 :]) / math.fsum(share) for c in range(len(share))]  # 1 - p
    p = [value / math.fsum(share) for value in share]
    own = -rest[label] * math.log(p[label])
    others = math.fsum(-p[c] * math.log(rest[c]) for c in range(len(p)) if c != label)
    found = log_modified_entropy([logits, [z + 300.0 for z in logits]], [label, label])
    assert found == pytest.approx([math.log(own + others)] * 2, abs=1e-9)


def test_modified_entropy_does_not_saturate():
    """Of two classes it is twice one term: 2 s(-m) log(1 + exp(-m)) at margin m."""
    margins = np.linspace(-3000.0, 3000.0, 601)
    found = log_modified_entropy(np.stack([margins, np.zeros(601)], axis=1), np.zeros(601, dtype=int))
    assert (np.diff(found) < 0).all()
    assert found == pytest.approx(math.log(2.0) + log_entropy_term(-margins), abs=1e-12)
    assert found[-1] == pytest.approx(math.log(2.0) - 6000.0) and found[0] == pytest.approx(math.log(6000.0))
    sure = log_modified_entropy([[500.0, 0.0, 0.0], [0.0, 500.0, 0.0]], [0, 0])
    # right: (2 q)(2 q) + 2 q^2 with q = exp(-500); wrong: 500 for the true class, 500 - log 2 for the one called
    assert sure == pytest.approx([math.log(6.0) - 1000.0, math.log(1000.0 - math.log(2.0))], abs=1e-9)


def test_modified_entropy_refuses_what_the_margin_refuses():
    with pytest.raises(DataError, match="finite"):
        log_modified_entropy([[0.0, math.nan]], [0])
    with pytest.raises(ShapeError, match="labels must"):
        log_modified_entropy([[0.0, 1.0]], [2])
    assert log_modified_entropy([[1.7]], [1]) == log_modified_entropy([[0.0, 1.7]], [1])
