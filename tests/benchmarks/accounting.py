"""How fast the accountants are: ``python -m tests.benchmarks.accounting``."""

import math
import time

import numpy as np

from privaudit.estimators.privacy_loss import composed_privacy_loss
from privaudit.estimators.tradeoff import tradeoff_bound
from privaudit.types import DpSgdParams, Neighbouring
from tests.benchmarks.attacks import seconds

RUN = DpSgdParams(noise_multiplier=1.0, sample_rate=0.001, steps=50_000)
N_RATES, N_EPSILONS = 141, 2001


def double_loop(rates, epsilons, delta_remove, delta_add):
    """The trade-off by its definition: every false positive rate against every epsilon."""
    bounds = []
    for rate in rates:
        best = 1.0
        for epsilon, remove, add in zip(epsilons, delta_remove, delta_add, strict=True):
            best = min(best, math.exp(epsilon) * rate + remove, 1.0 - math.exp(-epsilon) * (1.0 - add - rate))
        bounds.append(best)
    return np.array(bounds)


def time_composition():
    """Print what a composed privacy loss distribution costs."""
    for noise, rate, steps in [(1.2, 0.1, 100), (1.0, 0.001, 50_000), (2.0, 1e-4, 500_000), (0.5, 0.001, 10_000)]:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)
        composed_privacy_loss.cache_clear()
        start = time.perf_counter()
        composed_privacy_loss(params, Neighbouring.ADD_REMOVE)
        print(f"noise {noise}, rate {rate}, {steps} steps: composed in {time.perf_counter() - start:.3f} s")


def time_tradeoff():
    """Print the envelope from a composed distribution against a plain double loop."""
    rates = np.geomspace(1e-7, 1.0, N_RATES)
    loss = composed_privacy_loss(RUN, Neighbouring.ADD_REMOVE)
    fast, bound = seconds(lambda: tradeoff_bound(rates, params=RUN, null="out"))
    epsilons = np.linspace(0.0, 4.0, N_EPSILONS)
    remove, add = loss.remove.delta(epsilons).tolist(), loss.add.delta(epsilons).tolist()
    slow, plain = seconds(lambda: double_loop(rates.tolist(), epsilons.tolist(), remove, add), repeats=1)
    assert (bound <= plain + 1e-12).all() and np.allclose(bound, plain, rtol=1e-2)
    print(
        f"trade-off at {N_RATES} rates: {slow / fast:.0f} times as fast as a double loop over {N_EPSILONS} epsilons "
        f"({fast:.4f} s against {slow:.3f} s), and over all {len(loss.remove.deltas)} of its corners"
    )
    assert fast < 0.2, f"the trade-off took {fast:.3f} s; it may take 0.2 s"


def main():
    """Run every benchmark."""
    time_composition()
    time_tradeoff()


if __name__ == "__main__":
    main()
