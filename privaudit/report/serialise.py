"""`AuditReport` to report.json and back.

The file is the report's only lasting form; html and markdown are drawn from what it holds. ``audit_digest`` detects
damage, not forgery: whoever can change the file can also compute the digest anew.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privaudit.errors import CorruptStoreError, PrivauditError, StoreError, StoreVersionError
from privaudit.report.codec import decode, encode
from privaudit.report.thin import thin_report
from privaudit.store.atomic import write_text
from privaudit.types import AuditReport
from privaudit.types.report import SCHEMA_VERSION

BEFORE_WAIVERS = ("1.0", "1.1")  # schema versions without the key verdicts.waiver
DIGEST_KEY = "audit_digest"


def report_to_dict(report: AuditReport) -> dict[str, Any]:
    """Return the report as JSON values, with its digest.

    ROC curves of more than 400 points are thinned (`privaudit.report.thin`); metrics were read off the whole curve
    before and are not touched.

    Args:
        report: the report.

    Returns:
        The top-level keys of report.json in their published order.

    Raises:
        DataError: if the report holds NaN or a value that JSON cannot hold.
    """
    content: dict[str, Any] = encode(thin_report(report))
    version = content.pop("schema_version")
    if version in BEFORE_WAIVERS:
        _leave_out_waivers(content)
    return {"schema_version": version, DIGEST_KEY: digest_of({"schema_version": version, **content}), **content}


def _leave_out_waivers(content: dict[str, Any]) -> None:
    """Write a report as the minor version that made it did, so that it keeps the digest it was published with."""
    for verdict in content["verdicts"]:
        if not verdict["waiver"]:
            del verdict["waiver"]


def report_from_dict(mapping: Mapping[str, Any]) -> AuditReport:
    """Return the report that `report_to_dict` wrote; unknown keys are ignored and the digest is not checked.

    Args:
        mapping: the JSON values.

    Returns:
        The report.

    Raises:
        StoreVersionError: if the schema's major version is not ours.
        CorruptStoreError: if a key is missing or a value is of the wrong type.
    """
    _check_version(mapping)
    try:
        report: AuditReport = decode(AuditReport, dict(mapping))
    except StoreError:
        raise
    except (PrivauditError, TypeError, ValueError, OverflowError) as error:
        raise CorruptStoreError(f"the report holds values that contradict each other: {error}") from error
    return report


def report_to_json(report: AuditReport) -> str:
    """Return report.json as text: the same report gives the same bytes.

    Args:
        report: the report.

    Returns:
        JSON in ASCII with one space of indent and a final newline.

    Raises:
        DataError: as `report_to_dict`.
    """
    return json.dumps(report_to_dict(report), indent=1, allow_nan=False) + "\n"


def digest_of(mapping: Mapping[str, Any]) -> str:
    """Return the sha256 of the content of a report, its digest left out.

    Args:
        mapping: the JSON values of a report, with or without ``audit_digest``.

    Returns:
        64 hexadecimal digits, independent of the order of keys and of white space.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "audit_digest": "", "a": 1})
    True
    """
    content = {key: value for key, value in mapping.items() if key != DIGEST_KEY}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def audit_digest(report: AuditReport) -> str:
    """Return the digest that report.json of this report carries."""
    return str(report_to_dict(report)[DIGEST_KEY])


def write_report_json(report: AuditReport, path: str | Path) -> None:
    """Write report.json whole or not at all.

    Args:
        report: the report.
        path: the file to write; its folder must exist.

    Raises:
        StoreError: if the file cannot be written.
    """
    write_text(Path(path), report_to_json(report))


def load_report(path: str | Path) -> AuditReport:
    """Read report.json.

    Args:
        path: the file.

    Returns:
        The report.

    Raises:
        StoreError: if there is no such file.
        StoreVersionError: if the schema's major version is not ours.
        CorruptStoreError: if the file is damaged: no JSON, keys missing, or the digest does not fit.
    """
    content = _read_json(Path(path))
    _check_version(content)
    expected = digest_of(content)
    if content.get(DIGEST_KEY) != expected:
        raise CorruptStoreError(
            f"{path} was changed after it was written: {DIGEST_KEY} is {content.get(DIGEST_KEY)!r}, the content's "
            f"digest is {expected}. Write the report again, or fetch the file again."
        )
    return report_from_dict(content)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes(), parse_constant=_refuse_constant, parse_float=_finite)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}. Give the report.json of an audit.") from error
    except (ValueError, RecursionError) as error:
        raise CorruptStoreError(f"{path} must be JSON; {error}. Write the report again.") from error
    if not isinstance(content, dict):
        raise CorruptStoreError(f"{path} must hold a JSON object; got {type(content).__name__}.")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is not JSON (infinity is the string "inf")')


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is larger than any float")
    return number


def _check_version(mapping: Mapping[str, Any]) -> None:
    version = mapping.get("schema_version")
    if not isinstance(version, str):
        raise CorruptStoreError(f"schema_version must be a string like {SCHEMA_VERSION!r}; got {version!r}.")
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise StoreVersionError(
            f"this privaudit reads reports of schema version {SCHEMA_VERSION.split('.')[0]}.x; got {version}. "
            "Use the privaudit that wrote it, or audit again."
        )
