"""Distribution audits end to end: what runs, what is stored, what is refused, what the report says."""

import json
import math

import numpy as np
import pytest
import yaml

from privaudit import run_audit
from privaudit.config import parse
from privaudit.errors import ConfigError, CorruptStoreError, StoreError, StoreVersionError, UnsupportedError
from privaudit.gate import GatePolicy, judge
from privaudit.pipeline.analyse import analyse
from privaudit.report.html import render_html
from privaudit.report.markdown import render_markdown
from privaudit.report.serialise import load_report, report_to_json
from privaudit.report.terminal import render_text
from privaudit.store.tensors import load_arrays, save_arrays

SMALL = {
    "property": {"group": "sex", "value": "Female"},
    "ratios": [0.5, 0.1],
    "n_records": 400,
    "n_shadows": 8,
    "n_victims": 12,
    "n_queries": 300,
}
PRIVATE = {"noise_multiplier": 4.0, "max_grad_norm": 1.0}


def content(out, distribution=None, **changes):
    return {
        "kind": "distribution",
        "model": {"build": "linear"},
        "recipe": {
            "steps": 20,
            "sample_rate": 1.0,
            "optimizer": {"lr": 2.0},
            "dp": {"noise_multiplier": 0.0, "max_grad_norm": 1.0},
        },
        "distribution": {**SMALL, **(distribution or {})},
        "engine": {"kind": "inline"},
        "out": str(out),
        **changes,
    }


def metric(finding, name):
    return next(metric for metric in finding.metrics if metric.name == name)


def told(report):
    return {f.id: f for f in report.findings("distribution")}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    out = tmp_path_factory.mktemp("distribution") / "out"
    return out, run_audit(content(out))


@pytest.mark.slow
def test_a_report_holds_every_attack_its_control_and_the_draws_leaked(audited):
    _, report = audited
    found = told(report)
    names = ("loss_test", "threshold_test", "per_point", "meta_classifier", "kl", "kl_calibrated", "kl_label", "gauss")
    assert list(found) == [f"{name}-1" for name in names] + [f"{name}-control" for name in names]
    for name in names:
        finding = found[f"{name}-1"]
        accuracy, exact, paper = (metric(finding, each) for each in ("accuracy", "n_leaked_exact", "n_leaked_paper"))
        assert accuracy.lower <= accuracy.value <= accuracy.upper
        assert math.isclose(accuracy.confidence, 1 - 0.05 / 8)  # all eight hold together
        assert paper.value <= exact.value and exact.lower <= exact.value <= exact.upper
        assert (finding.unit, finding.n_in, finding.n_out, finding.game) == ("model", 12, 12, "distribution_inference")
        assert finding.params["ratio_0"] == 0.5 and finding.params["n_records"] == 400
        guessing = metric(found[f"{name}-control"], "control_accuracy")
        assert guessing.lower <= guessing.value <= guessing.upper
        assert found[f"{name}-control"].params["is_control"]
    assert metric(found["gauss-1"], "accuracy").value >= 0.8  # 10 % against 50 %: far apart


@pytest.mark.slow
def test_the_page_the_markdown_and_the_terminal_say_it(audited):
    _, report = audited
    assert "answer" in render_markdown(report) and "14,480 of 42,468 records have the property" in render_markdown(
        report
    )
    for text in (render_html(report), render_markdown(report), render_text(report)):
        flat = " ".join(text.split())
        assert "says rightly which one" in flat and "draws leaked" in flat and "as guessing" in flat
        assert "No privacy guarantee was claimed" not in flat and "No attack was run" not in flat
    page = render_html(report)
    assert "How often two worlds are told apart" in page and "Positive control" not in page
    assert load_report_text(report) == report_to_json(report)


def load_report_text(report):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        path.write_text(report_to_json(report))
        return report_to_json(load_report(path))


