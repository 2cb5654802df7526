"""Which variant serves: divergences and accuracies by their definitions, and what must not reach them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.attacks.variant_choice import Shadows, variant_accuracy, variant_divergence
from privaudit.errors import UnsupportedError

PROFILE = settings(max_examples=40, deadline=None, derandomize=True)
NUMBERS = (1, 4, 9)


def a_case(seed):
    """Three targets and six shadows of three variants; the first target has none of the last variant."""
    rng = np.random.default_rng(seed)
    targets, values, is_in = rng.normal(size=(3, 20)), rng.normal(1, 2, (6, 20)), rng.random((6, 20)) < 0.5
    is_in[:, 0], is_in[:, 1] = True, False
    usable = rng.random((3, 6)) < 0.7
    usable[0, 5] = False
    return targets, values, is_in, Shadows(np.arange(6), np.array([4, 4, 1, 1, 1, 9]), usable)


def naive(one, shadows):
    """Mean of ``one(target, shadow)`` over the usable shadows of each variant, one after the other."""
    found = np.zeros((len(shadows.usable), len(NUMBERS)))
    for t, usable in enumerate(shadows.usable):
        for place, number in enumerate(NUMBERS):
            parts = [one(t, k) for k in np.flatnonzero(usable & (shadows.variant == number))]
            found[t, place] = np.mean(parts) if parts else 0.0
            assert shadows.counts()[t, place] == len(parts)
    return found


@PROFILE
@given(st.integers(0, 10**6))
def test_divergences_are_those_of_the_definition(seed):
    targets, values, is_in, shadows = a_case(seed)

    def divergence(t, k):
        p, q = targets[t, is_in[k]], values[k, is_in[k]]
        variance_p, variance_q = max(p.var(), 1e-6), max(q.var(), 1e-6)
        squared = variance_p + (p.mean() - q.mean()) ** 2
        return 0.5 * (squared / variance_q - np.log(variance_p / variance_q) - 1)

    found = variant_divergence(targets, values, is_in, shadows)
    np.testing.assert_allclose(found, naive(divergence, shadows), rtol=1e-9, atol=1e-9)


@PROFILE
@given(st.integers(0, 10**6))
def test_accuracies_are_those_of_records_outside(seed):
    _, values, is_in, shadows = a_case(seed)
    is_correct = (values > 0) * 1.0
    found = variant_accuracy(is_correct, is_in, shadows)
    wanted = naive(lambda _, k: is_correct[k, ~is_in[k]].mean(), shadows)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(found, variant_accuracy(np.where(is_in, 1 - is_correct, is_correct), is_in, shadows))


def test_shadows_that_are_not_usable_do_not_reach_either_to_the_last_digit():
    targets, values, is_in, shadows = a_case(0)
    shadows.usable[:] = [True, True, False, False, True, True]
    changed, coins = values.copy(), is_in.copy()
    changed[2:4] = 1e6 * changed[2:4]
    coins[2:4] = ~coins[2:4]
    for one in (
        lambda x, inside: variant_divergence(targets, x, inside, shadows),
        lambda x, inside: variant_accuracy((x > 0) * 1.0, inside, shadows),
    ):
        np.testing.assert_array_equal(one(values, is_in), one(changed, coins))


def test_a_shadow_without_members_or_without_others_is_refused():
    targets, values, is_in, shadows = a_case(0)
    empty, full = is_in & (np.arange(6) != 2)[:, None], is_in | (np.arange(6) == 2)[:, None]
    with pytest.raises(UnsupportedError, match="needs a member"):
        variant_divergence(targets, values, empty, shadows)
    with pytest.raises(UnsupportedError, match="not trained on"):
        variant_accuracy(values > 0, full, shadows)
