from hypothesis import given
from hypothesis import strategies as st

from privaudit.gate.suffice import times_needed
from privaudit.gate.three_way import three_way

share = st.floats(0, 1)


@given(share, share, share)
def test_every_interval_is_judged_by_its_ends_alone(one, other, limit):
    lower, upper = sorted((one, other))
    outcome = three_way(lower, upper, limit)
    assert (outcome == "fail") == (lower > limit)
    assert (outcome == "pass") == (upper <= limit)


@given(share, share, share, share)
def test_a_higher_limit_is_never_judged_worse(one, other, limit, more):
    lower, upper = sorted((one, other))
    order = ("fail", "inconclusive", "pass")
    assert order.index(three_way(lower, upper, limit)) <= order.index(three_way(lower, upper, limit + more))


@given(share, share, share, share)
def test_a_narrower_interval_keeps_a_decided_outcome(one, other, limit, cut):
    lower, upper = sorted((one, other))
    inside = (lower + cut * (upper - lower) / 2, upper - cut * (upper - lower) / 2)
    outcome = three_way(lower, upper, limit)
    if outcome != "inconclusive" and inside[0] <= inside[1]:
        assert three_way(*inside, limit) == outcome


@given(share)
def test_an_open_upper_end_never_passes(lower):
    assert three_way(lower, None, 1.0) == "inconclusive"
    assert three_way(lower, 0.5, None) == "inconclusive"


@given(st.floats(1.1, 500))
def test_times_needed_finds_the_factor(factor):
    found = times_needed(lambda times: 1 / times, 1 / factor)
    assert factor <= found <= 1.03 * factor


def test_times_needed_gives_up():
    assert times_needed(lambda times: 1.0, 0.5) is None