@pytest.mark.slow
def test_what_is_stored_can_be_analysed_again_and_is_gone_on_from(audited, tmp_path):
    out, report = audited
    assert report_to_json(analyse(out)) == report_to_json(report)
    whole = {path.relative_to(out): path.read_bytes() for path in out.rglob("*.safetensors")}
    for number in (3, 17, 40):
        (out / "models" / f"{number:05d}.safetensors").unlink()
    (out / "signals" / "predicted_class" / "00005.safetensors").unlink()
    again = run_audit(content(out))
    assert report_to_json(again) == report_to_json(report)
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*.safetensors")} == whole
    with pytest.raises(StoreVersionError, match=r"distribution holds models|holds models of another audit.*n_shadows"):
        run_audit(content(out, {"n_shadows": 9}))
    fewer = run_audit(content(out, {"attacks": ["kl"]}))  # attacks are no part of what is stored
    assert [finding.id for finding in fewer.findings("distribution")] == ["kl-1", "kl-control"]


@pytest.mark.slow
def test_models_that_give_labels_alone_leave_no_scores_behind(tmp_path):
    report = run_audit(content(tmp_path / "out", {"control": False}, access="label"))
    assert {f.method for f in report.findings("distribution")} == {"loss_test", "threshold_test", "kl_label"}
    scored = {path.stem for path in (tmp_path / "out" / "signals" / "class_log_probability").iterdir()}
    design = load_arrays(tmp_path / "out" / "worlds.safetensors")
    assert scored == {f"{row:05d}" for row in np.flatnonzero(design["is_target"] == 0)}
    assert any("No control was run" in note for section in report.sections for note in section.notes)
    with pytest.raises(ConfigError, match="attack kl needs scores"):
        run_audit(content(tmp_path / "other", {"attacks": ["kl"]}, access="label"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defense", "sizes"),
    [
        ({"name": "resampling", "kind": "under"}, [80]),
        ({"name": "resampling", "kind": "over"}, [720]),
        ({"name": "label_noise", "share": 0.2}, [400]),
        ({"name": "output_noise", "scale": 1.0}, [400]),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_defenses_with_an_adversary_who_knows_them(tmp_path, defense, sizes):
    report = run_audit(content(tmp_path / "out", {"defense": defense, "attacks": ["kl", "gauss"]}))
    assert report.provenance["worlds"]["sizes"] == [sizes] * 3
    notes = [note for section in report.sections for note in section.notes]
    assert any(note.startswith(f"Defense: {defense['name']}; the adversary knows it") for note in notes)
    assert f"Defense: {defense['name']}" in render_markdown(report).replace("&#95;", "_")
    assert "estimators" not in report.provenance["config"]  # of the membership audit, none of which was run
    accuracies = [metric(told(report)[f"{name}-1"], "accuracy").value for name in ("kl", "gauss")]
    if defense["name"] == "resampling":  # what is left is chance, and the repeats of over-sampling
        assert min(accuracies) < 0.85
    assert not any(note.startswith("Warning: the size") for note in notes)


@pytest.mark.slow
def test_a_size_that_tells_the_ratio_is_named(tmp_path):
    defense = {"name": "resampling", "kind": "under", "size": "varying"}
    report = run_audit(content(tmp_path / "out", {"defense": defense, "attacks": ["kl_calibrated"]}))
    warned = [note for section in report.sections for note in section.notes if note.startswith("Warning: ")]
    assert len(warned) == 1  # the class shares follow from rounding
    assert "size of the training set alone tells the worlds apart (right on 100%" in warned[0]
    assert all(
        "size of the training set alone" in " ".join(show(report).split()) for show in (render_markdown, render_text)
    )
    finding = told(report)["size-1"]
    assert finding.access is None and metric(finding, "accuracy").value == 1.0


@pytest.mark.slow
def test_a_size_is_named_also_where_the_adversary_trains_on_another_one(tmp_path):
    defense = {"name": "resampling", "kind": "under", "size": "varying"}
    adversary = {"n_records": 700, "knows_defense": False}
    report = run_audit(content(tmp_path / "out", {"defense": defense, "adversary": adversary, "attacks": ["kl"]}))
    warned = [note for section in report.sections for note in section.notes if note.startswith("Warning: the size")]
    assert warned and metric(told(report)["size-1"], "accuracy").value == 1.0


def test_a_defense_of_the_audited_models_does_not_depend_on_the_adversary():
    from privaudit.config import AuditConfig, parse
    from privaudit.pipeline.distribution.plan import make_distribution_plan

    sizes = []
    for adversary in ({}, {"n_records": 200}, {"n_records": 700}, {"n_records": 200, "knows_defense": False}):
        settings = {"defense": "resampling", "ratios": [0.5, 0.2], "adversary": adversary}
        plan = make_distribution_plan(parse(AuditConfig, content("out", settings), where="test"))
        own = plan.design.sizes()
        sizes.append(tuple(sorted({*own[plan.design.rows(role)].tolist()}) for role in ("target", "shadow")))
    assert sizes == [([160], [160]), ([160], [80]), ([160], [280]), ([160], [200])]


@pytest.mark.slow
def test_no_guarantee_is_stated_for_training_sets_that_are_drawn_anew(tmp_path):
    settings = {"defense": {"name": "resampling", "kind": "over"}, "attacks": ["kl"], "n_victims": 4, "n_shadows": 4}
    config = content(tmp_path / "out", settings)
    config["recipe"]["dp"] = PRIVATE
    report = run_audit(config)
    assert report.claim is None
    assert all(finding.method != "pld" for finding in report.findings("games"))
    assert all(
        each.upper is None for finding in report.findings("games") for each in finding.metrics
    )  # nothing from above
    notes = " ".join(note for section in report.sections for note in section.notes)
    assert "No guarantee is stated for re-sampled training sets" in notes
    config = content(tmp_path / "other", {"attacks": ["kl"], "n_victims": 4, "n_shadows": 4})
    config["recipe"]["dp"] = PRIVATE
    assert run_audit(config).claim is not None


@pytest.mark.slow
def test_too_few_victims_are_no_proof_of_guessing(tmp_path):
    report = run_audit(content(tmp_path / "out", {"attacks": ["kl"], "n_victims": 3, "n_shadows": 4}))
    assert "too few models to tell" in render_text(report) and "as guessing" not in render_text(report)


@pytest.mark.slow
def test_scores_that_depend_on_all_victims_have_no_interval(tmp_path):
    attacks = [{"name": "kl", "decision": "transductive"}, "gauss"]
    report = run_audit(content(tmp_path / "out", {"attacks": attacks}))
    found = told(report)
    assert metric(found["kl-1"], "accuracy").lower is None and metric(found["gauss-1"], "accuracy").lower is not None
    assert "the attack (Gaussian queries) says rightly" in " ".join(render_text(report).split())


@pytest.mark.slow
def test_an_adversary_who_knows_less(tmp_path):
    adversary = {
        "model": {"build": "mlp", "params": {"hidden": [8]}},
        "recipe": {"epochs": 3, "batch_size": 32, "optimizer": {"lr": 0.1}},
        "drop": ["relationship"],
        "overlap": 0.5,
        "n_records": 300,
    }
    report = run_audit(content(tmp_path / "out", {"adversary": adversary, "attacks": ["kl", "kl_label"]}))
    notes = " ".join(note for section in report.sections for note in section.notes)
    for words in (
        "another architecture (mlp)",
        "another recipe",
        "do not see relationship",
        "50% of",
        "on 300 records",
    ):
        assert words in notes
    shapes = {
        row: load_arrays(tmp_path / "out" / "models" / f"{row:05d}.safetensors")["1.weight"].shape for row in (0, 8)
    }
    assert shapes[0][0] == 8 and shapes[8][0] == 2 and shapes[0][1] < shapes[8][1]  # shadow model, victim


FUNCTIONS = """
import numpy as np

def is_old(dataset):
    return dataset.features[:, 0] > 0

def draw(dataset, world, pool, n, rng):
    old = pool[dataset.features[pool, 0] > 0]
    return rng.choice(old if world else pool, n, replace=False)

def too_many(dataset, world, pool, n, rng):
    return pool[: n + 1]

def wrong(dataset):
    return np.zeros(3)

def ragged(dataset):
    return [[1], [1, 2]]

def by_chance(dataset):
    return np.random.default_rng().random(dataset.n_records) < 0.5
"""


@pytest.mark.slow
def test_properties_and_worlds_by_a_function_of_your_own(tmp_path):
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    report = run_audit(
        content(tmp_path / "a", {"property": {"function": "mine.py:is_old"}, "attacks": ["gauss"]}), base=tmp_path
    )
    assert told(report)["gauss-1"].params["property"] == "is_old"
    worlds = {"draw": "mine.py:draw", "names": ["everybody", "the old"]}
    settings = {"property": None, "ratios": [], "worlds": worlds, "attacks": ["gauss"]}
    report = run_audit(content(tmp_path / "b", settings), base=tmp_path)
    finding = told(report)["gauss-1"]
    assert finding.params["world_1"] == "the old" and "ratio_0" not in finding.params
    assert not any(each.name.startswith("n_leaked") for each in finding.metrics)
    assert metric(finding, "accuracy").value > 0.7
    assert "the old or everybody" in " ".join(render_text(report).split())
    for function, words in (("too_many", "mine.py:too_many"), ("absent", "absent")):
        changed = {**settings, "worlds": {**worlds, "draw": f"mine.py:{function}"}}
        with pytest.raises(ConfigError, match=words):
            run_audit(content(tmp_path / "c", changed), base=tmp_path)
    for function, words in (("wrong", "one true or false"), ("ragged", "one true or false"), ("by_chance", "again")):
        with pytest.raises(ConfigError, match=words):
            run_audit(content(tmp_path / "d", {"property": {"function": f"mine.py:{function}"}}), base=tmp_path)
    with pytest.raises(ConfigError, match="kl_regression estimates the ratio of a property"):
        run_audit(content(tmp_path / "e", {**settings, "attacks": ["kl_regression"]}), base=tmp_path)


@pytest.mark.slow
def test_estimates_of_the_ratio_itself(tmp_path):
    report = run_audit(content(tmp_path / "out", {"ratios": [0.5, 0.1, 0.9], "attacks": ["kl_regression"]}))
    finding = told(report)["kl_regression-ratios"]
    by_ratio = {each.at: each.value for each in finding.metrics if each.name == "mean_estimate"}
    assert by_ratio[0.1] < by_ratio[0.5] < by_ratio[0.9]
    over_all = next(each for each in finding.metrics if each.name == "mean_squared_error" and each.at is None)
    assert over_all.value < np.var([0.1, 0.5, 0.9])  # better than always saying the middle
    assert metric(finding, "n_leaked_bayes").value > 0
    text = " ".join(render_text(report).split())
    assert "mean estimate" in text and "estimates the share of records with sex = Female" in text
    assert "No attack was run" not in text and not any(
        "No control" in note for s in report.sections for note in s.notes
    )


@pytest.mark.slow
def test_a_design_that_was_changed_on_disk_is_refused(audited, tmp_path):
    import shutil

    out, _ = audited
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    path = copy / "worlds.safetensors"
    arrays = load_arrays(path)
    changed = {**arrays, "members": arrays["members"].copy()}
    changed["members"][100] += 1
    save_arrays(path, changed)
    with pytest.raises(CorruptStoreError, match=r"not what manifest\.json was written with"):
        analyse(copy)
    shutil.copy(out / "worlds.safetensors", path)
    (copy / "models" / "00010.safetensors").unlink()  # a victim's
    with pytest.raises(StoreError, match="Run the same command again"):
        analyse(copy)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A claim, three attacks on membership and one distribution audit in one report."""
    out = tmp_path_factory.mktemp("both") / "out"
    config = content(
        out,
        {"attacks": ["kl", "gauss"], "n_queries": 200},
        kind="membership",
        data={"source": "adult", "n_records": 12000},
        design={"n_models": 8},
        control={"n_models": 4},
    )
    config["recipe"]["dp"] = PRIVATE
    return out, config, run_audit(config)


@pytest.mark.slow
def test_one_report_relates_a_claim_membership_and_the_distribution(both):
    _, _, report = both
    games = {finding.id: finding for finding in report.findings("games")}
    text = render_markdown(report)
    assert "How the risks relate" in text and "Distribution inference" in text and "guarantee epsilon" in text
    worlds = [finding for finding in games.values() if finding.game == "distribution_inference"]
    members = [finding for finding in games.values() if finding.game == "membership" and finding.n_in]
    assert worlds and members
    assert any("R12" in finding.params["relations"] for finding in worlds)
    assert any("R2" in finding.params["relations"] for finding in members)
    assert {f.method for f in report.findings("mia")} >= {"loss", "lira", "rmia"}
    assert not any(note.startswith("Contradiction: ") for section in report.sections for note in section.notes)
    assert report.claim_verdict() is not None


@pytest.mark.slow
def test_a_planted_contradiction_is_found_and_its_path_printed(both):
    from dataclasses import replace

    from privaudit.pipeline.with_games import with_games

    _, _, report = both
    bare = replace(report, sections=tuple(s for s in report.sections if s.title != "How the risks relate"))
    planted = with_games(replace(bare, claim=replace(report.claim, epsilon=1e-4, mechanism=None)), confidence=0.95)
    found = [note for section in planted.sections for note in section.notes if note.startswith("Contradiction: ")]
    assert found and "R12" in " ".join(found)
    for text in (render_html(planted), render_markdown(planted), render_text(planted)):
        assert "Contradiction" in text


@pytest.mark.slow
def test_a_refused_run_changes_nothing_that_a_later_report_says(both):
    out, config, report = both
    before = [path.read_bytes() for path in sorted(out.rglob("manifest.json"))]
    settings = {**config["distribution"], "property": {"group": "sex", "value": "Male"}, "ratios": [0.5, 0.9]}
    with pytest.raises(StoreVersionError, match="distribution holds models of another audit"):
        run_audit({**config, "distribution": settings})
    assert len(before) == 2 and [path.read_bytes() for path in sorted(out.rglob("manifest.json"))] == before
    again = analyse(out)
    assert again.findings("distribution")[0].params["property"] == "sex = Female"
    assert [f.params for f in again.findings("distribution")] == [f.params for f in report.findings("distribution")]


@pytest.mark.slow
def test_attacks_can_be_chosen_again_beside_a_membership_audit_too(both, command):
    out, config, _ = both
    settings = {**config["distribution"], "attacks": ["kl_label"]}
    (command.folder / "other.yaml").write_text(yaml.safe_dump({**config, "distribution": settings}))
    done = command.inside("attack", str(out), "--config", "other.yaml", "--format", "json")
    methods = {
        f["method"] for s in json.loads(done.stdout)["sections"] if s["kind"] == "distribution" for f in s["findings"]
    }
    assert methods == {"kl_label"}


@pytest.mark.slow
def test_both_audits_of_a_report_keep_one_claim(both, tmp_path):
    _, config, _ = both
    batches = {"epochs": 5, "batch_size": 20, "optimizer": {"lr": 0.1}, "dp": PRIVATE}
    with pytest.raises(ConfigError, match="must keep one claim"):
        run_audit({**config, "recipe": batches, "out": str(tmp_path / "out")})
    assert not (tmp_path / "out" / "models").exists() or not any((tmp_path / "out" / "models").iterdir())


@pytest.mark.slow
def test_a_gate_finds_nothing_to_judge_in_a_distribution_audit(audited):
    _, report = audited
    policy = parse(
        GatePolicy, {"schema_version": 1, "rules": [{"id": "auc", "metric": "auc", "max": 0.6}]}, where="test"
    )
    found = judge(report, policy)
    assert found.outcome == "inconclusive" and "holds no auc of attacks on members" in found.verdicts[0].reason


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "outcome"), [(0.6, "fail"), (1.0, "pass"), (0.98, "inconclusive")])
def test_a_gate_limits_what_is_told_of_the_population(audited, limit, outcome):
    _, report = audited
    rule = {"id": "population", "metric": "distribution_accuracy", "max": limit}
    policy = parse(GatePolicy, {"schema_version": 1, "confidence": 0.95, "rules": [rule]}, where="test")
    verdict = judge(report, policy).verdicts[0]
    assert verdict.outcome == outcome
    shown = [metric(f, "accuracy") for f in told(report).values() if f.params.get("world") == 1]
    assert verdict.numbers["lower"] == pytest.approx(
        max(one.lower for one in shown)
    )  # the report's own, at its confidence
    assert verdict.numbers["upper"] == pytest.approx(max(one.upper for one in shown))
    assert verdict.numbers["n_looked_at"] == 8 and "independent trainings" in verdict.reason


def gate_report(*findings):
    from privaudit.types import AuditReport, Section, Subject

    section = Section(kind="distribution", title="worlds", findings=findings)
    return AuditReport(subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=(section,))


def told_finding(right, *, n=60, name="kl", **params):
    from privaudit.types import Finding, Metric

    counts = {"tp": right, "fn": n - right, "fp": n - right, "tn": right} | params
    return Finding(
        id=f"{name}-1",
        method=name,
        params={key: value for key, value in counts.items() if value is not None},
        game="distribution_inference",
        access="score",
        unit="model",
        n_in=n,
        n_out=n,
        metrics=(
            Metric(name="accuracy", value=right / n),
            Metric(name="control_accuracy", value=right / n, lower=0.3, upper=0.7, confidence=0.999),
        ),
    )


@pytest.mark.parametrize(
    ("findings", "outcome", "words"),
    [
        ((told_finding(31),), "pass", "independent trainings"),
        ((told_finding(0),), "fail", "independent trainings"),  # always wrong: the opposite is always right
        (
            (told_finding(31), told_finding(58, name="control", is_control=True)),
            "inconclusive",
            "equal worlds are told apart",
        ),
        ((told_finding(31), told_finding(33, name="control", is_control=True)), "pass", "independent trainings"),
        (
            (told_finding(31), told_finding(60, name="together", tp=None)),
            "inconclusive",
            "together-1 scores each model",
        ),
        ((), "inconclusive", "holds no attack that tells two worlds apart"),
    ],
)
def test_a_gate_lets_nothing_pass_that_the_report_doubts(findings, outcome, words):
    rule = {"id": "population", "metric": "distribution_accuracy", "max": 0.7}
    policy = parse(GatePolicy, {"schema_version": 1, "confidence": 0.95, "rules": [rule]}, where="test")
    verdict = judge(gate_report(*findings), policy).verdicts[0]
    assert verdict.outcome == outcome and words in verdict.reason


def test_a_gate_on_the_population_needs_a_distribution_audit():
    from privaudit.types import AuditReport, Subject

    empty = AuditReport(subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=())
    rule = {"id": "population", "metric": "distribution_accuracy", "max": 0.6}
    policy = parse(GatePolicy, {"schema_version": 1, "rules": [rule]}, where="test")
    assert judge(empty, policy).outcome == "inconclusive"
    for wrong in ({"max": 2.0}, {"at": 0.1, "max": 0.6}, {"group": "sex=Female", "max": 0.6}):
        with pytest.raises(ConfigError):
            parse(GatePolicy, {"schema_version": 1, "rules": [{**rule, **wrong}]}, where="test")


MISTAKES = {
    "no block": (lambda c: c.pop("distribution"), "needs the block distribution"),
    "typo": (lambda c: c["distribution"].update(ratio=[0.5]), "distribution.ratio: unknown key. Did you mean ratios"),
    "one ratio": (lambda c: c["distribution"].update(ratios=[0.5]), "at least one other"),
    "no list": (lambda c: c["distribution"].update(ratios=0.3), "distribution.ratios: input should be a list"),
    "no such balance": (lambda c: c["distribution"].update(class_balance="even"), "'fixed' or 'free'"),
    "a key of the top": (lambda c: c["distribution"].update(access="label"), "access stands at the top level"),
    "same ratios": (lambda c: c["distribution"].update(ratios=[0.5, 0.5]), "ratios must differ"),
    "ratio above 1": (lambda c: c["distribution"].update(ratios=[0.5, 20]), "less than or equal to 1"),
    "no such group": (lambda c: c["distribution"].update(property={"group": "age", "value": "x"}), "no group 'age'"),
    "no such column": (lambda c: c.update(data={"source": "adult", "drop": ["agee"]}), "Did you mean age"),
    "no such label": (lambda c: c.update(data={"source": "adult", "label": "wage"}), "adult has the label 'income'"),
    "no such value": (
        lambda c: c["distribution"].update(property={"group": "sex", "value": "female"}),
        "no value 'female'; it has Female, Male",
    ),
    "too many records": (lambda c: c["distribution"].update(n_records=9000), "largest distribution.n_records"),
    "too many queries": (lambda c: c["distribution"].update(n_queries=9000), "largest distribution.n_queries"),
    "no such attack": (lambda c: c["distribution"].update(attacks=["kll"]), "Did you mean kl"),
    "no such parameter": (
        lambda c: c["distribution"].update(attacks=[{"name": "kl", "clipp": 1}]),
        "Did you mean clip",
    ),
    "no such defense": (lambda c: c["distribution"].update(defense="resample"), "Did you mean resampling"),
    "defense without its size": (
        lambda c: c["distribution"].update(defense={"name": "resampling", "ratio": 2}),
        "ratio must lie",
    ),
    "no share": (lambda c: c["distribution"].update(defense="label_noise"), "defense label_noise needs share"),
    "a world without women": (
        lambda c: c["distribution"].update(ratios=[0.5, 0.0], defense="resampling"),
        "defense resampling: re-sampling needs records with and without",
    ),
    "confidence": (lambda c: c.update(confidence=0.3), "confidence must be at least 0.5"),
    "keys of the other kind": (lambda c: c.update(design={"n_models": 8}), "design is for kind: membership"),
    "attacks above": (lambda c: c.update(attacks=["lira"]), "attacks is for kind: membership"),
    "too few shadows": (
        lambda c: c["distribution"].update(n_shadows=2, attacks=["meta_classifier"]),
        "needs 4 shadow models per world",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_that_says_what_to_do(command, case):
    change, words = MISTAKES[case]
    config = content("out")
    change(config)
    (command.folder / "audit.yaml").write_text(yaml.safe_dump(config))
    done = command.inside("distribution", "audit.yaml", code=2)
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (command.folder / "out").exists()


@pytest.mark.slow
def test_the_command(command):
    (command.folder / "audit.yaml").write_text(yaml.safe_dump(content("out", {"attacks": ["kl"], "n_victims": 4})))
    done = command("distribution", "audit.yaml", "--format", "json")
    report = json.loads(done.stdout)
    assert [section["kind"] for section in report["sections"]] == ["distribution", "distribution", "games"]
    assert "training: 24 of 24 models" in done.stderr
    assert (command.folder / "out" / "report.html").exists()
    wrong = command.inside("distribution", command.config(), code=2)
    assert "kind is membership (membership where none is given)" in wrong.stderr
    missing = command.inside("distribution", "absent.yaml", code=2)
    assert "no such file" in missing.stderr


def test_a_data_set_that_was_handed_over_cannot_lose_columns(tmp_path):
    from privaudit.data.adult import load_adult

    with pytest.raises(UnsupportedError, match="data set that was handed over"):
        run_audit(content(tmp_path / "out", {"adversary": {"drop": ["race"]}}), dataset=load_adult())
