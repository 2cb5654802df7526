import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import CorruptStoreError, DataError, StoreError, StoreVersionError
from privaudit.report import (
    audit_digest,
    load_report,
    report_from_dict,
    report_to_dict,
    report_to_json,
    write_report_json,
)
from privaudit.report.serialise import digest_of
from privaudit.types import (
    AuditReport,
    Finding,
    Metric,
    Neighbouring,
    PrivacyClaim,
    RocCurve,
    Section,
    Subject,
    Verdict,
)

TOP_LEVEL = [
    "schema_version",
    "audit_digest",
    "subject",
    "claim",
    "sections",
    "controls",
    "verdicts",
    "provenance",
]
numbers = st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)
words = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
metrics = st.builds(Metric, name=words, at=st.none() | numbers, value=st.none() | numbers, rule=words)
curves = st.lists(st.floats(0, 1), min_size=2, max_size=30).map(
    lambda rates: RocCurve(fpr=np.sort(rates), tpr=np.sort(rates), n_in=3, n_out=None)
)
findings = st.builds(
    Finding,
    id=words,
    method=words,
    params=st.dictionaries(words, json_values, max_size=3),
    metrics=st.lists(metrics, max_size=3).map(tuple),
    roc=st.none() | curves,
    notes=st.lists(words, max_size=2).map(tuple),
)
claims = st.builds(
    PrivacyClaim,
    epsilon=st.floats(0, allow_nan=False),
    delta=st.floats(0, 0.99),
    neighbouring=st.sampled_from(Neighbouring),
    accountant=words,
)
reports = st.builds(
    AuditReport,
    subject=st.builds(Subject, name=words, model_digest=words, data_digest=words),
    claim=st.none() | claims,
    sections=st.lists(findings, max_size=3).map(lambda f: (Section(kind="mia", title="t", findings=tuple(f)),)),
    verdicts=st.builds(
        Verdict, rule=words, outcome=words, numbers=st.dictionaries(words, st.none() | numbers, max_size=3)
    ).map(lambda verdict: (verdict,)),
    provenance=st.dictionaries(words, json_values, max_size=3),
)


@given(report=reports)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_round_trip_gives_the_same_bytes(report):
    text = report_to_json(report)
    again = report_from_dict(json.loads(text))
    assert report_to_json(again) == text
    assert audit_digest(again) == json.loads(text)["audit_digest"]


def test_round_trip_of_an_audit(builder, tmp_path):
    report = builder.sample_report(targets=(0, 1))
    write_report_json(report, tmp_path / "report.json")
    again = load_report(tmp_path / "report.json")
    assert report_to_json(again) == report_to_json(report)
    assert again.claim == report.claim
    assert again.controls == report.controls
    assert again.verdicts == report.verdicts
    assert again.sections[0].findings[0].metrics == report.sections[0].findings[0].metrics
    assert again.sections[0].findings[0].roc.fpr.dtype == np.float64
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_keys_are_the_published_ones(builder):
    content = report_to_dict(builder.sample_report())
    assert list(content) == TOP_LEVEL
    finding = content["sections"][0]["findings"][0]
    assert list(finding) == [
        *("id", "method", "params", "game", "access", "unit", "n_in", "n_out"),
        *("metrics", "roc", "estimates", "notes"),
    ]
    assert list(finding["metrics"][0]) == [
        *("name", "at", "value", "lower", "upper", "confidence", "rule", "achieved_fpr"),
    ]


def test_infinity_is_a_string(builder, tmp_path):
    report = builder.sample_report(epsilon=math.inf)
    content = report_to_dict(report)
    assert content["claim"]["epsilon"] == "inf"
    assert content["sections"][1]["findings"][0]["estimates"][0]["ceiling"] == "inf"
    write_report_json(report, tmp_path / "report.json")
    assert load_report(tmp_path / "report.json").claim.epsilon == math.inf


@pytest.mark.parametrize("bad", [math.nan, np.float64("nan")])
def test_nan_is_refused_with_its_place(builder, bad):
    report = dataclasses.replace(builder.sample_report(), provenance={"config": {"lr": bad}})
    with pytest.raises(DataError, match=r"report\.provenance\.config\.lr must not be NaN"):
        report_to_json(report)


@pytest.mark.parametrize("bad", [object(), {1: 2}, b"x", {"s": {1, 2}}])
def test_what_json_cannot_hold_is_refused(builder, bad):
    with pytest.raises(DataError, match=r"report\.provenance"):
        report_to_json(dataclasses.replace(builder.sample_report(), provenance={"x": bad}))


