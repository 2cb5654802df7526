"""Two worker processes against one process, in the training benchmark."""

import os
import time
from functools import partial

from privaudit.training.executors import available_cores
from privaudit.training.process_executor import ProcessExecutor
from tests.benchmarks.training_ours import train_in_worker
from tests.benchmarks.training_workloads import job_of

MOST_LOAD = 1.0
GROUPS = 8


def reason_to_skip(device, load):
    """Say why two workers would measure something else, or return None."""
    if device != "cpu":
        return f"both workers would share {device}"
    if available_cores() < 2:
        return "this machine has one core"
    if load > MOST_LOAD:
        return f"the load average was {load:.2f} before the benchmark began; idle is at most {MOST_LOAD:g}"
    return None


def gain_of_two(workload, private, *, length, rounds, executor):
    """Return how many times as fast two workers are as this process, by the clock on the wall.

    Args:
        workload: name of the workload.
        private: with DP.
        length: see `job_of`.
        rounds: of one process and two workers in turn; the minimum of each counts.
        executor: of two workers.
    """
    train = partial(train_in_worker, workload, private, length)
    size = job_of(workload, private, length=length).plan.group_size
    groups = [tuple(range(group * size, (group + 1) * size)) for group in range(GROUPS)]
    short = partial(train_in_worker, workload, private, "short")
    for function in (short, train):  # two tasks for two workers: each reads the records
        list(executor.map(function, groups[:2]))
    train(groups[0])
    one, two = [], []
    for _ in range(rounds):
        one.append(_wall(lambda: [train(group) for group in groups]))
        two.append(_wall(lambda: list(executor.map(train, groups))))
    return min(one) / min(two)


def _wall(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def two_workers():
    """Return an executor of two processes; the caller closes it."""
    return ProcessExecutor(2)


def load_average():
    """Return the load of the last minute."""
    return os.getloadavg()[0]
