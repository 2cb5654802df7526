"""The training benchmark's results as text and as JSON."""

import json
from dataclasses import asdict, dataclass, field

from privaudit.training.groups import TrainerPlan
from tests.benchmarks.training_measure import OURS, as_numbers


@dataclass(kw_only=True)
class Table:
    """What was measured on one workload, with or without DP.

    Attributes:
        workload: its name.
        private: with DP.
        network: in words.
        training: epochs or steps, in words.
        plan: of ours.
        timings: name -> timing of each candidate.
        skipped: name -> why a candidate was not measured.
        many: K -> timing of ours, on a shorter training.
        many_training: the shorter training, in words.
        two_workers: how many times as fast as one process, or why it was not measured.
        memory: peak memory of one group; empty where it was not measured.
        multiply_share: share of the matrix-multiply rate, or None.
    """

    workload: str
    private: bool
    network: str
    training: str
    plan: TrainerPlan
    timings: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)
    many: dict = field(default_factory=dict)
    many_training: str = ""
    two_workers: float | str = ""
    memory: dict = field(default_factory=dict)
    multiply_share: float | None = None

    @property
    def title(self):
        """Workload and kind."""
        return f"{self.workload} {'with' if self.private else 'without'} DP"

    def to_dict(self):
        """Return JSON-able values."""
        return {
            **{name: value for name, value in vars(self).items() if name not in ("timings", "many", "plan")},
            "plan": self.plan.to_dict(),
            "timings": as_numbers(self.timings),
            "many": as_numbers(self.many),
        }


def table_text(table):
    """Return a table of candidates, and what was measured of ours alone."""
    lines = [
        f"{table.title}: {table.network}; {table.training}; ours in groups of {table.plan.group_size}",
        f"  {'candidate':<30} {'CPU ms/model':>12} {'wall ms/model':>13} {'times ours':>10} {'accuracy':>8}",
    ]
    unit = table.timings[OURS].cpu
    for name, timing in table.timings.items():
        lines.append(
            f"  {name:<30} {timing.cpu * 1e3:12.1f} {timing.wall * 1e3:13.1f} {timing.cpu / unit:10.2f} {timing.accuracy:8.3f}"
        )
    lines += [f"  {name:<30} not measured: {reason}" for name, reason in table.skipped.items()]
    costs = ", ".join(f"{k}: {timing.cpu * 1e3:.2f}" for k, timing in table.many.items())
    lines.append(f"  ours, CPU ms/model for K models in whole groups ({table.many_training}): {costs}")
    is_measured = isinstance(table.two_workers, float)
    gain = f"{table.two_workers:.2f} times one process" if is_measured else f"not measured: {table.two_workers}"
    lines.append(f"  ours, two workers by wall time: {gain}")
    if table.memory:
        growth, peak = table.memory["growth_mb"], table.memory["peak_mb"]
        lines.append(f"  ours, peak memory: {growth:.0f} MB more than before, {peak:.0f} MB in all")
    if table.multiply_share is not None:
        lines.append(f"  ours reach {table.multiply_share:.0%} of the matrix-multiply rate")
    return "\n".join(lines) + "\n"


def as_json(machine, tables, promises):
    """Return everything as JSON."""
    content = {
        "machine": machine,
        "tables": [table.to_dict() for table in tables],
        "promises": [{**asdict(line), "outcome": line.outcome} for line in promises],
    }
    return json.dumps(content, indent=1)