def test_numpy_scalars_become_numbers(builder):
    values = {"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True), "d": np.arange(2), "e": Path("x").name}
    content = report_to_dict(dataclasses.replace(builder.sample_report(), provenance=values))
    assert content["provenance"] == {"a": 3, "b": 0.5, "c": True, "d": [0, 1], "e": "x"}


def _written(builder, tmp_path, change):
    content = report_to_dict(builder.sample_report())
    change(content)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content))
    return path


def _resealed(change):
    def sealed(content):
        change(content)
        content["audit_digest"] = digest_of(content)

    return sealed


def test_a_changed_number_is_damage(builder, tmp_path):
    path = _written(builder, tmp_path, lambda c: c["claim"].update(epsilon=1.0))
    with pytest.raises(CorruptStoreError, match="changed after it was written"):
        load_report(path)


def test_a_missing_digest_is_damage(builder, tmp_path):
    with pytest.raises(CorruptStoreError, match="audit_digest"):
        load_report(_written(builder, tmp_path, lambda c: c.pop("audit_digest")))


def test_reformatting_is_no_damage(builder, tmp_path):
    content = report_to_dict(builder.sample_report())
    path = tmp_path / "report.json"
    path.write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert audit_digest(load_report(path)) == content["audit_digest"]


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.0"])
def test_an_unknown_major_version_is_refused(builder, tmp_path, version):
    with pytest.raises(StoreVersionError, match=version):
        load_report(_written(builder, tmp_path, lambda c: c.update(schema_version=version)))


def test_a_report_of_the_first_minor_version_is_read(builder, tmp_path):
    assert report_to_dict(builder.sample_report())["schema_version"] == "1.2"
    change = _resealed(lambda content: content.update(schema_version="1.0"))
    assert load_report(_written(builder, tmp_path, change)).schema_version == "1.0"


def test_a_newer_minor_version_is_read_and_its_keys_ignored(builder, tmp_path):
    def add(content):
        content["schema_version"] = "1.7"
        content["sections"][0]["findings"][0]["shiny"] = {"x": [1]}
        content["sections"].append({**content["sections"][1], "kind": "a later kind"})

    report = load_report(_written(builder, tmp_path, _resealed(add)))
    assert report.schema_version == "1.7"
    assert report.sections[-1].kind == "a later kind"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda c: c.pop("subject"), "report must have the key subject"),
        (lambda c: c["claim"].update(epsilon="many"), r"report\.claim\.epsilon must be a number"),
        (lambda c: c["claim"].update(epsilon=True), r"report\.claim\.epsilon must be a number"),
        (lambda c: c["claim"].update(epsilon=-1), "contradict each other"),
        (lambda c: c["claim"].update(neighbouring="cousin"), r"claim\.neighbouring must be one of add_remove"),
        (lambda c: c.update(sections={}), r"report\.sections must be a JSON list"),
        (lambda c: c["sections"][0]["findings"][0].update(n_in=1.5), r"findings\[0\]\.n_in must be a JSON int"),
        (lambda c: c.update(schema_version=1), "schema_version must be a string"),
    ],
)
def test_wrong_values_name_their_place(builder, tmp_path, change, place):
    with pytest.raises(CorruptStoreError, match=place):
        load_report(_written(builder, tmp_path, _resealed(change)))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema_version": "1.0", "x": NaN}', '{"x": 1e999}', "\x00", "[" * 100_000]
)
def test_broken_json_is_damage(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(CorruptStoreError):
        load_report(tmp_path / "report.json")


def test_a_missing_file_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match=r"none\.json"):
        load_report(tmp_path / "none.json")
    with pytest.raises(StoreError):
        load_report(tmp_path)


def test_a_failed_write_leaves_nothing(builder, tmp_path):
    with pytest.raises(StoreError, match="cannot write"):
        write_report_json(builder.sample_report(), tmp_path / "no" / "report.json")
    assert not list(tmp_path.iterdir())


def test_reading_and_judging_need_no_torch_and_no_renderer():
    code = "import sys, privaudit.report, privaudit.gate; print([m for m in {} if m in sys.modules])"
    heavy = ["torch", "opacus", "click", "jinja2", "matplotlib"]
    done = subprocess.run([sys.executable, "-c", code.format(heavy)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_report_of_an_older_minor_version_keeps_its_digest(tmp_path, version):
    """`gate --expect-digest` and every rendering name the digest that stands in the file."""
    subject = Subject(name="old", model_digest="", data_digest="")
    content = report_to_dict(
        AuditReport(subject=subject, claim=None, sections=(), verdicts=(Verdict(rule="claim", outcome="too_weak"),))
    )
    content["schema_version"] = version
    content["verdicts"][0].pop("waiver")
    content["audit_digest"] = digest_of(content)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content))
    read = load_report(path)
    assert audit_digest(read) == content["audit_digest"]
    assert json.loads(report_to_json(read)) == content
