import dataclasses
import json

import jsonschema
import pytest

from privaudit.report.sarif import render_sarif
from privaudit.types import Verdict
from privaudit.types.report import GateResult


@pytest.fixture(scope="module")
def validator(schemas):
    schema = json.loads((schemas / "sarif-schema-2.1.0.json").read_text())
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def run_of(text, validator):
    log = json.loads(text)
    assert [error.message for error in validator.iter_errors(log)] == []
    return log["runs"][0]


def by_rule(run):
    return {result["ruleId"]: result for result in run["results"]}


def test_every_shape_of_report_is_valid(builder, hostile, validator):
    for report in hostile.reports(builder).values():
        for result in (None, hostile.RESULT):
            text = render_sarif(report, result)
            run_of(text, validator)
            assert render_sarif(report, result) == text


def test_the_schema_refuses_what_is_wrong(builder, hostile, validator):
    log = json.loads(render_sarif(builder.sample_report(), hostile.RESULT))
    for key, value in (("kind", "maybe"), ("level", "bad"), ("message", {}), ("suppressions", [{"kind": "mine"}])):
        wrong = json.loads(json.dumps(log))
        wrong["runs"][0]["results"][0][key] = value
        assert not validator.is_valid(wrong), key


def test_a_gate_becomes_results(builder, hostile, validator):
    run = run_of(render_sarif(builder.sample_report(), hostile.RESULT), validator)
    found = by_rule(run)
    assert list(found) == ["tpr", "claim", "old"]
    assert (found["tpr"]["kind"], found["tpr"]["level"]) == ("fail", "error")
    assert (found["claim"]["kind"], found["claim"]["level"]) == ("open", "none")
    assert (found["old"]["kind"], found["old"]["level"]) == ("fail", "note")
    assert "ticket 12 (until 2027-01-01)" in found["old"]["suppressions"][0]["justification"]
    assert "suppressions" not in found["tpr"]
    assert "at least 0.05, at most 0.08, limit 0.03" in found["tpr"]["message"]["text"]
    assert found["tpr"]["properties"]["numbers"] == {"lower": 0.05, "upper": 0.08, "max": 0.03}
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["auc", "tpr", "claim", "old"]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert [one["rule"] for one in run["properties"]["verdicts"]] == rules
    assert run["properties"]["gate"] == "fail"


def test_passed_rules_are_no_alerts(builder, hostile, validator):
    run = run_of(render_sarif(hostile.reports(builder)["consistent"]), validator)
    assert run["results"] == []
    assert run["properties"]["verdicts"][0]["outcome"] == "consistent"


@pytest.mark.parametrize("shape", ["empty", "no claim"])
def test_a_report_without_a_verdict_raises_no_alert(builder, hostile, validator, shape):
    run = run_of(render_sarif(hostile.reports(builder)[shape]), validator)
    assert run["results"] == []
    assert "Nothing was judged" in run["properties"]["verdicts"][0]["reason"]


@pytest.mark.parametrize(
    ("shape", "rule", "kind", "level"),
    [
        ("violated", "claim", "fail", "error"),
        ("plain", "claim", "open", "none"),
        ("contradiction", "contradiction", "fail", "error"),
        ("worlds", "warning", "fail", "warning"),
    ],
)
def test_a_report_alone_shows_its_own_verdicts(builder, hostile, validator, shape, rule, kind, level):
    found = by_rule(run_of(render_sarif(hostile.reports(builder)[shape]), validator))
    assert (found[rule]["kind"], found[rule]["level"]) == (kind, level)


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        ("audit.yaml", "audit.yaml"),
        ("./configs/my audit.yaml", "configs/my%20audit.yaml"),
        ("a:b/ü%0A::error::#?.yaml", "a%3Ab/%C3%BC%250A%3A%3Aerror%3A%3A%23%3F.yaml"),
        ("/abs/audit.yaml", "file:///abs/audit.yaml"),
        ("x\n\0y", "x%0A%00y"),
    ],
)
def test_results_lie_at_the_config(builder, hostile, validator, location, uri):
    run = run_of(render_sarif(builder.sample_report(), hostile.RESULT, location=location), validator)
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == uri
        assert place["region"] == {"startLine": 1}


