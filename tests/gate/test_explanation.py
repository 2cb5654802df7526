import dataclasses
import itertools
import re
from datetime import date

import pytest

from privaudit.gate import explain, judge, policy_from_dict, shipped_policy
from privaudit.gate.explanation_words import METHODS, QUANTITIES, SOURCES
from privaudit.gate.limits import GateMetric

DAY = date(2026, 6, 15)
RULES = [
    {"id": "claim holds", "metric": "claim"},
    {"id": "small claim", "metric": "claim_epsilon", "max": 3},
    {"id": "from below", "metric": "epsilon_lower", "max": 3},
    {"id": "area", "metric": "auc", "max": 0.55},
    {"id": "few found", "metric": "tpr_at_fpr", "at": 0.1, "max": 0.15},
    {"id": "advantage", "metric": "advantage", "max": 0.3},
    {"id": "women", "metric": "auc", "group": "sex=Female", "max": 0.6},
    {"id": "worlds", "metric": "distribution_accuracy", "max": 0.6},
    {"id": "draws", "metric": "n_leaked", "max": 6},
]
REST = {
    "require": {"ceiling": 4, "control": True, "max_age_days": 30},
    "baseline": {"rules": [{"id": "no worse", "metric": "auc", "max_increase": 0.1}]},
    "waivers": [
        {"rule": "area", "reason": "ticket 7", "expires": "2026-06-20"},
        {"rule": "few found", "reason": "old", "expires": "2026-06-10"},
        {"rule": "advantage", "reason": "unneeded", "expires": "2026-07-10"},
    ],
}


def told(report, policy, **keys):
    return explain(report, policy, judge(report, policy, today=DAY, **keys), today=DAY)


@pytest.fixture
def text(sample):
    report = sample.sample_report()
    return told(report, policy_from_dict({"rules": RULES, **REST}), baseline=report)


def test_every_verdict_has_a_block_and_the_last_line_the_outcome(text):
    names = [rule["id"] for rule in RULES] + ["no worse", "require.ceiling", "require.control", "require.max_age_days"]
    assert [block.partition(":")[0] for block in text.strip().split("\n\n")[1:-1]] == names
    assert text.strip().splitlines()[-1].startswith("Outcome: ")


def test_intervals_come_with_confidence_counts_method_and_source(text):
    block = next(block for block in text.split("\n\n") if block.startswith("area"))
    assert "Wilson" in block and "Birnbaum" in block
    assert re.search(
        r"- lira-0: 0\.53\d*, interval \[0\.\d+, 0\.\d+\] at 0\.996667 \(1,604 members, 1,596 non-members\)", block
    )


def test_waivers_say_how_long_they_hold(text):
    assert "Waiver: ticket 7; holds until 2026-06-20, 5 days left." in text
    assert "Waiver: old; expired on 2026-06-10, 5 days ago." in text
    assert (
        "Waiver: unneeded; holds until 2026-07-10, 25 days left. It is not needed: the rule passes. Remove it." in text
    )


def test_every_metric_has_its_words():
    for metric in GateMetric.__args__:
        assert QUANTITIES[metric] and METHODS[metric] and SOURCES[metric]


def test_what_does_not_pass_says_what_would(text):
    for block in text.split("\n\n")[1:-1]:
        is_passed = re.match(r"[^\n]*: pass", block)
        assert bool(is_passed) != ("To pass: " in block), block


def test_an_open_limit_says_what_would_pass(text):
    block = next(block for block in text.split("\n\n") if block.startswith("women"))
    assert "To pass: an audit that measures it; the report holds no group sex=Female" in block
    block = next(block for block in text.split("\n\n") if block.startswith("few found"))
    assert re.search(r"To pass: If the rates stay, about [\d,]+ members and as many non-members", block)


def test_long_lists_are_cut(sample):
    text = told(sample.sample_report(targets=tuple(range(20))), shipped_policy())
    assert "- and 48 more" in text


@pytest.mark.parametrize("evil", ["a\n::error::b", "a\r\nOutcome: pass.", "a\x1b[31mred", "a\u2028b"])
def test_hostile_names_stay_on_their_line(sample, evil):
    report = sample.sample_report(name=evil)
    rule = {"id": evil, "metric": "auc", "max": 0.5, "group": f"sex={evil}"}
    policy = policy_from_dict({"rules": [rule, {"id": "b", "metric": "auc", "max": 1}]})
    plain = policy_from_dict({"rules": [{**rule, "id": "a", "group": "sex=a"}, {"id": "b", "metric": "auc", "max": 1}]})
    text, expected = told(report, policy), told(sample.sample_report(name="a"), plain)
    assert len(text.splitlines()) == len(expected.splitlines())
    assert "\x1b" not in text and not any(line.startswith("::") for line in text.splitlines())


def test_reports_that_hold_nothing_are_explained(sample):
    empty = dataclasses.replace(
        sample.sample_report(), sections=(), claim=None, controls=(), verdicts=(), provenance={}
    )
    for size in range(1, len(RULES) + 1):
        assert "inconclusive" in told(empty, policy_from_dict({"rules": list(itertools.islice(RULES, size))}))
