"""How fast a round of the betting sequence is: ``python -m tests.benchmarks.betting``."""

import math

import numpy as np

from privaudit.estimators.betting import BettingSequence
from tests.benchmarks.attacks import seconds

DELTA = 1e-5
ROUNDS = 20


def naive_wealths(x, y, grid, stakes):
    """Wealth grid value by grid value and bet by bet, each carried from round to round; averaged at the end."""
    wealths = []
    for epsilon in grid:
        e, gamblers = math.exp(epsilon), []
        for canary in range(x.shape[1]):
            for stake in stakes:
                bet, present, absent = stake / (e + DELTA), 1.0, 1.0
                for guess, other in zip(x[:, canary].tolist(), y[:, canary].tolist(), strict=True):
                    present *= 1 + bet * (guess - e * other - DELTA)
                    absent *= 1 + bet * ((1 - other) - e * (1 - guess) - DELTA)
                gamblers += [present, absent]
        wealths.append(math.fsum(gamblers) / len(gamblers))
    return np.array(wealths)


def time_rounds(n_canaries, *, repeats):
    """Print rounds one by one against the loop."""
    rng = np.random.default_rng(0)
    x = (rng.random((ROUNDS, n_canaries)) < 0.9).astype(int)
    y = (rng.random((ROUNDS, n_canaries)) < 0.1).astype(int)
    fresh = BettingSequence(delta=DELTA, confidence=0.95, n_canaries=n_canaries)

    def rounds():
        sequence = fresh
        for guess, other in zip(x, y, strict=True):
            sequence = sequence.update(guess, other)
        return sequence

    fast, sequence = seconds(rounds)
    slow, expected = seconds(lambda: naive_wealths(x, y, fresh.grid, np.arange(1, 20) / 20), repeats=repeats)
    np.testing.assert_allclose(sequence.log_wealth, np.log(expected), atol=1e-9)
    print(
        f"betting, {len(fresh.grid)} epsilons, 38 bets, canaries {n_canaries}: {1e3 * fast / ROUNDS:.2f} ms a round, "
        f"{slow / fast:.0f} times as fast as loops over epsilons and bets (equal results)"
    )


def main():
    """Run every benchmark."""
    time_rounds(1, repeats=3)
    time_rounds(20, repeats=1)


if __name__ == "__main__":
    main()
