"""Right guesses where scores are equal: against every order of the canaries, one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import ConfigError, DegenerateScoresError
from privaudit.estimators import TwoSidedGuesses, two_sided_guesses
from privaudit.estimators.tied_guesses import count_two_sided

PROFILE = settings(max_examples=40, deadline=None, derandomize=True)


def every_order(scores, is_in, share):
    """Right guesses of every order of the canaries, sorted."""
    found = []
    for order in itertools.permutations(range(len(scores))):
        rows = list(order)
        guess = two_sided_guesses(scores[rows], share)
        found.append(int((guess == np.where(is_in[rows], 1, -1)).sum()))
    return np.sort(found)


@PROFILE
@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=2, max_size=6),
    st.sampled_from([0.1, 0.5, 0.7, 1.0]),
)
def test_wrong_is_the_worst_order_and_median_the_middle_one(canaries, share):
    scores = np.array([float(score) for score, _ in canaries])
    is_in = np.array([coin for _, coin in canaries])
    right = every_order(scores, is_in, share)
    assert count_two_sided(scores, is_in, share).n_correct == right[0]
    median = count_two_sided(scores, is_in, share, ties="median")
    assert (right >= median.n_correct).mean() >= 0.5
    assert (right >= median.n_correct + 1).mean() <= 0.5
    if not median.n_tied:
        assert right[0] == right[-1]


@PROFILE
@given(st.lists(st.booleans(), min_size=2, max_size=50), st.sampled_from([0.1, 0.5, 1.0]), st.integers(0, 99))
def test_without_ties_both_rules_are_the_plain_guesses(coins, share, seed):
    is_in = np.array(coins)
    scores = np.random.default_rng(seed).permutation(len(coins)).astype(float)
    guess = two_sided_guesses(scores, share)
    plain = (int(np.count_nonzero(guess)), int((guess == np.where(is_in, 1, -1)).sum()), 0)
    assert count_two_sided(scores, is_in, share) == count_two_sided(scores, is_in, share, ties="median") == plain


def test_large_runs_and_mistakes():
    rng = np.random.default_rng(0)
    coins = rng.random(200_000) < 0.5
    for scores in (np.zeros(200_000), rng.integers(0, 2, 200_000).astype(float)):
        worst, middle = (count_two_sided(scores, coins, 0.1, ties=ties) for ties in ("wrong", "median"))
        assert worst.n_correct == 0 and abs(middle.n_correct - 10_000) < 6 * 71
    with pytest.raises(DegenerateScoresError):
        count_two_sided(np.array([0.0, np.nan]), np.array([True, False]), 0.5)
    for share in (0.0, 1.5):
        with pytest.raises(ConfigError, match="share"):
            count_two_sided(np.array([0.0, 1.0]), np.array([True, False]), share)
    with pytest.raises(ConfigError, match="ties"):
        TwoSidedGuesses(ties="random")
