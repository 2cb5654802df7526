"""Whether a report is the one, and about the model, that somebody means."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from privaudit.errors import ConfigError, StoreVersionError
from privaudit.types import AuditReport

FEWEST_DIGITS, ALL_DIGITS = 8, 64


def check_digest(found: str, expected: str) -> None:
    """Refuse a report that is not the expected one.

    Args:
        found: its ``audit_digest``.
        expected: that digest, or at least its first 8 digits.

    Raises:
        ConfigError: if that is no digest.
        StoreVersionError: if it is another one.
    """
    wanted = expected.strip().lower()
    if not FEWEST_DIGITS <= len(wanted) <= ALL_DIGITS or set(wanted) - set("0123456789abcdef"):
        raise ConfigError(
            f"--expect-digest must be the audit_digest of a report, or its first {FEWEST_DIGITS} or more of {ALL_DIGITS} "
            f"hexadecimal digits; got {expected!r}.",
            key="expect-digest",
        )
    if not found.startswith(wanted):
        raise StoreVersionError(
            f"the report's audit_digest is {found}, expected was {wanted}: this is another report. Fetch the right one."
        )


def check_model_files(report: AuditReport, files: Sequence[str]) -> None:
    """Refuse a report that is about another model than these files hold.

    Args:
        report: the report.
        files: of the audited model; of several targets one each, in their order.

    Raises:
        StoreVersionError: if neither the audited models nor the released checkpoint are these files.
    """
    sha = hashlib.sha256()
    for name in files:
        sha.update(_content(name))
    found, known = sha.hexdigest(), {"model_digest": report.subject.model_digest}
    released = report.provenance.get("released")
    checkpoint = released.get("checkpoint_digest") if isinstance(released, Mapping) else None
    if isinstance(checkpoint, str):
        known["released checkpoint"] = checkpoint
    if found not in known.values():
        about = ", ".join(f"{name} {digest}" for name, digest in known.items())
        raise StoreVersionError(
            f"{', '.join(files)} has the sha256 {found}, the report is about another model ({about}). Audit this model, or "
            "name the file that was audited (of several targets all, in their order)."
        )


def _content(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(f"--model: {name}: {error.strerror or error}.", key="model") from None
