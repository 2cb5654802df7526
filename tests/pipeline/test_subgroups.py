"""Who is at risk: the section made from models in the target's role."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import binom, norm

from privaudit.attacks import Lira, LossThreshold
from privaudit.config import load_config
from privaudit.data.design import paired_coins
from privaudit.estimators import auc
from privaudit.estimators.thresholds_from_shadows import floor_threshold
from privaudit.gate import judge, policy_from_dict
from privaudit.interfaces import AuditInputs
from privaudit.numerics import log_probability
from privaudit.pipeline.group_risk import MOST_VALUES, group_auc
from privaudit.pipeline.primary import Primary
from privaudit.pipeline.reliability import Played, play_shadows
from privaudit.pipeline.subgroups import FEWEST_IN_PUBLIC, subgroup_sections
from privaudit.report.codec import encode
from privaudit.types import AuditDesign, AuditReport, SignalTable, Subject
from privaudit.types.design import SHADOW, TARGET

ATTACKS = (LossThreshold(), Lira())
LOSS = Primary("loss", "one_run", "named in the config")


def make_inputs(n_models=24, n_records=600, *, leak=0.0, weak=0.0, targets=(0,), seed=0, signals=None, groups=None):
    """Records of the group "b", a fifth, give away ``leak``; all others ``weak``. A tenth of all are population."""
    rng, n_population = np.random.default_rng(seed), n_records // 10
    n = n_records + n_population
    is_in = np.hstack([paired_coins(n_models, n_records, seed), np.zeros((n_models, n_population), dtype=np.uint8)])
    group = np.where(np.arange(n) % 5 == 0, "b", "a")
    margin = rng.normal(size=(n_models, n)) + np.where(group == "b", leak, weak) * is_in
    design = AuditDesign(
        kind="paired",
        is_in=is_in,
        pair=np.arange(n_models) ^ 1,
        role=[TARGET if model in targets else SHADOW for model in range(n_models)],
        variant=np.zeros(n_models),
        is_population=np.arange(n) >= n_records,
        record_codes=1000 + np.arange(n),
        seed=seed,
    )
    tables = {"logit_margin": margin, "negative_loss": log_probability(margin), "correct": (margin > 0) * 1.0}
    models = np.arange(n_models)
    return AuditInputs(
        design=design,
        labels=np.arange(n) % 2,
        groups={"kind": group} if groups is None else groups,
        signals={
            name: SignalTable(name=name, values=values[:, :, None], model_index=models, record_index=np.arange(n))
            for name, values in tables.items()
            if signals is None or name in signals
        },
        usable=models,
    )


def section_of(inputs, *, attacks=ATTACKS, primary=LOSS, audience="internal"):
    config = load_config()
    config = config.model_copy(update={"report": config.report.model_copy(update={"audience": audience})})
    (section,) = subgroup_sections(config, inputs, attacks, primary)
    return section


def by_group(section):
    return {f.params["group"]: f for f in section.findings if "group" in f.params}


def numbers(finding):
    return {metric.name: metric for metric in finding.metrics}


def about(section, method):
    return next((f for f in section.findings if f.method == method), None)


def test_the_rates_are_those_of_the_played_models_at_one_threshold_each():
    inputs = make_inputs(leak=2.0)
    section, played = section_of(inputs), play_shadows(LossThreshold(), inputs)
    finding = by_group(section)["kind=b"]
    rows = np.arange(600) % 5 == 0
    called = np.stack([s >= floor_threshold(s, m, 0.01) for s, m in zip(played.scores, played.is_in, strict=True)])
    inside, outside = played.is_in[:, rows], ~played.is_in[:, rows]
    tpr, fpr = called[:, rows][inside].mean(), called[:, rows][outside].mean()
    found = numbers(finding)
    assert found["group_tpr"].value == pytest.approx(tpr) and found["group_fpr"].value == pytest.approx(fpr)
    assert (finding.n_in, finding.n_out) == (inside.sum(), outside.sum())
    area = np.mean([auc(s[rows], m[rows]) for s, m in zip(played.scores, played.is_in, strict=True)])
    assert found["group_auc"].value == pytest.approx(area)
    rest = called[:, ~rows][played.is_in[:, ~rows]].mean()
    assert found["tpr_difference"].value == pytest.approx(tpr - rest)
    for metric in finding.metrics[:-1]:
        assert metric.lower <= metric.value <= metric.upper


def test_the_group_that_leaks_is_found_and_no_other():
    section = section_of(make_inputs(leak=2.5))
    p = {name: numbers(f)["tpr_difference_p"].value for name, f in by_group(section).items()}
    assert list(p) == ["kind=a", "kind=b", "label=0", "label=1"]
    assert p["kind=b"] == p["kind=a"] <= 0.05 < p["label=0"] == p["label=1"]
    difference = numbers(by_group(section)["kind=b"])["tpr_difference"]
    assert difference.lower > 0


def test_records_that_leak_are_listed_by_their_rows_in_the_data():
    section = section_of(make_inputs(40, leak=6.0))
    finding = about(section, "pair_wins")
    found = numbers(finding)
    assert finding.params["n_pairs"] == 19 and 120 <= found["records_at_risk"].value <= 126
    assert len(finding.params["most_at_risk"]) == 20
    for one in finding.params["most_at_risk"]:
        assert (one["row"] - 1000) % 5 == 0 and one["groups"]["kind"] == "b" and one["is_found"]
        assert one["lower"] <= one["share"] <= one["upper"] == 1.0
    assert sum(one["records"] for one in finding.params["histogram"]) == 600
    assert sum(one["by_chance"] for one in finding.params["histogram"]) == pytest.approx(600, abs=0.5)


def test_a_model_that_gives_nothing_away_puts_nobody_at_risk():
    section = section_of(make_inputs(40))
    found = numbers(about(section, "pair_wins"))
    assert found["records_at_risk"].value == 0 and abs(found["pair_win_share"].value - 0.5) < 0.03
    assert all(numbers(f)["tpr_difference_p"].value > 0.05 for f in by_group(section).values())


def test_a_constant_signal_is_said_to_be_guessing():
    inputs = make_inputs(16)
    tables = {
        name: dataclasses.replace(table, values=np.full(table.values.shape, -0.5))
        for name, table in inputs.signals.items()
    }
    section = section_of(dataclasses.replace(inputs, signals=tables))
    found = numbers(about(section, "pair_wins"))
    assert (found["pair_win_share"].value, found["records_at_risk"].value) == (0.5, 0.0)
    assert all(numbers(f)["group_tpr"].value is None for f in by_group(section).values())  # nobody is called
    assert about(section, "auc_shares").params["spearman"][0][1] is None
    encode(section)  # no NaN


def test_a_report_for_the_public_names_no_record_and_no_small_group():
    few = {"few": np.where(np.arange(660) < FEWEST_IN_PUBLIC - 1, "some", "most")}
    inputs = make_inputs(groups=few)
    inside, public = section_of(inputs), section_of(inputs, audience="public")
    assert "few=some" in by_group(inside) and "most_at_risk" in about(inside, "pair_wins").params
    assert list(by_group(public)) == ["few=most", "label=0", "label=1"]
    assert "most_at_risk" not in about(public, "pair_wins").params and "'row'" not in str(encode(public))
    assert any("public" in note for note in public.notes)


def test_nothing_about_the_target_or_its_complement_enters():
    inputs, other = make_inputs(leak=1.0), make_inputs(leak=3.0, seed=5)
    tables = {}
    for name, table in inputs.signals.items():
        values = table.values.copy()
        values[:2] = other.signals[name].values[:2]
        tables[name] = dataclasses.replace(table, values=values)
    is_in = inputs.design.is_in.copy()
    is_in[:2] = other.design.is_in[:2]
    changed = dataclasses.replace(inputs, signals=tables, design=dataclasses.replace(inputs.design, is_in=is_in))
    assert json.dumps(encode(section_of(inputs))) == json.dumps(encode(section_of(changed)))


def test_with_few_models_the_audited_one_is_looked_at_and_single_records_are_not():
    section = section_of(make_inputs(6, leak=2.0))
    finding = by_group(section)["kind=b"]
    assert finding.params["played"] == "the audited model" and finding.params["n_models"] == 1
    assert finding.params["n_effective_in"] == finding.n_in
    assert about(section, "pair_wins") is None and about(section, "auc_shares") is None
    assert any("4 pairs" in note for note in section.notes)


def test_every_model_a_target():
    section = section_of(make_inputs(12, leak=2.0, targets=range(12)))
    assert by_group(section)["kind=b"].params["n_models"] == 6
    assert about(section, "pair_wins").params["n_pairs"] == 6


def test_what_cannot_be_compared_is_said():
    many = {"code": np.arange(660).astype(str), "one": np.full(660, "x")}
    section = section_of(make_inputs(groups=many))
    assert list(by_group(section)) == ["label=0", "label=1"]
    said = " ".join(section.notes)
    assert "code was left out: it has 600 values" in said and f"2 to {MOST_VALUES}" in said and "one was left" in said
    few = section_of(make_inputs(n_records=100))  # 50 non-members measure no 1 %
    assert all(numbers(f)["group_tpr"].value is None for f in by_group(few).values())
    assert all(numbers(f)["group_auc"].value is not None for f in by_group(few).values())
    without = section_of(make_inputs(signals=("correct", "negative_loss")), attacks=(LossThreshold(),))
    assert about(without, "pair_wins").params["signal"] == "negative_loss"


def test_without_a_primary_the_attack_with_the_largest_auc_is_taken():
    section = section_of(make_inputs(leak=2.0), primary=None)
    assert {f.method for f in by_group(section).values()} <= {"loss", "lira"}


@pytest.mark.statistical
def test_areas_within_groups_are_covered():
    """2,000 runs of 4 models, 60 records with shifts of their own, members higher by 1: the interval of the mean area misses
    its expectation in at most 5 % of the runs (binomial limit at 1e-6).
    """
    rng, n_runs, missed = np.random.default_rng(11), 2000, 0
    truth = norm.cdf(1 / np.sqrt(2 * (1 + 0.5**2)))
    for _ in range(n_runs):
        is_in = rng.random((4, 60)) < 0.5
        scores = rng.normal(size=(4, 60)) + is_in + 0.5 * rng.normal(size=60)
        metric, _ = group_auc(Played(scores, is_in), np.ones(60, dtype=bool), each=0.95, confidence=0.95)
        missed += not metric.lower <= truth <= metric.upper
    assert missed <= binom.ppf(1 - 1e-6, n_runs, 0.05)


@pytest.mark.parametrize("n", [5, 10, 25, 100])
def test_areas_that_vary_most_are_covered_exactly(n):
    """Each of n members lies above or below all non-members: the area is a binomial share. The chance of a miss, summed over
    all outcomes, is at most the tail on each side, and that of a miss among 50 groups at most 5 %.
    """
    each, ends = 1 - 0.05 / 50, []
    for above in range(n + 1):
        scores = np.concatenate([np.where(np.arange(n) < above, 1.0, -1.0), np.zeros(2 * n)])[None]
        is_in = (np.arange(3 * n) < n)[None]
        metric, counted = group_auc(Played(scores, is_in), np.ones(3 * n, dtype=bool), each=each, confidence=0.95)
        assert counted == n and metric.value == pytest.approx(above / n)
        ends.append((metric.lower, metric.upper))
    low, high = np.transpose(ends)
    for truth in (0.5, 0.9, 0.97, 0.99, 0.999):
        chance = binom.pmf(np.arange(n + 1), n, truth)
        too_high, too_low = chance[low > truth].sum(), chance[high < truth].sum()
        assert max(too_high, too_low) <= (1 - each) / 2 + 1e-9
        assert 1 - (1 - too_high - too_low) ** 50 <= 0.05


def report_of(section):
    return AuditReport(
        subject=Subject(name="x", model_digest="0" * 64, data_digest="0" * 64), claim=None, sections=(section,)
    )


def verdict(report, **rule):
    return judge(report, policy_from_dict({"confidence": 0.95, "rules": [{"id": "r", **rule}]})).verdicts[0]


def test_a_gate_limits_what_a_group_gives_away():
    report = report_of(section_of(make_inputs(leak=3.0)))
    assert verdict(report, metric="auc", group="kind=b", max=0.6).outcome == "fail"
    assert verdict(report, metric="auc", group="kind=b", max=1.0).outcome == "pass"
    one = verdict(report, metric="auc", group="kind=b", max=0.9)
    finding = by_group(report.sections[0])["kind=b"]
    assert one.numbers["lower"] < numbers(finding)["group_auc"].value < one.numbers["upper"]
    assert "vary as much as any can" in one.reason and finding.id in one.reason


def test_a_gate_on_a_group_that_was_not_measured_is_inconclusive():
    report = report_of(section_of(make_inputs(leak=3.0)))
    unknown = verdict(report, metric="auc", group="kind=c", max=0.9)
    assert unknown.outcome == "inconclusive" and "kind=a, kind=b, label=0, label=1" in unknown.reason
    (section,) = report.sections
    finding = by_group(section)["kind=b"]
    bare = dataclasses.replace(finding.metrics[0], value=None, lower=None, upper=None, rule="no model")
    for metrics, says in (((bare,), "not measurable: no model"), ((), "holds no auc")):
        changed = dataclasses.replace(section, findings=(dataclasses.replace(finding, metrics=metrics),))
        none = verdict(report_of(changed), metric="auc", group="kind=b", max=0.9)
        assert none.outcome == "inconclusive" and says in none.reason


def test_the_rules_say_what_the_numbers_are_about():
    found = numbers(by_group(section_of(make_inputs(leak=2.0)))["kind=b"])
    for name in ("group_tpr", "group_fpr"):
        assert "the threshold's own error is not in the interval" in found[name].rule
    assert "outcomes of this group are distributed differently" in found["tpr_difference_p"].rule
    assert "difference" not in found["tpr_difference_p"].rule
