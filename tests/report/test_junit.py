import dataclasses
import re

import pytest
from lxml import etree

from privaudit.report.junit import render_junit
from privaudit.types.report import GateResult


@pytest.fixture(scope="module")
def schema(schemas):
    return etree.XMLSchema(etree.parse(str(schemas / "junit-10.xsd")))


def parsed(text, schema):
    root = etree.fromstring(text.encode())
    schema.assertValid(root)
    return root


def cases(root):
    return {case.get("name"): case for case in root.iter("testcase")}


def test_every_shape_of_report_is_valid(builder, hostile, schema):
    for name, report in hostile.reports(builder).items():
        for result in (None, hostile.RESULT):
            text = render_junit(report, result)
            root = parsed(text, schema)
            assert list(root.iter("testcase")), name
            assert render_junit(report, result) == text


def test_the_schema_refuses_what_is_wrong(builder, schema):
    text = render_junit(builder.sample_report())
    for wrong in (
        text.replace("<testcase", "<case").replace("</testcase", "</case"),
        text.replace(' name="claim"', ""),
    ):
        assert not schema.validate(etree.fromstring(wrong.encode()))


def test_a_gate_becomes_one_case_per_verdict(builder, hostile, schema):
    root = parsed(render_junit(builder.sample_report(), hostile.RESULT), schema)
    suite, found = root[0], cases(root)
    assert list(found) == ["auc", "tpr", "claim", "old"]
    assert found["auc"].find("failure") is None and found["auc"].find("skipped") is None
    assert "at least 0.51, at most 0.55, limit 0.6" in found["auc"].findtext("system-out")
    assert found["tpr"].find("failure").get("type") == "fail"
    assert "at least 0.05, at most 0.08, limit 0.03" in found["tpr"].findtext("failure")
    assert found["claim"].find("failure").get("type") == "inconclusive"
    assert found["old"].find("failure") is None
    assert "ticket 12 (until 2027-01-01)" in found["old"].find("skipped").get("message")
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "2", "errors": "0", "skipped": "1"}
    assert root.find(".//system-out") is not None and "1 of 4 checks failed" in suite.findtext("system-out")


def test_what_a_policy_lets_pass_is_skipped_and_says_so(builder, hostile, schema):
    passed = GateResult(outcome="pass", verdicts=(hostile.RESULT.verdicts[2],), reason="Let pass.")
    case = cases(parsed(render_junit(builder.sample_report(), passed), schema))["claim"]
    assert case.find("failure") is None
    assert "lets open outcomes pass" in case.find("skipped").get("message")


@pytest.mark.parametrize(
    ("shape", "rule", "child", "kind"),
    [
        ("violated", "claim", "failure", "fail"),
        ("plain", "claim", "failure", "inconclusive"),
        ("consistent", "claim", "system-out", None),
        ("no claim", "audit", "skipped", None),
        ("empty", "audit", "skipped", None),
        ("contradiction", "contradiction", "failure", "fail"),
    ],
)
def test_a_report_alone_shows_its_own_verdicts(builder, hostile, schema, shape, rule, child, kind):
    found = cases(parsed(render_junit(hostile.reports(builder)[shape]), schema))
    assert found[rule].find(child) is not None
    assert found[rule].find(child).get("type") == kind


def test_properties_name_the_audit(builder, hostile, schema):
    root = parsed(render_junit(builder.sample_report(), hostile.RESULT), schema)
    found = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert re.fullmatch("[0-9a-f]{64}", found["privaudit.audit_digest"])
    assert found["privaudit.model_digest"] == builder.DIGEST
    assert found["privaudit.schema_version"] == "1.2" and found["privaudit.gate"] == "fail"


def test_no_clock_and_no_host(builder, hostile):
    text = render_junit(builder.sample_report(), hostile.RESULT)
    assert "timestamp" not in text and "hostname" not in text


def test_hostile_texts_stay_texts(builder, hostile, schema):
    plain = render_junit(hostile.hostile_report(builder, "x"), hostile.hostile_result("x"))
    tags = [element.tag for element in parsed(plain, schema).iter()]
    for name, text in hostile.TEXTS.items():
        shown = render_junit(hostile.hostile_report(builder, text), hostile.hostile_result(text))
        root = parsed(shown, schema)
        assert [element.tag for element in root.iter()] == tags, name
        assert all(letter.isprintable() or letter == "\n" for letter in shown), name
        assert len(shown) < 200_000


def test_readable_letters_survive(builder, schema):
    report = builder.sample_report(name='a<b> & "c" 漢字 ]]>')
    assert parsed(render_junit(report), schema)[0].get("name") == 'a<b> & "c" 漢字 ]]>'


def test_an_unknown_outcome_does_not_pass(builder, schema):
    report = builder.sample_report()
    verdict = dataclasses.replace(report.verdicts[0], outcome="who_knows")
    root = parsed(render_junit(dataclasses.replace(report, verdicts=(verdict,))), schema)
    assert cases(root)["claim"].find("failure").get("type") == "inconclusive"
