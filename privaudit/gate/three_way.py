"""The rule that all verdicts on limits share."""

from privaudit.types.report import GateOutcome


def three_way(lower: float, upper: float | None, limit: float | None) -> GateOutcome:
    """Judge a quantity that lies between two ends: fail if the lower is above the limit, pass if the upper is not.

    Args:
        lower: lower end.
        upper: upper end, ``None`` for none.
        limit: the limit, ``None`` for none.

    >>> three_way(0.5, 0.6, 0.55)
    'inconclusive'
    """
    if limit is not None and lower > limit:
        return "fail"
    return "pass" if limit is not None and upper is not None and upper <= limit else "inconclusive"
