"""Moments of the privacy loss, sums from the top, and the thinning of a composed loss."""

import math

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp
from scipy.stats import norm

from privaudit.estimators.composed_loss import FEW, LossTail, loss_tail, thinned
from privaudit.estimators.loss_cells import Direction
from privaudit.estimators.loss_moments import LEAST_NOISE, USUAL, log_delta_lines, log_moments
from privaudit.estimators.renyi_bound import ORDERS
from privaudit.estimators.tail_sums import SUM_ERROR, tail_sums
from privaudit.types import DpSgdParams

SETTINGS = [(1.0, 0.01), (0.5, 1e-4), (5.0, 0.5), (0.1, 0.2), (1.0, 1 - 1e-6), (2.0, 1.0), (30.0, 0.9)]


def _moments(noise, rate, direction):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=1)
    orders, _ = log_delta_lines(params, direction)
    return orders, log_moments(params, direction, orders)


def _integral(noise, rate, direction, order):
    """The same by a grid of its own over the logarithms of both densities."""
    far = 15.0 + (3.0 + 2.0 * order) / noise
    x, step = np.linspace(-far, far, 1 + 2 * math.ceil(far * max(30.0, 12.0 / noise)), retstep=True)
    plain = norm.logpdf(x)
    with np.errstate(divide="ignore"):
        share = np.log(1.0 - rate)
    plus, minus = (np.logaddexp(share + plain, math.log(rate) + norm.logpdf(x, c / noise)) for c in (1.0, -1.0))
    drawn, other = {
        Direction.REMOVE: (plus, plain),
        Direction.ADD: (plain, plus),
        Direction.REPLACE: (plus, minus),
    }[direction]
    return float(logsumexp((1.0 + order) * drawn - order * other)) + math.log(step)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(("noise", "rate"), SETTINGS)
def test_moments_are_the_integrals(noise, rate, direction):
    orders, moments = _moments(noise, rate, direction)
    for place in (0, len(orders) // 3, len(orders) // 2, 2 * len(orders) // 3, -1):
        if orders[place] / noise > 60.0:
            continue
        expected = _integral(noise, rate, direction, float(orders[place]))
        assert moments[place] == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(("noise", "rate"), [(1.0, 1e-9), (50.0, 1e-4), (2.0, 1e-3)])
def test_moments_of_whole_orders_are_binomial_sums_and_not_below(noise, rate):
    orders, moments = _moments(noise, rate, Direction.REMOVE)
    for order in (1.0, 3.0, 12.0):
        k = np.arange(2.0, order + 2.0)  # without the terms of 1 and of the mean: the moment less 1, by E[r] = 1
        choose = gammaln(order + 2) - gammaln(k + 1) - gammaln(order + 2 - k)
        # E[(1 + q g)^n] with g = e^(a x - a^2 / 2) - 1: only powers from 2 on differ from those of the mean
        powers = [_central(int(power), noise) for power in k]
        beyond = float(np.sum(np.exp(choose + k * math.log(rate)) * powers))
        moment = moments[np.flatnonzero(orders == order)[0]]
        assert math.log1p(beyond) * (1 - 1e-9) <= moment <= math.log1p(beyond) * (1 + 1e-5)


def _central(power, noise):
    """E[(e^(a x - a^2 / 2) - 1)^power], by quadrature; powers of a small number, so that nothing cancels."""
    far = 12.0 + (power + 1.0) / noise
    x, step = np.linspace(-far, far, 40_001, retstep=True)
    return float(np.sum(np.expm1(x / noise - 0.5 / noise**2) ** power * norm.pdf(x)) * step)


def test_orders_are_the_renyi_orders_and_others():
    assert np.array(USUAL) == pytest.approx(np.array(ORDERS) - 1.0, rel=1e-12)
    orders, intercepts = log_delta_lines(
        DpSgdParams(noise_multiplier=2.0, sample_rate=0.1, steps=100), Direction.REMOVE
    )
    assert set(USUAL) <= set(orders.tolist()) and (np.diff(orders) > 0).all()
    assert (np.diff(np.diff(intercepts) / np.diff(orders)) > 0).all()
    tiny = DpSgdParams(noise_multiplier=LEAST_NOISE / 2, sample_rate=0.1, steps=1)
    assert [len(line) for line in log_delta_lines(tiny, Direction.ADD)] == [0, 0]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 70_000])
@pytest.mark.parametrize("step", [0.0, 1e-12, 1e-4, 0.3, 800.0])
def test_sums_from_the_top_are_exact_to_their_error(size, step):
    values = np.random.default_rng(1).exponential(size=size) ** 3
    sums = tail_sums(values, step)
    assert len(sums) == size
    for place in {0, size // 3, size - 1} & set(range(size)):
        exact = math.fsum(v * math.exp(-step * i) for i, v in enumerate(values[place:]))
        assert abs(sums[place] - exact) <= SUM_ERROR * exact


@pytest.mark.parametrize("lowest", [-100_000, 0, 1, 7, 5000])
def test_thinning_stays_just_above(lowest):
    grid, size = 2e-6, 1_000_000
    masses = norm.pdf((np.arange(size) - size / 3) / (size / 12))
    masses /= masses.sum()
    whole = loss_tail(masses, lowest, grid, 1e-9)
    thin = thinned(whole)
    assert len(thin.deltas) <= FEW < len(whole.deltas)
    epsilon = np.random.default_rng(0).uniform(0.0, 1.1 * grid * (lowest + size), 5000)
    above = thin.delta(epsilon) - whole.delta(epsilon)
    assert (above >= -1e-15).all() and above.max() < 2e-8
    for delta in (1e-8, 1e-5, 0.1):
        assert whole.epsilon(delta) <= thin.epsilon(delta) + 1e-15 <= whole.epsilon(delta) + 1e-5
    assert thin.epsilon(9e-10) == math.inf
    rates = np.geomspace(1e-12, 1.0, 200)
    more, less = (
        thin.highest_rate(rates) - whole.highest_rate(rates),
        whole.lowest_rate(rates) - thin.lowest_rate(rates),
    )
    assert (more >= -1e-14).all() and (less >= -1e-14).all() and max(more.max(), less.max()) < 1e-7


def test_thinning_takes_an_empty_tail():
    empty = LossTail(1.0, 1, np.zeros(0), np.zeros(0), 0.25)
    assert float(thinned(empty).delta(3.0)) == 0.25
