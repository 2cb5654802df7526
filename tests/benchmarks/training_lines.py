"""What the training benchmark promises, and whether it was kept."""

from dataclasses import dataclass

from tests.benchmarks.training_measure import DATA_LOADER, OPACUS, OURS, TENSORS

OPACUS_DEFAULT = next(iter(OPACUS))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One promise.

    Attributes:
        text: what is measured.
        value: what was measured, or None.
        bound: what it is held against.
        is_most: whether the bound is the most that is allowed, not the least.
        aim: what was hoped for.
        reason: why nothing was measured.
    """

    text: str
    value: float | None
    bound: float
    is_most: bool = False
    aim: float | None = None
    reason: str = ""

    @property
    def outcome(self):
        """``ok``, ``MISSED`` or ``not measured``."""
        if self.value is None:
            return "not measured"
        return "ok" if (self.value <= self.bound if self.is_most else self.value >= self.bound) else "MISSED"

    def __str__(self):
        """One line of text."""
        promise = f"{'at most' if self.is_most else 'at least'} {self.bound:g}"
        aim = f", aim {self.aim:g}" if self.aim else ""
        measured = f" ({self.reason})" if self.value is None else f": {self.value:.3g}"
        return f"{self.outcome:<12} {self.text}{measured} [{promise}{aim}]"


# (workload, with DP): (rival or "fastest", least ratio, aim)
SPEED = {
    ("digits", False): ((DATA_LOADER, 5.0, 8.0), (TENSORS, 2.5, None)),
    ("location30", False): ((DATA_LOADER, 2.5, None), (TENSORS, 1.5, None)),
    ("census100", False): ((DATA_LOADER, 0.9, None), (TENSORS, 0.9, None)),
    ("location30", True): (("fastest", 4.0, None), (OPACUS_DEFAULT, 7.0, 8.0)),
    ("fashion-strided", True): (("fastest", 1.5, 2.0),),
    ("fashion-3x3", True): (("fastest", 1.5, 2.0),),
}


def speed_lines(table):
    """CPU time of rivals over ours."""
    for rival, bound, aim in SPEED.get((table.workload, table.private), ()):
        found = {name: timing.cpu for name, timing in table.timings.items() if name != OURS}
        name = min(found, key=found.get) if rival == "fastest" else rival
        shown = f"{name}, the fastest mode" if rival == "fastest" else name
        value = found[name] / table.timings[OURS].cpu if name in found else None
        yield Line(
            text=f"{table.title}: {shown} over ours, CPU time",
            value=value,
            bound=bound,
            aim=aim,
            reason=table.skipped.get(name, ""),
        )


def lines_of(table):
    """Return all promises about a workload."""
    yield from speed_lines(table)
    is_measured = isinstance(table.two_workers, float)
    yield Line(
        text=f"{table.title}: two workers over one, wall time",
        value=table.two_workers if is_measured else None,
        bound=1.7,
        reason="" if is_measured else table.two_workers,
    )
    many = table.many[256].cpu / table.many[16].cpu if 256 in table.many else None
    yield Line(
        text=f"{table.title}: cost per model, K = 256 over K = 16",
        value=many,
        bound=1.2,
        is_most=True,
        reason="no K = 256 in a quick run",
    )
    yield Line(
        text=f"{table.title}: peak memory of one group, GiB",
        value=table.memory["growth_mb"] * 1e6 / 2**30 if table.memory else None,
        bound=table.plan.memory_gb,
        is_most=True,
        reason="a quick run measures the first workload only",
    )
