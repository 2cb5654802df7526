"""How fast the posterior epsilon is: ``python -m tests.benchmarks.posterior``, on one core."""

import math
import statistics
import time

import numpy as np
from scipy.integrate import dblquad
from scipy.special import betaln

from privaudit.estimators.posterior import EpsilonPosterior
from privaudit.estimators.posterior_quantile import posterior_lower
from privaudit.types import ConfusionCounts

DELTA = 1e-5
COUNTS = (
    ConfusionCounts(tp=76, fn=923, fp=19, tn=982),
    ConfusionCounts(tp=487, fn=0, fp=512, tn=1),
    ConfusionCounts(tp=10, fn=10, fp=10, tn=10),
    ConfusionCounts(tp=100_000, fn=0, fp=0, tn=100_000),
    ConfusionCounts(tp=30_000, fn=70_000, fp=5_000, tn=95_000),
)


def seconds(function, *, repeats=11):
    """Return the median of several times, after a warm-up, and the last result."""
    result, times = function(), []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def time_intervals():
    """Print the time of an interval of each kind, the slowest count set."""
    for kind in ("equal_tailed", "hpd", "lower", "upper"):
        times = [seconds(lambda c=c, k=kind: EpsilonPosterior(c, delta=DELTA).interval(0.95, k))[0] for c in COUNTS]
        print(
            f"posterior interval, {kind}: {1e3 * statistics.median(times):.1f} ms (slowest {1e3 * max(times):.1f} ms)"
        )


def region_cdf(counts, epsilon):
    """Integrate the joint density of both rates over the privacy region, in angles."""
    fn, tp, fp, tn = counts.fn, counts.tp, counts.fp, counts.tn
    norm = 2.0 * math.log(2.0) - betaln(fn + 0.5, tp + 0.5) - betaln(fp + 0.5, tn + 0.5)
    growth, c = math.exp(epsilon), 1.0 - DELTA

    def density(second, first):
        x, y = math.sin(first), math.sin(second)
        logs = (fn, x), (tp, math.cos(first)), (fp, y), (tn, math.cos(second))
        return math.exp(norm + sum(2.0 * count * math.log(value) for count, value in logs if count))

    def below(x):
        return max(0.0, c - x * growth, (c - x) / growth)

    def edge(first, is_upper):
        x = math.sin(first) ** 2
        return math.asin(math.sqrt(1.0 - below(1.0 - x) if is_upper else below(x)))

    value, _ = dblquad(
        density, 0.0, math.pi / 2, lambda t: edge(t, False), lambda t: edge(t, True), epsabs=1e-7, epsrel=1e-7
    )
    return value


def time_cdf():
    """Print one CDF value against an adaptive integral over the privacy region."""
    for counts, epsilon in ((COUNTS[2], 0.5), (COUNTS[0], 1.0)):
        posterior = EpsilonPosterior(counts, delta=DELTA)
        fast, value = seconds(lambda p=posterior, e=epsilon: p.cdf(e))
        slow, expected = seconds(lambda c=counts, e=epsilon: region_cdf(c, e), repeats=1)
        assert abs(value - expected) < 1e-6
        print(
            f"posterior CDF of {counts}: one-dimensional quadrature is {slow / fast:.0f} times as fast as dblquad over "
            f"the region ({1e3 * fast:.2f} ms against {1e3 * slow:.0f} ms; difference {abs(value - expected):.1e})"
        )


def time_many():
    """Print the lower ends of 1,000 count sets at once against a loop."""
    rng = np.random.default_rng(0)
    for n in (1_000, 100_000):
        fn, fp = rng.binomial(n, rng.beta(0.5, 1.0, (2, 1000)))
        sets = np.stack([n - fn, fn, fp, n - fp], axis=1)
        fast, ends = seconds(lambda s=sets: posterior_lower(s, delta=DELTA, confidence=0.95), repeats=3)
        start = time.perf_counter()
        alone = [EpsilonPosterior(ConfusionCounts(*map(int, row)), delta=DELTA).ppf(0.05) for row in sets]
        slow = time.perf_counter() - start
        np.testing.assert_allclose(ends, alone, atol=1e-6)
        print(
            f"posterior lower ends of 1,000 count sets, n = {n}: at once {slow / fast:.1f} times as fast as a loop "
            f"({fast:.2f} s against {slow:.2f} s; equal to 1e-6)"
        )


def main():
    """Run every benchmark."""
    time_intervals()
    time_cdf()
    time_many()


if __name__ == "__main__":
    main()
