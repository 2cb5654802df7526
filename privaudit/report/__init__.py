"""Reports for people and machines; importing this package loads neither jinja2 nor matplotlib."""

from privaudit.report.serialise import (
    audit_digest,
    load_report,
    report_from_dict,
    report_to_dict,
    report_to_json,
    write_report_json,
)
from privaudit.report.write import write_reports

__all__ = [
    "audit_digest",
    "load_report",
    "report_from_dict",
    "report_to_dict",
    "report_to_json",
    "write_report_json",
    "write_reports",
]
