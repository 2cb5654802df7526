"""How fast the attacks are, as ratios measured in one run: ``python -m tests.benchmarks.attacks``."""

import math
import time

import numpy as np

from privaudit.attacks import Lira
from privaudit.attacks.rmia import population_share
from privaudit.data.design import make_design
from privaudit.interfaces import AuditInputs
from privaudit.types import SignalTable

LIRA_MODELS, LIRA_RECORDS = 32, 5000
CHUNK = 1000


def seconds(function, *, repeats=5):
    """Return the shortest of several times, after a warm-up, and the last result."""
    result, times = function(), []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def pairwise_share(records, population, gamma):
    """RMIA by its definition: all pairs, a chunk of records at a time."""
    wanted = records - math.log(gamma)
    parts = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    return np.concatenate([(population[None, :] < part[:, None]).mean(axis=1) for part in parts])


def log_density(value, shadows):
    """Log-density of a normal distribution fitted to a list, up to a constant."""
    mean = sum(shadows) / len(shadows)
    variance = sum((shadow - mean) ** 2 for shadow in shadows) / len(shadows)
    return -0.5 * ((value - mean) ** 2 / variance + math.log(variance))


def naive_lira(margin, is_in, targets):
    """LiRA target by target and record by record."""
    columns, coins = margin.T.tolist(), is_in.T.tolist()
    scores = []
    for target in targets:
        row = []
        for values, inside in zip(columns, coins, strict=True):
            kept = [model for model in range(len(values)) if model // 2 != target // 2]
            members = [values[model] for model in kept if inside[model]]
            others = [values[model] for model in kept if not inside[model]]
            row.append(log_density(values[target], members) - log_density(values[target], others))
        scores.append(row)
    return np.array(scores)


def time_rmia(n_records, n_population, *, repeats):
    """Print sorted search against all pairs."""
    rng = np.random.default_rng(0)
    records, population = rng.standard_normal(n_records), rng.standard_normal(n_population)
    fast, shares = seconds(lambda: population_share(records, population, gamma=2.0))
    slow, expected = seconds(lambda: pairwise_share(records, population, 2.0), repeats=repeats)
    assert np.array_equal(shares, expected)
    print(
        f"RMIA {n_records} x {n_population}: sorted search is {slow / fast:.0f} times as fast as all pairs "
        f"({fast:.4f} s against {slow:.3f} s; equal results)"
    )


def time_lira():
    """Print one call for all targets against loops over targets and records."""
    design = make_design(
        kind="paired",
        n_models=LIRA_MODELS,
        n_records=LIRA_RECORDS,
        targets="all",
        population=0.0,
        seed=0,
        record_codes=range(LIRA_RECORDS),
    )
    margin = np.random.default_rng(0).standard_normal(design.is_in.shape) + design.is_in
    table = SignalTable(
        name="logit_margin",
        values=margin[:, :, None],
        model_index=np.arange(LIRA_MODELS),
        record_index=np.arange(LIRA_RECORDS),
    )
    inputs = AuditInputs(
        design=design,
        labels=np.zeros(LIRA_RECORDS, dtype=np.int64),
        signals={"logit_margin": table},
        usable=np.arange(LIRA_MODELS),
    )
    targets = range(LIRA_MODELS)
    fast, results = seconds(lambda: Lira().run(inputs, targets=targets))
    slow, expected = seconds(lambda: naive_lira(margin, design.is_in, targets), repeats=1)
    np.testing.assert_allclose([result.scores for result in results], expected, rtol=1e-9, atol=1e-9)
    print(
        f"LiRA {LIRA_MODELS} models, {LIRA_RECORDS} records, all targets: one call is {slow / fast:.0f} times as fast "
        f"as a loop over targets and records ({fast:.3f} s against {slow:.2f} s; equal results)"
    )


def main():
    """Run every benchmark."""
    time_rmia(2000, 500, repeats=5)
    time_rmia(50_000, 10_000, repeats=1)
    time_lira()


if __name__ == "__main__":
    main()
