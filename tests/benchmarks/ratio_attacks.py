"""What the ratio attacks cost on one core: ``python -m tests.benchmarks.ratio_attacks``.

256 models and 50,000 records, 10,000 of them population, one target. Times are CPU times, so that a busy machine counts
as little as it can, and the shortest of several; memory is what `tracemalloc` sees beyond the signals themselves.
"""

import math
import time
import tracemalloc

import numpy as np
from scipy.special import logsumexp

from privaudit.attacks import Base, Rmia
from privaudit.attacks.mean_probability import log_mean_probability, log_offline_probability
from privaudit.attacks.rmia import population_share
from privaudit.data.design import make_design
from privaudit.interfaces import AuditInputs
from privaudit.numerics import log_probability
from privaudit.types import SignalTable

N_MODELS, N_RECORDS, POPULATION = 256, 50_000, 0.2
GAMMA, CHUNK = 2.0, 1000
MOST_SECONDS, MOST_MIB = 0.15, 250


def cpu_seconds(function, *, repeats):
    """Return the shortest CPU time after a warm-up, and the last result."""
    result, times = function(), []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def extra_mib(function):
    """Return the largest memory that a call holds beyond what was there before it."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def pairwise(log_p, references, is_population):
    """RMIA by its definition: the mean over references, then all pairs, a chunk of records at a time."""
    ratio = log_p[0] - (logsumexp(log_p[references], axis=0) - math.log(len(references)))
    wanted, population = ratio - math.log(GAMMA), ratio[is_population]
    parts = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    return np.concatenate([(population[None, :] < part[:, None]).mean(axis=1) for part in parts])


def sorted_search(log_p, references, is_population):
    """RMIA as the attack computes it."""
    ratio = log_p[0] - log_mean_probability(log_p, models=references)
    return population_share(ratio, ratio[is_population], gamma=GAMMA)


def offline(log_p, references, is_population, is_out):
    """The same from the references without the record."""
    log_p_out = log_mean_probability(log_p, models=references, is_used=is_out)
    ratio = log_p[0] - log_offline_probability(log_p_out, 0.3)
    return population_share(ratio, ratio[is_population], gamma=GAMMA)


def make_inputs():
    """Two-class models whose margins are larger for members."""
    design = make_design(
        kind="paired",
        n_models=N_MODELS,
        n_records=N_RECORDS,
        targets="all",
        population=POPULATION,
        seed=0,
        record_codes=range(N_RECORDS),
    )
    margin = np.random.default_rng(0).normal(1.0, 2.0, design.is_in.shape)
    margin += design.is_in
    signals = {"negative_loss": log_probability(margin), "negative_loss_t2": log_probability(margin / 2)}
    return AuditInputs(
        design=design,
        labels=np.zeros(N_RECORDS, dtype=np.int64),
        signals={
            name: SignalTable(
                name=name,
                values=values[:, :, None],
                model_index=np.arange(N_MODELS),
                record_index=np.arange(N_RECORDS),
            )
            for name, values in signals.items()
        },
        usable=np.arange(N_MODELS),
    )


def main():
    """Print all costs; fail where RMIA for one target takes more than it may."""
    inputs = make_inputs()
    log_p, references = inputs.dense("negative_loss"), np.arange(2, N_MODELS)
    is_population, is_out = inputs.design.is_population, inputs.design.is_in == 0
    given = (log_p, references, is_population)
    fast, shares = cpu_seconds(lambda: sorted_search(*given), repeats=9)
    slow, expected = cpu_seconds(lambda: pairwise(*given), repeats=1)
    memory, naive_memory = extra_mib(lambda: sorted_search(*given)), extra_mib(lambda: pairwise(*given))
    assert np.abs(shares - expected).max() <= 1 / is_population.sum()  # ratios may differ in their last digit
    print(
        f"RMIA, one target, {N_MODELS} models x {N_RECORDS} records, {is_population.sum()} population records: "
        f"{fast:.3f} s and {memory:.0f} MiB; all pairs {slow:.2f} s ({slow / fast:.0f} times) and {naive_memory:.0f} MiB"
    )
    took, _ = cpu_seconds(lambda: offline(*given, is_out), repeats=3)
    print(f"offline: {took:.3f} s and {extra_mib(lambda: offline(*given, is_out)):.0f} MiB")
    for attack in (Rmia(), Rmia(score="population_share"), Rmia(mode="offline"), Base()):
        took, _ = cpu_seconds(lambda attack=attack: attack.run(inputs, targets=[0]), repeats=2)
        memory_of = extra_mib(lambda attack=attack: attack.run(inputs, targets=[0]))
        print(f"{attack}: {took:.2f} s and {memory_of:.0f} MiB, copies of the signal included")
    assert fast <= MOST_SECONDS, f"RMIA took {fast:.3f} s; it may take {MOST_SECONDS} s"
    assert memory <= MOST_MIB, f"RMIA took {memory:.0f} MiB; it may take {MOST_MIB} MiB"


if __name__ == "__main__":
    main()
