"""How fast the bounds on epsilon are: ``python -m tests.benchmarks.bounds``."""

from scipy.special import ndtr, ndtri

from privaudit.estimators import fdp_one_run_bound, one_run_bound
from privaudit.estimators.clopper_pearson_bound import clopper_pearson
from privaudit.estimators.gaussian_dp_bound import gaussian_dp
from privaudit.estimators.jeffreys_bound import jeffreys
from privaudit.estimators.katz_log_bound import katz_log
from privaudit.types import ConfusionCounts
from tests.benchmarks.attacks import seconds

USUAL = {"delta": 1e-5, "confidence": 0.95}
CALLS = 200
GAMES = [(1000, 1000, 550), (1000, 1000, 700), (1000, 1000, 900), (1000, 1000, 1000), (10_000, 1000, 900)]


def time_counts(bound, limit, **options):
    """Print the time of one bound from counts."""
    counts = ConfusionCounts(tp=300, fn=200, fp=13, tn=487)
    total, _ = seconds(lambda: [bound(counts, **USUAL, **options) for _ in range(CALLS)])
    each = 1e3 * total / CALLS
    assert each < limit, f"{bound.__name__} took {each:.3f} ms"
    print(f"{bound.__name__}: {each:.4f} ms (limit {limit} ms)")


def time_guesses(module, limit):
    """Print the time of a bound and its ceiling from the guesses of one run, with nothing remembered; return it."""
    bound = module.fdp_one_run if module is fdp_one_run_bound else module.one_run
    slowest = 0.0
    for game in GAMES:

        def afresh(game=game):
            module._largest_rejected.cache_clear()
            return bound(*game, **USUAL)

        slowest = max(slowest, seconds(afresh)[0])
    assert 1e3 * slowest < limit, f"{bound.__name__} took {1e3 * slowest:.1f} ms"
    print(f"{bound.__name__}, 1,000 guesses: {1e3 * slowest:.2f} ms at most (limit {limit} ms)")
    return slowest


def plain_rejected(m, r, v, alpha, mu):
    """The whole recursion as it is written."""
    right, wrong = alpha * v / m, alpha * (r - v) / m
    for i in range(v - 1, -1, -1):
        share = max(wrong, ndtr(ndtri(right) - mu))
        right = min(1.0, right + i / (r - i) * (share - wrong))
        wrong = share
    return right + wrong > r / m


def plain_bisection(m, r, v, alpha):
    """Bisection over the whole recursion."""
    low, high = 0.0, 16.0
    while high - low > fdp_one_run_bound.TOLERANCE:
        middle = (low + high) / 2.0
        low, high = (middle, high) if plain_rejected(m, r, v, alpha, middle) else (low, middle)
    return low


def time_fdp_against_plain():
    """Print early ends against the whole recursion, for the bound and its ceiling."""
    game = 1000, 1000, 900

    def afresh():
        fdp_one_run_bound._largest_rejected.cache_clear()
        return fdp_one_run_bound.fdp_one_run(*game, **USUAL)

    fast, estimate = seconds(afresh)
    slow, (mu, _) = seconds(lambda: (plain_bisection(*game, 0.05), plain_bisection(1000, 1000, 1000, 0.05)), repeats=1)
    assert abs(estimate.diagnostics["mu"] - mu) < 1e-8
    print(
        f"fdp_one_run 900 of 1,000 right: early ends are {slow / fast:.0f} times as fast as the whole recursion "
        f"({1e3 * fast:.2f} ms against {1e3 * slow:.0f} ms; equal results)"
    )


def main():
    """Run every benchmark."""
    time_counts(clopper_pearson, 0.2)
    time_counts(clopper_pearson, 0.2, interval="two_sided")
    time_counts(jeffreys, 1.0)
    time_counts(katz_log, 1.0, interval="two_sided")
    time_counts(gaussian_dp, 1.0)
    time_guesses(one_run_bound, 5.0)
    time_guesses(fdp_one_run_bound, 40.0)
    time_fdp_against_plain()


if __name__ == "__main__":
    main()