def fingerprints(report, result, location="audit.yaml"):
    run = json.loads(render_sarif(report, result, location=location))["runs"][0]
    return [tuple(sorted(one["partialFingerprints"].items())) for one in run["results"]]


def test_fingerprints_do_not_depend_on_numbers(builder, hostile):
    changed = dataclasses.replace(
        hostile.RESULT,
        verdicts=tuple(
            dataclasses.replace(v, numbers={"lower": 0.9}, reason="another reason 0.9") for v in hostile.RESULT.verdicts
        ),
    )
    one = fingerprints(builder.sample_report(), hostile.RESULT)
    other = fingerprints(builder.sample_report(lower=0.3, ceiling=9.0, n_correct=400), changed)
    assert one == other


def test_fingerprints_tell_rules_subjects_and_places_apart(builder, hostile):
    report = builder.sample_report()
    one = fingerprints(report, hostile.RESULT)
    assert len(set(one)) == len(one) == 3
    assert set(one).isdisjoint(fingerprints(builder.sample_report(name="another"), hostile.RESULT))
    assert set(one).isdisjoint(fingerprints(report, hostile.RESULT, location="b.yaml"))


def test_fingerprints_of_contradictions_depend_on_their_words(builder, hostile):
    report = hostile.reports(builder)["contradiction"]
    games = report.sections[-1]

    def with_note(note):
        section = dataclasses.replace(games, notes=(note,))
        return fingerprints(dataclasses.replace(report, sections=(*report.sections[:-1], section)), None)

    first = with_note("Contradiction: epsilon is at least 3.1 and at most 2.0.")
    assert first == with_note("Contradiction: epsilon is at least 3.4 and at most 2.5e-1.")
    assert first != with_note("Contradiction: the advantage is at least 3.1 and at most 2.0.")


def test_hostile_texts_stay_texts(builder, hostile, validator):
    for name, text in hostile.TEXTS.items():
        shown = render_sarif(hostile.hostile_report(builder, text), hostile.hostile_result(text), location=text[:200])
        run = run_of(shown, validator)
        assert shown.isascii() and len(shown) < 400_000, name
        for result in run["results"]:
            message = result["message"]["text"]
            assert message.isprintable(), name
            assert "](" not in message, name
            assert "{" not in message.replace("{{", ""), name


def test_one_rule_with_two_verdicts_is_listed_once(builder, validator):
    verdicts = tuple(Verdict(rule="same", outcome="fail", reason=reason) for reason in ("one", "two"))
    result = GateResult(outcome="fail", verdicts=verdicts, reason="")
    run = run_of(render_sarif(builder.sample_report(), result), validator)
    assert len(run["tool"]["driver"]["rules"]) == 1 and len(run["results"]) == 2


def test_infinity_and_nothing_are_json(builder, validator):
    verdict = Verdict(rule="r", outcome="fail", numbers={"a": float("inf"), "b": None, "c": float("nan")})
    result = GateResult(outcome="fail", verdicts=(verdict,), reason="")
    run = run_of(render_sarif(builder.sample_report(), result), validator)
    assert run["results"][0]["properties"]["numbers"] == {"a": "inf", "b": None, "c": None}


def test_several_models_of_one_repository_are_kept_apart(builder, validator):
    ids = []
    for name in ("first", "a/b %0A"):
        ids.append(run_of(render_sarif(builder.sample_report(name=name)), validator)["automationDetails"]["id"])
    assert ids == ["privaudit/first/", "privaudit/a%2Fb%20%250A/"]


def test_rules_of_a_policy_may_bear_our_words(builder, validator):
    names = ("audit", "warning", "contradiction", "claim")
    verdicts = tuple(Verdict(rule=name, outcome="fail", reason=f"{name} 1") for name in names)
    result = GateResult(outcome="fail", verdicts=verdicts, reason="")
    run = run_of(render_sarif(builder.sample_report(), result), validator)
    assert {name: one["level"] for name, one in by_rule(run).items()} == dict.fromkeys(names, "error")
    other = dataclasses.replace(result, verdicts=tuple(dataclasses.replace(v, reason="other") for v in verdicts))
    assert fingerprints(builder.sample_report(), result) == fingerprints(builder.sample_report(), other)
    words = [rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"]]
    assert words == [f"Privacy policy rule: {name}" for name in names]
