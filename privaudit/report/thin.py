"""Fewer points of a ROC curve, none of them moved."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from privaudit.types import AuditReport, RocCurve

MAX_POINTS = 400
# What people read off a curve; at these rates the thinned curve answers exactly like the whole one.
KEPT_RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


def thin_roc(roc: RocCurve, max_points: int = MAX_POINTS) -> RocCurve:
    """Return at most ``max_points`` points of the curve, every one a point of the original.

    A curve that is short enough is returned as it is. Otherwise points inside a horizontal or vertical run go first,
    which changes nothing. If that is not enough, the ends, the lowest false positive rates, the steps at 0.1, 1 and
    10 % (and 0.01 and 0.001 %), and points evenly spread over the rates and over their logarithms stay.

    Args:
        roc: the whole curve.
        max_points: how many points to keep, at least 50.

    Returns:
        The thinned curve; between kept points it is never above the original by the floor rule.

    >>> rates = np.linspace(0, 1, 1001)
    >>> len(thin_roc(RocCurve(fpr=rates, tpr=rates)).fpr) <= 400
    True
    """
    if len(roc.fpr) <= max_points:
        return roc
    corners = _corners(roc.fpr, roc.tpr)
    if len(corners) > max_points:
        corners = corners[_spread(roc.fpr[corners], max_points)]
    return RocCurve(fpr=roc.fpr[corners], tpr=roc.tpr[corners], n_in=roc.n_in, n_out=roc.n_out)


def _corners(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> NDArray[np.intp]:
    """Points that are not inside a horizontal or vertical run."""
    # Repeated points first: a corner that stands twice would look like the inside of both its runs.
    is_new = np.concatenate([[True], (np.diff(fpr) != 0) | (np.diff(tpr) != 0)])
    distinct = np.flatnonzero(is_new)
    flat, upright = np.diff(tpr[distinct]) == 0, np.diff(fpr[distinct]) == 0
    inside = (flat[:-1] & flat[1:]) | (upright[:-1] & upright[1:])
    keep = np.concatenate([[True], ~inside, [True]])[: len(distinct)]
    corners: NDArray[np.intp] = distinct[keep]
    return corners


def _spread(fpr: NDArray[np.float64], max_points: int) -> NDArray[np.intp]:
    """Positions to keep: ends, lowest rates, well-known rates, and an even spread."""
    last = len(fpr) - 1
    lowest, rest = max_points // 4, (max_points - max_points // 4 - 2 * len(KEPT_RATES) - 2) // 2
    smallest = float(fpr[fpr > 0].min()) if (fpr > 0).any() else 1.0
    wanted = np.concatenate([np.linspace(0, 1, rest), np.geomspace(smallest, 1, rest), KEPT_RATES])
    at_or_below = np.maximum(np.searchsorted(fpr, wanted, side="right") - 1, 0)
    known = np.searchsorted(fpr, KEPT_RATES, side="left").clip(0, last)
    return np.unique(np.concatenate([np.arange(lowest), at_or_below, known, [0, last]]))


def thin_report(report: AuditReport) -> AuditReport:
    """Return the report with every curve thinned; a thinned report comes back equal."""
    sections = tuple(
        dataclasses.replace(
            section,
            findings=tuple(
                dataclasses.replace(finding, roc=finding.roc and thin_roc(finding.roc)) for finding in section.findings
            ),
        )
        for section in report.sections
    )
    return dataclasses.replace(report, sections=sections)
