"""Words of the page that differ with the game: records of one model, or canaries and independent runs."""

from privaudit.types import AuditReport, Finding

ONE_BOUND = "Only the primary bound carries the verdict; the others are shown for comparison."
NOT_INDEPENDENT = "records of one model are not independent trials"
HELD_BACK = "The same data, design, attack and estimator on models where nothing was held back."
CLIP_KEPT = "The same game once more with noise 0 and the clip kept, by the same scores and bounds."


def is_of_canaries(report: AuditReport) -> bool:
    """Return whether the report is on canaries alone, whose control keeps the clip."""
    return bool(report.findings("canary")) and not report.findings("mia")


def verdict_rests_on(report: AuditReport) -> str:
    """Return which numbers carry the verdict.

    Args:
        report: the report.
    """
    verdict = report.claim_verdict()
    numbers = verdict.numbers if verdict else {}
    if numbers.get("curve_confidence") is None:
        return ONE_BOUND
    probes = [name for name in ("noise", "sampling", "sensitivity") if numbers.get(f"{name}_refuted") is not None]
    kinds = f" and the probes ({', '.join(probes)})" if probes else ""
    tests = f"the primary bound, the test of the claimed curve{kinds}"
    return f"The verdict rests on {tests}; all other bounds are shown for comparison."


def interval_words(report: AuditReport) -> str:
    """Return what the intervals of AUC and rates mean.

    Args:
        report: the report.
    """
    found = [is_independent(finding) for finding in report.attacked() if finding.metrics and finding.access]
    if found and all(found):
        return "Intervals are in brackets: outcomes are independent trials. No verdict rests on them."
    if any(found):
        return f"Intervals are in brackets; where the notes do not call outcomes independent they are descriptive: {NOT_INDEPENDENT}."
    return f"Intervals are in brackets and are descriptive: {NOT_INDEPENDENT}."


def is_independent(finding: Finding) -> bool:
    """Return whether a finding's outcomes are independent trials: runs are; of canaries of one run the finding says so.

    Args:
        finding: of an attack.
    """
    return bool(finding.params.get("is_independent", finding.unit == "model"))


def control_words(report: AuditReport) -> str:
    """Return what the control is.

    Args:
        report: the report.
    """
    return CLIP_KEPT if is_of_canaries(report) else HELD_BACK
