"""The verdicts as SARIF 2.1.0, which code scanning shows beside the audit config.

Passed verdicts are no results: GitHub code scanning shows every result as an alert, whatever its ``kind``. They stand in the
run's ``properties.verdicts`` together with all others. A waived failure is a result of level ``note`` with a suppression.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath
from typing import Any
from urllib.parse import quote

from privaudit._version import __version__
from privaudit.report.checks import CONTRADICTION, NOTHING, WARNING, Check, checks_of, json_number, numbers_text
from privaudit.report.plain import plain_text
from privaudit.report.sentences import headline
from privaudit.report.serialise import audit_digest
from privaudit.types import AuditReport
from privaudit.types.report import GateResult

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
KINDS = {"fail": "fail", "open": "open", "note": "fail"}
LEVELS = {"fail": "error", "open": "none", "note": "warning"}  # by the standard only a failed result has a level
RULE_WORDS = {
    "claim": "The claimed privacy guarantee stands the audit",
    CONTRADICTION: "What was measured agrees with what is guaranteed",
    WARNING: "The audit's numbers can be trusted",
    NOTHING: "The audit was judged",
}
HELP = (
    "privaudit measures how much a trained model gives away about its training records. A failed rule says that the model is "
    "shown to leak more than the rule allows. An open one says that the audit could not tell; the message names what would. "
    "Numbers and intervals stand in the audit's report.html and report.json."
)


def render_sarif(report: AuditReport, result: GateResult | None = None, *, location: str = "audit.yaml") -> str:
    """Return one result per verdict that did not pass, located at the audit config.

    Args:
        report: the report.
        result: what a gate said about it; without one, the report's own verdicts, contradictions and warnings.
        location: the audit config, from the root of the repository.

    Returns:
        JSON in ASCII. Fingerprints are made from the rule, the subject's name and the location; numbers do not change
        them.

    Raises:
        DataError: if the report holds NaN.
    """
    checks = checks_of(report, result)
    rules = list(dict.fromkeys(check.rule for check in checks))
    run = {
        "tool": {"driver": _driver(rules, RULE_WORDS if result is None else {})},
        "results": [
            _result(check, rules.index(check.rule), report.subject.name, location)
            for check in checks
            if check.state in KINDS
        ],
        # Code scanning keeps the alerts of several models apart by this; without it the last upload replaces the others.
        "automationDetails": {"id": f"privaudit/{quote(plain_text(report.subject.name, 200), safe='')}/"},
        "columnKind": "unicodeCodePoints",
        "properties": _run_properties(report, result, checks),
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, allow_nan=False) + "\n"


def _driver(rules: list[str], known: Mapping[str, str]) -> dict[str, Any]:
    described = [_rule(rule, known.get(rule, f"Privacy policy rule: {rule}")) for rule in rules]
    return {"name": "privaudit", "version": __version__, "rules": described}


def _rule(rule: str, words: str) -> dict[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": message_text(words)},
        "fullDescription": {"text": message_text(f"{words}.")},
        "help": {"text": HELP},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["privacy"]},
    }


def _result(check: Check, index: int, name: str, location: str) -> dict[str, Any]:
    numbers = numbers_text(check.numbers)
    parts = (f"{check.outcome}:", check.reason, f"({numbers})" if numbers else "", check.excuse)
    content: dict[str, Any] = {
        "ruleId": check.rule,
        "ruleIndex": index,
        "kind": KINDS[check.state],
        "level": _level(check),
        "message": {"text": message_text(" ".join(part for part in parts if part))},
        "locations": [_location(location)],
        "partialFingerprints": fingerprints(check, name, location),
        "properties": {"outcome": check.outcome, "numbers": _numbers(check)},
    }
    if check.excuse:
        content["suppressions"] = [{"kind": "external", "status": "accepted", "justification": check.excuse}]
    return content


def _level(check: Check) -> str:
    return "note" if check.excuse and KINDS[check.state] == "fail" else LEVELS[check.state]


def _numbers(check: Check) -> dict[str, float | str | None]:
    return {plain_text(name, 60): json_number(value) for name, value in check.numbers.items()}


def message_text(text: str) -> str:
    """Return a text as a SARIF message that holds no placeholder and no link.

    >>> message_text("{0} [x](http://y) in [0.1, 0.2]")
    '{{0}} [x] (http://y) in [0.1, 0.2]'
    """
    return plain_text(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


def relative_uri(location: str) -> str:
    """Return a path as a URI reference, percent-encoded.

    >>> relative_uri("./my audit/a:b?.yaml"), relative_uri("/etc/a b")
    ('my%20audit/a%3Ab%3F.yaml', 'file:///etc/a%20b')
    """
    path = PurePath(location).as_posix()
    encoded = quote(path.encode("utf-8", "replace"), safe="/")
    return f"file://{encoded}" if PurePosixPath(path).is_absolute() else encoded


def _location(location: str) -> dict[str, Any]:
    uri = relative_uri(location)
    artifact = {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": ROOT}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": 1}}}


def fingerprints(check: Check, name: str, location: str) -> dict[str, str]:
    """Return what tells one alert from another over many runs.

    Args:
        check: the check; of a warning or a contradiction its words count, too, without the numbers in them.
        name: the subject's name.
        location: the audit config.

    Returns:
        The fingerprint of our own, and the one that GitHub reads.
    """
    words = re.sub(r"[0-9][0-9.,e+-]*", "#", check.reason) if check.outcome in (CONTRADICTION, WARNING) else ""
    key = json.dumps([check.rule, plain_text(name), relative_uri(location), words])
    digest = hashlib.sha256(key.encode("ascii")).hexdigest()
    return {"primaryLocationLineHash": f"{digest[:16]}:1", "privauditRule/v1": digest}


def _run_properties(report: AuditReport, result: GateResult | None, checks: tuple[Check, ...]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "subject": plain_text(report.subject.name, 200),
        "headline": plain_text(headline(report)),
        "auditDigest": audit_digest(report),
        "modelDigest": plain_text(report.subject.model_digest, 200),
        "dataDigest": plain_text(report.subject.data_digest, 200),
        "reportSchemaVersion": plain_text(report.schema_version, 20),
    }
    if result is not None:
        properties |= {"gate": result.outcome, "gateReason": plain_text(result.reason)}
    verdicts = [
        {"rule": c.rule, "outcome": c.outcome, "reason": c.reason, "numbers": _numbers(c), "excuse": c.excuse}
        for c in checks
    ]
    return {**properties, "verdicts": verdicts}
