"""The points of the ROC figure that people read off, as a table."""

import numpy as np

from privaudit.report.figures import claim_curve, roc_findings
from privaudit.report.tables import Table
from privaudit.report.thin import thin_roc
from privaudit.report.words import NOT_MEASURABLE, attack_text, percent_text
from privaudit.types import AuditReport, RocCurve

RATES = (0.0001, 0.001, 0.01, 0.1, 0.5)


def roc_table(report: AuditReport) -> Table:
    """Return the true positive rate of every curve in the ROC figure at a few false positive rates.

    Args:
        report: the report.

    Returns:
        One row per curve, that of the claim last; without rows where no curve is drawn.
    """
    curves = [(attack_text(finding.method), finding.roc) for finding in roc_findings(report)]
    claim = claim_curve(report)
    curves += [("most that the claim allows", claim)] if curves and claim is not None else []
    rows = [(name, *(_rate_text(curve, rate) for rate in RATES)) for name, curve in curves if curve is not None]
    return Table(head=("curve", *(f"TPR at {percent_text(rate)} FPR" for rate in RATES)), rows=tuple(rows))


def _rate_text(curve: RocCurve, rate: float) -> str:
    """By the floor rule; of a computed curve between its points, rounded up."""
    if curve.n_out is None:
        return percent_text(float(np.interp(rate, curve.fpr, curve.tpr)), "up")
    if rate * curve.n_out < 1:
        return NOT_MEASURABLE
    thin = thin_roc(curve)  # what report.json keeps: a page made anew from the file says the same
    return percent_text(float(thin.tpr[np.searchsorted(thin.fpr, rate, side="right") - 1]))
