"""The table of accuracies, with and without what foretells the members' risk."""

import dataclasses

from privaudit.report.tables import accuracy_table
from privaudit.types import AuditReport, Finding, Metric, Section, Subject


def report_of(*metrics):
    finding = Finding(id="target-3", method="accuracy", params={"target": 3}, n_in=40, n_out=41, metrics=metrics)
    subject = Subject(name="mlp", model_digest="0", data_digest="0")
    return AuditReport(
        subject=subject, claim=None, sections=(Section(kind="mia", title="Membership inference", findings=(finding,)),)
    )


ACCURACY = (Metric(name="accuracy_in", value=0.9), Metric(name="accuracy_out", value=0.95))
GAP = Metric(name="train_test_gap", value=-0.05)
TAIL = Metric(name="tail_tnr", at=0.01, value=0.25)


def test_a_report_without_the_two_numbers_has_no_column_for_them():
    table = accuracy_table(report_of(*ACCURACY))
    assert table.head == ("target", "on members", "on non-members", "on the population")
    assert table.rows[0][1:] == ("90 %", "95 %", "not measurable")


def test_the_two_numbers_stand_beside_each_other():
    table = accuracy_table(report_of(*ACCURACY, GAP, TAIL))
    assert table.head[-2:] == ("train/test gap", "tail-TNR")
    assert table.rows[0][-2:] == ("-5 %", "25 %")
    unknown = accuracy_table(report_of(*ACCURACY, GAP, dataclasses.replace(TAIL, value=None)))
    assert unknown.rows[0][-1] == "not measurable"
