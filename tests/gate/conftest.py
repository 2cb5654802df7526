"""Reports and policies for tests of the gate."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from privaudit.estimators import auc_metric, roc_curve, tpr_at_fpr
from privaudit.gate import policy_from_dict
from privaudit.types import AuditReport, Finding, Section, Subject


@pytest.fixture(scope="session")
def sample():
    path = Path(__file__).parents[1] / "report" / "sample_report.py"
    spec = importlib.util.spec_from_file_location("sample_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def policy():
    return lambda *rules, **keys: policy_from_dict({"rules": list(rules) or [{"id": "c", "metric": "claim"}], **keys})


def _finding(scores_in, scores_out, name="lira-0", **changes):
    scores = np.concatenate([scores_in, scores_out])
    member = np.repeat([1, 0], [len(scores_in), len(scores_out)])
    metrics = [auc_metric(scores, member, confidence=0.95)]
    metrics += [tpr_at_fpr(scores, member, at, confidence=0.95) for at in (0.01, 0.1)]
    given = {
        "id": name,
        "method": name.partition("-")[0],
        "params": {"target": 0, "variance": "per_record"},
        "n_in": len(scores_in),
        "n_out": len(scores_out),
        "metrics": tuple(metrics),
        "roc": roc_curve(scores, member),
    }
    return Finding(**{**given, **changes})


@pytest.fixture(scope="session")
def attack():
    """A finding of given scores of members and non-members."""
    return _finding


@pytest.fixture(scope="session")
def report_of():
    """A report that holds some findings of attacks."""

    def made(*findings, data="a7" * 32, **provenance):
        facts = {"config": {"kind": "membership"}, "coins": {"design": "paired"}, "models": {"trained": 8}}
        section = Section(kind="mia", title="Membership inference", findings=findings)
        subject = Subject(name="model", model_digest="3f" * 32, data_digest=data)
        return AuditReport(subject=subject, claim=None, sections=(section,), provenance={**facts, **provenance})

    return made


@pytest.fixture(scope="session")
def changed():
    """The report with one change of the provenance, of every finding, or of itself."""

    def made(report, *, finding=None, **keys):
        if finding:
            sections = tuple(
                dataclasses.replace(s, findings=tuple(dataclasses.replace(f, **finding(f)) for f in s.findings))
                for s in report.sections
            )
            report = dataclasses.replace(report, sections=sections)
        return dataclasses.replace(report, **keys)

    return made
