"""Our batched walk beside a naive HopSkipJump, and 1,000 records in one program: ``python -m tests.benchmarks.boundary``.

Both walk from the same random starts. The naive twin (``tests/scoring/hop_skip_jump_twin.py``) takes 50 iterations, ours
less than a quarter of its queries; ranks of ours and of the twin must agree at least .9 times as well as two runs of the
twin with other random numbers do. One thread; data by ``--data-dir`` or PRIVAUDIT_DATA.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from privaudit.scoring.boundary_distance import read_boundary_distance
from privaudit.scoring.boundary_starts import boundary_starts
from privaudit.scoring.hop_skip_jump import hop_skip_jump
from privaudit.scoring.label_oracle import label_oracle_of
from privaudit.studies.label_only.tasks import TASKS
from privaudit.studies.label_only.trained import train
from tests.scoring.hop_skip_jump_twin import naive_distances

TWIN_ITERATIONS, OUR_ITERATIONS, SHOWN = 50, 18, (6, 9, 12, 18)
MOST_QUERIES, LEAST_AGREEMENT, MOST_SECONDS = 0.25, 0.9, 60.0
N_BOOTSTRAPS = 2000


def rank_correlation(first, second):
    return float(spearmanr(first, second)[0])


def bootstrapped(statistic, n, seed=0):
    """Return the 2.5 % and 97.5 % quantiles over records drawn anew."""
    rng = np.random.default_rng(seed)
    drawn = [statistic(rng.integers(0, n, n)) for _ in range(N_BOOTSTRAPS)]
    return np.quantile(drawn, [0.025, 0.975])


def chosen(network, features, labels, candidates, n, seed):
    """Return n records that the model classifies correctly, and two random starts for each."""
    oracle = label_oracle_of(network, n_records=len(labels))
    answers = oracle(features, np.arange(len(labels)))
    starts = boundary_starts(features, labels, answers, n_starts=2, kind="random", seed=seed)
    rows = np.random.default_rng(seed).permutation(candidates[answers[candidates] == labels[candidates]])[:n]
    return features[rows], labels[rows], features[starts[rows, 0]], features[starts[rows, 1]]


def compare(task, network, features, labels, candidates, n, seed):
    """Print what the walk reaches beside the twin, and the line of the bar."""
    shown, of_shown, starts, others = chosen(network, features, labels, candidates, n, seed)
    counting = label_oracle_of(network, n_records=1)

    def answer(queries):
        return counting(queries, np.zeros(len(queries), dtype=np.int64))

    begin = time.perf_counter()
    runs = [
        naive_distances(answer, shown, of_shown, start, n_iterations=TWIN_ITERATIONS, seed=twin_seed)
        for twin_seed, start in ((1, starts), (2, starts), (3, others))
    ]
    seconds_twin = (time.perf_counter() - begin) / len(runs)
    (twin, spent), (again, _), (fresh, _) = runs
    begin = time.perf_counter()
    oracle = label_oracle_of(network, n_records=n)
    path = hop_skip_jump(oracle, shown, of_shown, starts, n_iterations=OUR_ITERATIONS, seed=seed)
    seconds = time.perf_counter() - begin
    twin_queries, repeat = spent[:, -1].mean(), rank_correlation(twin[:, -1], again[:, -1])
    print(
        f"{task}: {n} records, twin {TWIN_ITERATIONS} iterations, {twin_queries:,.0f} queries per record, {seconds_twin:.0f} s; "
        f"its repeat {repeat:.3f}, from fresh random starts {rank_correlation(twin[:, -1], fresh[:, -1]):.3f}; "
        f"ours {OUR_ITERATIONS} iterations in {seconds:.1f} s"
    )
    for iteration in SHOWN:
        ours, share = path.distances[:, iteration], path.n_queries[:, iteration].mean() / twin_queries

        def agreement(rows, ours=ours):
            return rank_correlation(ours[rows], twin[rows, -1]) / rank_correlation(again[rows, -1], twin[rows, -1])

        value, (low, high) = agreement(np.arange(n)), bootstrapped(agreement, n)
        is_met = share <= MOST_QUERIES and value >= LEAST_AGREEMENT
        print(
            f"  {iteration} iterations: {path.n_queries[:, iteration].mean():,.0f} queries ({share:.1%} of the twin's), rank "
            f"correlation {rank_correlation(ours, twin[:, -1]):.3f}, {value:.3f} of the repeat's [{low:.3f}, {high:.3f}], "
            f"median distance {np.median(ours / twin[:, -1]):.3f} of the twin's: {'ok' if is_met else 'MISSED'}",
            flush=True,
        )


def measure(task, network, features, labels, n=1000):
    """Print how long the signal of the audit takes for 1,000 records."""
    oracle = label_oracle_of(network, n_records=n)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    read_boundary_distance(oracle, features[:n], labels[:n], 0)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    asked = oracle.n_queries[oracle.n_queries > 1]
    print(
        f"{task}: {n:,} records ({len(asked)} classified correctly, {asked.mean():,.0f} queries each) in {seconds:.1f} s, "
        f"{cpu:.1f} s of one thread: {'ok' if cpu <= MOST_SECONDS else 'MISSED'}",
        flush=True,
    )


def main():
    """Print each figure beside its limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default=os.environ.get("PRIVAUDIT_DATA", "."), type=Path)
    parser.add_argument("--records", default=120, type=int)
    parser.add_argument("--seed", default=0, type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for task in TASKS:
        design, dataset, networks = train(task, options.seed, options.data_dir, 4)
        features = np.ascontiguousarray(dataset.features, dtype=np.float32)
        measure(task.name, networks[0], features, dataset.labels)
        compare(task.name, networks[0], features, dataset.labels, design.coin_records, options.records, options.seed)


if __name__ == "__main__":
    main()
