import dataclasses
import json
import math

import jsonschema
import pytest

from privaudit.report import report_from_dict, report_to_dict, report_to_json
from privaudit.report.schema import report_json_schema


@pytest.fixture(scope="module")
def validator():
    schema = report_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("change", [{}, {"targets": (0, 1, 2)}, {"with_claim": False}, {"epsilon": math.inf}])
def test_real_output_is_valid(builder, validator, change):
    errors = validator.iter_errors(json.loads(report_to_json(builder.sample_report(**change))))
    assert [error.message for error in errors] == []


def test_a_report_with_defenses_and_waivers_is_valid(builder, validator):
    report = builder.compared_report(with_claim=True)
    verdicts = tuple(dataclasses.replace(verdict, waiver="known (until 2027-01-01)") for verdict in report.verdicts)
    content = json.loads(report_to_json(dataclasses.replace(report, verdicts=verdicts)))
    assert [error.message for error in validator.iter_errors(content)] == []
    assert content["schema_version"] == "1.2" and content["sections"][-1]["kind"] == "defense"
    del content["verdicts"][0]["waiver"]  # as written before 1.2
    assert report_from_dict(content).claim_verdict().waiver == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("verdicts"),
        lambda c: c.update(schema_version="2.0"),
        lambda c: c.update(audit_digest="short"),
        lambda c: c["claim"].update(neighbouring="cousin"),
        lambda c: c["claim"].update(epsilon="Infinity"),
        lambda c: c["sections"][0]["findings"][0]["roc"].update(fpr=["x"]),
    ],
)
def test_wrong_output_is_not(builder, validator, change):
    content = report_to_dict(builder.sample_report())
    change(content)
    assert not validator.is_valid(content)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.12"])
def test_every_minor_version_is_legal(builder, validator, version):
    assert validator.is_valid({**report_to_dict(builder.sample_report()), "schema_version": version})


def test_unknown_keys_are_legal(builder, validator):
    assert validator.is_valid({**report_to_dict(builder.sample_report()), "later": 1})


def test_every_property_is_described():
    schema = report_json_schema()
    for part in [schema, *schema["$defs"].values()]:
        missing = [name for name, value in part["properties"].items() if not value.get("description")]
        assert part["description"]
        assert not missing
