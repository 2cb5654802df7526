"""LiRA and its relatives on 256 models x 50,000 records, beside naive definitions: ``python -m tests.benchmarks.lira``.

CPU seconds of one thread; extra memory is the peak that NumPy asked for beyond the arguments, the scores included.
"""

import time
import tracemalloc

import numpy as np

from privaudit.attacks.lira import lira_scores
from privaudit.attacks.normal_inverse_gamma import normal_inverse_gamma_scores
from privaudit.attacks.shadow_fit import ShadowFits
from privaudit.data.design import paired_coins

N_MODELS, N_RECORDS = 256, 50_000
MOST_SECONDS_ONE, MOST_SECONDS_ALL, MOST_MIB = 0.3, 4.0, 256.0


def measured(function, *, repeats=3):
    """Return the least CPU seconds of several runs, the extra memory in MiB, and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    function()
    extra = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return min(seconds), extra, result


def naive_lira(values, is_in, target):
    """Mean and variance of the masked arrays, one target: the usual definition, vectorised over records."""
    shadows = np.setdiff1d(np.arange(len(values)), [target, target ^ 1])
    parts = []
    for on_side in (is_in[shadows], ~is_in[shadows]):
        kept = np.where(on_side, values[shadows], np.nan)
        mean, variance = np.nanmean(kept, axis=0), np.nanvar(kept, axis=0)
        parts.append(-0.5 * ((values[target] - mean) ** 2 / variance + np.log(variance)))
    return parts[0] - parts[1]


def main():
    """Print each figure beside its limit, and the ratio to the naive definition."""
    is_in = paired_coins(N_MODELS, N_RECORDS, 0).astype(bool)
    values = np.random.default_rng(0).standard_normal((N_MODELS, N_RECORDS)) + is_in
    every, pair = np.arange(N_MODELS), np.arange(N_MODELS) ^ 1

    def fits(targets, centre="mean"):
        return ShadowFits(values=values, is_in=is_in, pair=pair, usable=every, targets=targets, centre=centre)

    slow, _, expected = measured(lambda: naive_lira(values, is_in, 7), repeats=1)
    for name, score in {
        "LiRA": lambda targets: lira_scores(fits(targets))[0],
        "LiRA, pooled variance": lambda targets: lira_scores(fits(targets), variance="pooled")[0],
        "LiRA, median": lambda targets: lira_scores(fits(targets, "median"))[0],
        "LiRA, offline": lambda targets: lira_scores(fits(targets), mode="offline")[0],
        "normal-inverse-gamma": lambda targets: normal_inverse_gamma_scores(fits(targets))[0],
    }.items():
        one, extra_one, scores = measured(lambda score=score: score([7]))
        if name == "LiRA":
            np.testing.assert_allclose(scores[0], expected, rtol=1e-9, atol=1e-9)
        every_one, extra, together = measured(lambda score=score: score(range(N_MODELS)), repeats=1)
        np.testing.assert_allclose(together[7], scores[0], rtol=1e-12, atol=1e-12)
        limit = "" if "median" in name or "gamma" in name else ": MISSED"
        is_met = one <= MOST_SECONDS_ONE and every_one <= MOST_SECONDS_ALL and extra <= MOST_MIB
        print(
            f"{name}: one target {one:.2f} s ({slow / one:.0f} times as fast as masked means and variances, {slow:.1f} s), "
            f"{extra_one:.0f} MiB extra; all {N_MODELS}: {every_one:.2f} s ({N_MODELS * slow / every_one:.0f} times), "
            f"{extra:.0f} MiB extra{': ok' if is_met else limit}",
            flush=True,
        )


if __name__ == "__main__":
    main()
