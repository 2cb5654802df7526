import datetime
from datetime import date, timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from privaudit.errors import ConfigError
from privaudit.gate import judge, load_policy, policy_from_dict
from privaudit.gate.verdicts import _joined
from privaudit.gate.waivers import GateWaiver, with_waivers
from privaudit.types import Verdict

TODAY = date(2026, 6, 15)
AUC = {"id": "auc", "metric": "auc", "max": 0.1}
outcomes = st.sampled_from(["pass", "fail", "inconclusive"])


def waiver(rule="auc", reason="known", expires="2026-07-01"):
    return {"rule": rule, "reason": reason, "expires": expires}


def test_a_waived_failure_does_not_count_and_stays_a_failure(sample, policy):
    report = sample.sample_report()
    assert judge(report, policy(AUC), today=TODAY).outcome == "fail"
    result = judge(report, policy(AUC, waivers=[waiver(reason="ticket 12")]), today=TODAY)
    (verdict,) = result.verdicts
    assert (result.outcome, verdict.outcome, verdict.waiver) == ("pass", "fail", "ticket 12 (until 2026-07-01)")
    assert result.reason == "0 of 1 checks passed. Waived: auc (fail)."


@pytest.mark.parametrize(("day", "outcome"), [(date(2026, 7, 1), "pass"), (date(2026, 7, 2), "fail")])
def test_a_waiver_holds_on_its_last_day(sample, policy, day, outcome):
    result = judge(sample.sample_report(), policy(AUC, waivers=[waiver()]), today=day)
    assert result.outcome == outcome
    said = "The waiver (known) expired on 2026-07-01, 1 day ago, and has no effect."
    assert result.verdicts[0].reason.endswith(said) == (outcome == "fail")
    assert bool(result.verdicts[0].waiver) == (outcome == "pass")


def test_a_rule_that_passes_needs_no_waiver(sample, policy):
    result = judge(sample.sample_report(), policy({**AUC, "max": 1.0}, waivers=[waiver()]), today=TODAY)
    assert (result.outcome, result.verdicts[0].waiver, result.reason) == ("pass", "", "All 1 checks passed.")


def test_requirements_can_be_waived(sample, policy):
    asked = policy(
        {**AUC, "max": 1.0},
        require={"ceiling": 50, "max_age_days": 3},
        waivers=[waiver("require.ceiling"), waiver("require.max_age_days")],
    )
    result = judge(sample.sample_report(), asked, today=TODAY)
    assert [bool(verdict.waiver) for verdict in result.verdicts] == [False, True, True]
    assert (
        result.reason
        == "1 of 3 checks passed. Waived: require.ceiling (inconclusive), require.max_age_days (inconclusive)."
    )


@given(st.lists(st.tuples(outcomes, st.booleans(), st.integers(-3, 3)), min_size=1, max_size=6), st.booleans())
def test_the_outcome_is_that_of_the_verdicts_that_no_waiver_in_force_covers(drawn, allow):
    verdicts = [Verdict(rule=str(row), outcome=outcome, reason="r") for row, (outcome, _, _) in enumerate(drawn)]
    waivers = [
        GateWaiver(rule=str(row), reason="known", expires=TODAY + timedelta(days=days))
        for row, (_, is_waived, days) in enumerate(drawn)
        if is_waived
    ]
    marked = with_waivers(verdicts, waivers, TODAY)
    counted = {outcome for outcome, is_waived, days in drawn if not (is_waived and days >= 0)}
    expected = "fail" if "fail" in counted else "inconclusive" if "inconclusive" in counted and not allow else "pass"
    assert _joined(marked, allow_inconclusive=allow).outcome == expected
    assert [(verdict.rule, verdict.outcome) for verdict in marked] == [(v.rule, v.outcome) for v in verdicts]
    assert all(not verdict.waiver for verdict in marked if verdict.outcome == "pass")


@pytest.mark.parametrize(
    ("waivers", "says"),
    [
        ([waiver("acu")], r"waivers\.0\.rule: this policy has no rule acu\. Did you mean auc\?"),
        ([waiver(), waiver("zzzz")], r"waivers\.1\.rule: this policy has no rule zzzz\. There are auc\."),
        ([waiver("require.control")], r"waivers\.0\.rule: this policy has no rule require\.control"),
        ([waiver(), waiver()], "a rule is waived once; more than once: auc"),
        ([waiver(reason="")], r"waivers\.0\.reason: must not be empty"),
        ([waiver(reason="  \n ")], r"waivers\.0\.reason: must not be empty"),
        ([{"rule": "auc", "reason": "known"}], r"waivers\.0\.expires: missing"),
        ([waiver(expires="31.12.2026")], r"waivers\.0\.expires: a day is needed, written YYYY-MM-DD"),
        ([waiver(expires="2026-02-30")], r"waivers\.0\.expires: a day is needed"),
        ([waiver(expires="2026-7-1")], r"waivers\.0\.expires: a day is needed"),
        ([waiver(expires=20261231)], r"waivers\.0\.expires: a day is needed"),
        ([waiver(expires=datetime.datetime(2026, 7, 1, 10))], r"waivers\.0\.expires: a day is needed"),
        ([waiver(expires=True)], r"waivers\.0\.expires"),
        ([{**waiver(), "expire": 1}], r"waivers\.0\.expire: unknown key\. Did you mean expires"),
        ("auc", r"waivers: input should be a"),
    ],
)
def test_wrong_waivers_are_one_line_that_names_the_key(waivers, says):
    with pytest.raises(ConfigError, match=says) as refused:
        policy_from_dict({"rules": [AUC], "waivers": waivers})
    assert "\n" not in str(refused.value)


def test_a_day_may_be_quoted_or_not(tmp_path):
    for written in ("2026-07-01", '"2026-07-01"'):
        path = tmp_path / "policy.yaml"
        path.write_text(
            f"rules: [{yaml.safe_dump(AUC, default_flow_style=True).strip()}]\n"
            f"waivers: [{{rule: auc, reason: known, expires: {written}}}]\n"
        )
        assert load_policy(path).waivers[0].expires == date(2026, 7, 1)
