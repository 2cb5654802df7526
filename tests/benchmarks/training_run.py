"""Runs the training benchmark's measurements, workload after workload."""

import gc
import platform
from pathlib import Path

import opacus
import torch

from tests.benchmarks.training_data import NoDataError
from tests.benchmarks.training_lines import lines_of
from tests.benchmarks.training_measure import OURS, compare, cost_of_many
from tests.benchmarks.training_memory import peak_memory
from tests.benchmarks.training_rate import multiply_rate, operations
from tests.benchmarks.training_report import Table, as_json, table_text
from tests.benchmarks.training_workers import gain_of_two, load_average, reason_to_skip, two_workers
from tests.benchmarks.training_workloads import WORKLOADS, describe, job_of

ROUNDS, ROUNDS_OF_MANY = 4, 2


def run(names, *, quick, device, as_text):
    """Measure workloads and print the results.

    Args:
        names: of the workloads.
        quick: a smoke test: a tenth of the epochs and steps, one round, K up to 16.
        device: where to train.
        as_text: tables as they come, or JSON at the end.
    """
    torch.set_num_threads(1)
    gc.freeze()  # what was imported: collecting before each timing then takes no time
    machine = {**_machine(device), "load_at_start": load_average()}
    show = print if as_text else _say_nothing
    show("; ".join(f"{name}: {value}" for name, value in machine.items()) + "\n", flush=True)
    tables = [table for name in names for table in _tables(name, quick, device, show)]
    _measure_workers(tables, quick, device, machine["load_at_start"])
    machine["multiply_rate"] = multiply_rate(device)
    for table in tables:
        _measure(table, quick, device, machine["multiply_rate"])
        if not quick or table is tables[0]:
            table.memory = peak_memory(table.workload, table.private, length=_short(quick), device=device)
        show(table_text(table), flush=True)
    machine["load_at_end"] = load_average()
    promises = [line for table in tables for line in lines_of(table)]
    if quick:
        show("A quick run trains too little for the figures below to count, and leaves others out.")
    show("\n".join(str(line) for line in promises if not quick or line.value is not None))
    show(f"matrix-multiply rate: {machine['multiply_rate'] / 1e9:.0f} GFLOP/s; load at the end: {load_average():.2f}")
    if not as_text:
        print(as_json(machine, tables, promises))


def _short(quick):
    """Length of what is measured on many models."""
    return "quick" if quick else "series"


def _say_nothing(*parts, **options):
    """Keep standard output for the JSON."""


def _machine(device):
    name = torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else _processor()
    return {"torch": torch.__version__, "opacus": opacus.__version__, "device": f"{device} ({name})", "threads": 1}


def _processor():
    path = Path("/proc/cpuinfo")
    rows = path.read_text().splitlines() if path.exists() else []
    return next((row.partition(": ")[2] for row in rows if row.startswith("model name")), platform.processor())


def _tables(name, quick, device, show):
    """Return the empty tables of a workload; none where its data is absent."""
    tables = []
    for private in (False, True):
        try:
            job = job_of(name, private, length="quick" if quick else "full", device=device)
        except NoDataError as error:
            show(f"{name} is skipped: {error}\n", flush=True)
            break
        many = job_of(name, private, length=_short(quick), device=device)
        tables.append(
            Table(
                workload=name,
                private=private,
                network=WORKLOADS[name].network,
                training=describe(job),
                many_training=describe(many),
                plan=job.plan,
            )
        )
    return tables


def _measure_workers(tables, quick, device, load):
    """Measure two workers first: later, the benchmark itself is the load."""
    reason = reason_to_skip(device, load)
    executor = two_workers()
    try:
        for table in tables:
            if quick and table is not tables[0]:
                table.two_workers = "a quick run measures the first workload only"
            else:
                how = {"length": _short(quick), "rounds": 1 if quick else 3, "executor": executor}
                table.two_workers = reason or gain_of_two(table.workload, table.private, **how)
    finally:
        executor.close()


def _measure(table, quick, device, rate):
    which, length = (table.workload, table.private), "quick" if quick else "full"
    table.timings, table.skipped = compare(*which, length=length, rounds=1 if quick else ROUNDS, device=device)
    table.many = cost_of_many(*which, quick=quick, rounds=1 if quick else ROUNDS_OF_MANY, device=device)
    count = operations(job_of(*which, length=length, device=device))
    if count is not None:
        ours = table.timings[OURS]
        table.multiply_share = count / (ours.cpu if device == "cpu" else ours.wall) / rate
