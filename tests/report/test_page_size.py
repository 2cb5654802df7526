"""The files of a large audit stay small, whatever was measured on whole curves."""

import dataclasses

import numpy as np
import pytest

from privaudit.pipeline.findings import attack_finding
from privaudit.report import write_reports
from privaudit.types import AttackResult, Finding, Metric, Section

N_RECORDS, N_GROUPS = 50_000, 40
LARGEST = 3_000_000


def result(attack, target, seed):
    rng = np.random.default_rng([seed, target])
    label = rng.integers(0, 2, N_RECORDS).astype(np.uint8)
    return AttackResult(
        attack=attack,
        target=target,
        params={"mode": "online"},
        scores=rng.normal(size=N_RECORDS) + 0.5 * label,
        label=label,
        unit_ids=np.arange(N_RECORDS),
        unit="record",
        game="membership",
        access="score",
    )


def who_is_at_risk():
    ends = {"lower": 0.001, "upper": 0.09, "confidence": 0.95, "rule": "for all groups of the report at once"}
    names = ("group_auc", "group_tpr", "group_fpr", "tpr_difference", "tpr_difference_p")
    groups = [
        Finding(
            id=f"lira-city={number}",
            method="lira",
            params={"group": f"city={number}", "n_records": 40},
            metrics=tuple(Metric(name=name, at=0.01, value=0.02, **ends) for name in names),
        )
        for number in range(N_GROUPS)
    ]
    one = {
        "row": 4711,
        "n_won": 38.5,
        "share": 0.9,
        "lower": 0.8,
        "upper": 1.0,
        "is_found": True,
        "groups": {"sex": "x"},
    }
    params = {"n_pairs": 127, "n_records": N_RECORDS, "most_at_risk": [one] * 20}
    records = Finding(id="records", method="pair_wins", params=params)
    return Section(kind="subgroups", title="Who is at risk", findings=(*groups, records))


@pytest.fixture(scope="module")
def large(builder):
    report = builder.sample_report()
    attacks = [
        attack_finding(result(attack, 0, seed), [builder.one_run_estimate()], confidence=0.95)
        for seed, attack in enumerate(("loss", "lira", "rmia"))
    ]
    assert all(len(finding.roc.fpr) > N_RECORDS / 2 for finding in attacks)
    section = dataclasses.replace(report.sections[0], findings=(*attacks, builder.accuracy_finding(0)))
    return dataclasses.replace(report, sections=(section, *report.sections[1:], who_is_at_risk()))


def test_the_files_of_a_large_audit_are_small(large, tmp_path):
    sizes = {path.name: path.stat().st_size for path in write_reports(large, tmp_path, ["html", "json", "md"])}
    assert sum(sizes.values()) < LARGEST, sizes
    assert sizes["report.html"] < 500_000 and sizes["report.json"] < 500_000, sizes
