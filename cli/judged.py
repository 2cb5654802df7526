"""A stored report and a policy to a judgement: what lies beside the report, and the baseline."""

import json
from datetime import datetime
from pathlib import Path

from privaudit.errors import ConfigError
from privaudit.gate import GatePolicy, GateResult, judge
from privaudit.types import AuditReport

ANOTHER = "timings.json belongs to another report, so the age is not known. Take both files from one audit."
NO_DIGEST = (
    "timings.json does not say which report it belongs to, so the age is not known. Audit again to write both anew."
)
NOT_READ = "timings.json cannot be read, so the age is not known. Take report.json and timings.json from one audit."


def judge_stored(
    report: AuditReport, policy: GatePolicy, folder: str | Path | None, *, baseline: str | Path | None = None
) -> GateResult:
    """Judge a report with its age and its baseline.

    Args:
        report: the report.
        policy: the policy.
        folder: where report.json and timings.json lie; ``None`` for a report that lies nowhere.
        baseline: replaces the policy's ``baseline.report``.

    Raises:
        ConfigError: if a baseline is named and missing, or not asked for.
        StoreError: if the baseline is damaged.
    """
    older = read_baseline(policy, baseline)
    finished, problem = (None, "") if folder is None else finished_at(report, Path(folder))
    return judge(report, policy, baseline=older, finished=finished, age_problem=problem)


def read_baseline(policy: GatePolicy, replacement: str | Path | None) -> AuditReport | None:
    """Return the older report that a policy compares with, or ``None`` where it compares with none.

    Raises:
        ConfigError: if it is missing, or a replacement is given for a policy without comparisons.
        StoreError: if it is damaged.
    """
    from privaudit.cli.paths import report_file
    from privaudit.report import load_report

    if policy.baseline is None:
        if replacement is not None:
            raise ConfigError(
                "--baseline needs a policy that says what may have grown: baseline: {rules: [{id: no worse, metric: auc, "
                "max_increase: 0.02}]}.",
                key="baseline",
            )
        return None
    named = replacement if replacement is not None else policy.baseline.report
    if named is None:
        return None
    path = report_file(str(named))
    if not path.is_file():
        where = "--baseline" if replacement is not None else "baseline.report"
        raise ConfigError(
            f"{where}: {path}: no such file. Name the report.json to compare with.", key="baseline.report"
        )
    return load_report(path)


def finished_at(report: AuditReport, folder: Path) -> tuple[datetime | None, str]:
    """Return when an audit was finished, from the timings.json of its folder; or ``None`` and why it is not known.

    Args:
        report: of that folder.
        folder: where it lies.
    """
    from privaudit.report import audit_digest

    path = folder / "timings.json"
    if not path.is_file():
        return None, ""
    try:
        content = json.loads(path.read_bytes())
        finished, digest = datetime.fromisoformat(content["finished"]), content.get("audit_digest")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, NOT_READ
    if digest is None:
        return None, NO_DIGEST
    return (finished, "") if digest == audit_digest(report) else (None, ANOTHER)
