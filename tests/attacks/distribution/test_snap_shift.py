"""The shift of log-odds by poison, against Bayes' rule on a finite set of records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.distribution.snap_shift import poisoned_log_odds
from privaudit.errors import DataError

N_RECORDS = 7  # kinds of record


def enumerate_odds(joint, t, p, poison_law):
    """Odds of class 1 (planted) against class 0 at each kind of record with the property, by counting masses.

    ``joint``: (2, n) probability of class and record among records with the property; the poison is drawn by ``poison_law`` (n,)
    and called class 1. Records without the property are the rest of the mixture, and cannot be asked about.
    """
    mass = {}
    for record in range(joint.shape[1]):
        for label in (0, 1):
            mass[True, record, label] = (1 - p) * t * joint[label, record]
        mass[True, record, 1] += p * poison_law[record]
    mass[False, 0, 0] = (1 - p) * (1 - t)
    assert sum(mass.values()) == pytest.approx(1.0)
    return np.array([mass[True, record, 1] / mass[True, record, 0] for record in range(joint.shape[1])])


def random_case(rng):
    joint = rng.dirichlet(np.full(2 * N_RECORDS, 0.5)).reshape(2, N_RECORDS) + 1e-6
    joint /= joint.sum()
    return joint, rng.uniform(0.01, 1.0), rng.uniform(0.001, 0.5)


@pytest.mark.parametrize("seed", range(25))
def test_the_shift_is_bayes_rule(seed):
    joint, t, p = random_case(np.random.default_rng(seed))
    pi_v = joint[0].sum()
    phi = np.log(joint[1] / joint[0])
    odds = enumerate_odds(joint, t, p, joint[0] / pi_v)
    np.testing.assert_allclose(poisoned_log_odds(phi, p, t, pi_v), np.log(odds), rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(25))
def test_poison_of_any_class_has_the_other_form(seed):
    """Drawn without the label condition it adds c' to both e^phi and 1, with c' = p / ((1 - p) t)."""
    joint, t, p = random_case(np.random.default_rng(seed))
    pi_v = joint[0].sum()
    phi = np.log(joint[1] / joint[0])
    odds = enumerate_odds(joint, t, p, joint.sum(axis=0))
    other = p / ((1 - p) * t)
    np.testing.assert_allclose(np.exp(phi) * (1 + other) + other, odds, rtol=1e-9)
    assert np.abs(poisoned_log_odds(phi, p, t, pi_v) - np.log(odds)).max() > 1e-6  # and is not ours


numbers = {
    "phi": st.floats(-700, 700),
    "p": st.floats(1e-6, 0.99),
    "t": st.floats(1e-6, 1.0),
    "pi_v": st.floats(1e-6, 1.0),
}


@given(**numbers)
def test_the_shift_is_up_and_larger_for_smaller_ratios(phi, p, t, pi_v):
    here, there = (float(poisoned_log_odds(phi, p, ratio, pi_v)) for ratio in (t, t / 2))
    log_c = np.log(p) - np.log1p(-p) - np.log(t) - np.log(pi_v)
    assert np.isfinite(here) and phi <= here <= there
    assert here == pytest.approx(max(phi, log_c) + np.log1p(np.exp(-abs(phi - log_c))), abs=1e-9)
    assert there - here <= np.log(2) + 1e-9


def test_where_the_model_is_sure_of_the_true_class_only_the_ratios_count():
    for phi, wanted in ((-500.0, np.log(0.5 / 0.4)), (500.0, 0.0)):
        base, other = (float(poisoned_log_odds(phi, 0.02, ratio, 0.75)) for ratio in (0.5, 0.4))
        assert other - base == pytest.approx(wanted)


def test_no_poison_moves_nothing_and_certainty_stays():
    np.testing.assert_array_equal(poisoned_log_odds([-800.0, 0.3, 800.0], 0.0, 0.5, 0.5), [-800.0, 0.3, 800.0])
    assert float(poisoned_log_odds(np.inf, 0.1, 0.5, 0.5)) == np.inf
    assert float(poisoned_log_odds(-np.inf, 0.5, 1.0, 1.0)) == pytest.approx(0.0)


def test_arrays_of_any_shape_go_together():
    phi, share, ratio = np.zeros((4, 1)), np.array([0.1, 0.2, 0.3]), np.array([[0.5]])
    found = poisoned_log_odds(phi, share, ratio, 1.0)
    assert found.shape == (4, 3)
    assert found[2, 1] == float(poisoned_log_odds(0.0, 0.2, 0.5, 1.0))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"share": 1.0}, "share"),
        ({"share": -0.1}, "share"),
        ({"ratio": 0.0}, "ratio"),
        ({"ratio": [0.5, 1.1]}, "ratio"),
        ({"true_class_share": 0.0}, "true_class_share"),
        ({"true_class_share": float("nan")}, "true_class_share"),
        ({"log_odds": [0.0, float("nan")]}, "log_odds"),
    ],
)
def test_numbers_that_are_none_are_refused(changes, name):
    given_ = {"log_odds": 0.0, "share": 0.1, "ratio": 0.5, "true_class_share": 0.5}
    with pytest.raises(DataError, match=rf"^{name} must"):
        poisoned_log_odds(**(given_ | changes))
