"""The verdicts as JUnit XML, which CI servers show as tests.

An open outcome is a ``<failure type="inconclusive">``: servers show failures and errors alike in red, and an error means in
JUnit that the test itself broke, which is not what happened. What a policy waives or lets pass is ``<skipped>`` with the
reason, never a plain pass. There is no time, clock or host name in it: the same report gives the same bytes.

Source: the schema of the Jenkins xUnit plug-in, ``junit-10.xsd``.
"""

import xml.etree.ElementTree as ET

from privaudit.report.checks import Check, checks_of, numbers_text
from privaudit.report.plain import plain_text
from privaudit.report.sentences import headline, warnings_of
from privaudit.report.serialise import audit_digest
from privaudit.types import AuditReport
from privaudit.types.report import GateResult

FAILURE_TYPES = {"fail": "fail", "open": "inconclusive"}


def render_junit(report: AuditReport, result: GateResult | None = None) -> str:
    """Return one test case per verdict.

    Args:
        report: the report.
        result: what a gate said about it; without one, the report's own verdicts, contradictions (failed) and warnings
            (skipped: they judge nothing).

    Returns:
        An XML document that ends with a line end.

    Raises:
        DataError: if the report holds NaN.
    """
    checks = checks_of(report, result)
    counts = _counts(checks)
    root = ET.Element(
        "testsuites", {"name": "privaudit", **{key: counts[key] for key in ("tests", "failures", "errors")}}
    )
    suite = ET.SubElement(root, "testsuite", {"name": plain_text(report.subject.name, 200) or "model", **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report, result).items():
        ET.SubElement(properties, "property", {"name": name, "value": plain_text(value)})
    for check in checks:
        _add_case(suite, check, "privaudit.report" if result is None else "privaudit.gate")
    ET.SubElement(suite, "system-out").text = _said(report, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(checks: tuple[Check, ...]) -> dict[str, str]:
    failures = sum(_is_failure(check) for check in checks)
    skipped = sum(_is_skipped(check) for check in checks)
    counts = {"tests": len(checks), "failures": failures, "errors": 0, "skipped": skipped, "time": 0}
    return {key: str(value) for key, value in counts.items()}


def _is_failure(check: Check) -> bool:
    return check.state in FAILURE_TYPES and not check.excuse


def _is_skipped(check: Check) -> bool:
    return check.state in ("note", "unjudged") or bool(check.excuse)


def _add_case(suite: ET.Element, check: Check, where: str) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": where, "name": check.rule, "time": "0"})
    body = "\n".join(part for part in (check.reason, numbers_text(check.numbers)) if part)
    if _is_failure(check):
        message = f"{check.outcome}: {check.reason}"
        ET.SubElement(case, "failure", {"type": FAILURE_TYPES[check.state], "message": message}).text = body
    elif _is_skipped(check):
        message = f"{check.excuse} Outcome: {check.outcome}." if check.excuse else check.reason
        ET.SubElement(case, "skipped", {"message": message}).text = body
    else:
        ET.SubElement(case, "system-out").text = body


def _properties(report: AuditReport, result: GateResult | None) -> dict[str, str]:
    properties = {
        "privaudit.schema_version": report.schema_version,
        "privaudit.audit_digest": audit_digest(report),
        "privaudit.model_digest": report.subject.model_digest,
        "privaudit.data_digest": report.subject.data_digest,
    }
    if result is not None:
        confidences = {verdict.numbers.get("confidence") for verdict in result.verdicts} - {None}
        properties["privaudit.gate"] = result.outcome
        properties["privaudit.confidence"] = ", ".join(f"{value:g}" for value in sorted(c for c in confidences if c))
    return properties


def _said(report: AuditReport, result: GateResult | None) -> str:
    gate = () if result is None else (f"Gate: {result.outcome}. {result.reason}",)
    return "\n".join(plain_text(text) for text in (*gate, headline(report), *warnings_of(report)))
