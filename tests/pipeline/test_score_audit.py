"""From saved scores to a report: which numbers may be made, and that they are the right ones."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.data.score_files import ScoreFile
from privaudit.errors import ClaimError, ConfigError, DataError, DegenerateScoresError
from privaudit.estimators import OneRun, auc
from privaudit.estimators.score_audit import audit_scores
from privaudit.estimators.thresholds import Split
from privaudit.gate.metrics import measure
from privaudit.gate.policy import GateRule
from privaudit.numerics import log_probability
from privaudit.pipeline.score_attacks import check_fair, go_together, lira_result, shadows_of, threshold_result
from privaudit.pipeline.score_audit import _shuffled, audit_score_file
from privaudit.pipeline.score_options import ScoreAuditOptions
from privaudit.report import load_report, report_to_json, write_reports
from privaudit.report.terminal import render_text
from privaudit.types import Neighbouring

DIFFER = "members and non-members differ without the model"
ADD_REMOVE = Neighbouring.ADD_REMOVE


def scores_of(values, member, *, layout=None, quantity="score", features=None, name="mine"):
    values, member = np.atleast_2d(values), np.atleast_2d(member)
    return ScoreFile(
        name=name,
        digest="ab" * 32,
        layout=layout or ("models" if len(values) > 1 else "records"),
        quantity=quantity,
        values=values,
        member=member,
        model_names=tuple(map(str, range(len(values)))),
        features=features,
    )


def one_model(n=2000, shift=1.0, seed=0, **more):
    rng = np.random.default_rng(seed)
    member = rng.integers(0, 2, n)
    return scores_of(rng.normal(size=n) + shift * member, member, **more)


def many_models(n_models=8, n=600, shift=1.0, seed=0, paired=True, quantity="score", **more):
    rng = np.random.default_rng(seed)
    coins = rng.integers(0, 2, (n_models, n))
    if paired:
        coins[1::2] = 1 - coins[::2]
    margin = rng.normal(1.0, 2.0, n) + shift * coins + rng.normal(size=coins.shape)
    return scores_of(margin if quantity == "score" else -log_probability(margin), coins, quantity=quantity, **more)


def audited(file, **options):
    return audit_score_file(file, ScoreAuditOptions(**options))


def by_method(report):
    return {finding.method: finding for finding in report.findings("mia")}


def estimates(report):
    return [estimate for finding in report.findings("mia") for estimate in finding.estimates]


def notes(report):
    return [note for section in report.sections for note in section.notes]


def without_seed(report):
    return dataclasses.replace(report, provenance={**report.provenance, "seed": None})


# Records of one model


@pytest.mark.parametrize("file", [one_model(), many_models(), many_models(paired=False, n_models=20)])
def test_records_give_no_bound_unless_their_coins_are_said_to_be_fair(file):
    report = audited(file)
    assert not estimates(report) and report.claim is None and not report.verdicts
    assert any(note.startswith("No bound on epsilon") for note in notes(report))
    assert "primary" not in report.provenance
    for finding in by_method(report).values():
        assert [m.at for m in finding.metrics] == [None, 0.001, 0.01, 0.1] and finding.roc is not None


def test_the_numbers_are_those_of_the_scores():
    file = one_model()
    finding = by_method(audited(file))["score"]
    assert finding.metrics[0].value == pytest.approx(auc(file.values[0], file.member[0]), abs=1e-12)
    assert finding.metrics[0].lower < finding.metrics[0].value < finding.metrics[0].upper
    negated = scores_of(-file.values, file.member, quantity="loss")
    assert by_method(audited(negated))["loss"].metrics == finding.metrics


def test_fair_coins_make_the_bound_of_one_run():
    file = one_model(shift=2.0)
    report = audited(file, fair_coins=True, delta=1e-6, confidence=0.9)
    (found,) = estimates(report)
    direct = OneRun().estimate(threshold_result(file, 0), delta=1e-6, confidence=0.9)
    assert (found.lower, found.ceiling, found.delta, found.confidence) == (direct.lower, direct.ceiling, 1e-6, 0.9)
    assert found.lower > 1.0 and found.neighbouring is ADD_REMOVE
    assert any("user's statement" in assumption for assumption in found.assumptions)
    assert report.primary_estimates() == ((report.findings("mia")[0], found),)
    assert report.provenance["stated"]


def test_the_order_of_the_file_does_not_enter_the_bound():
    """A file that lists non-members first makes tied scores tell members apart by their rows."""
    member = np.repeat([0, 1], 500)
    file = scores_of(np.zeros(1000), member)
    assert OneRun().estimate(threshold_result(file, 0), delta=0.0, confidence=0.95).lower > 2.0  # the trap
    assert all(estimates(audited(file, fair_coins=True, seed=seed))[0].lower < 0.5 for seed in range(5))


@pytest.mark.statistical
def test_tied_scores_in_a_sorted_file_exceed_zero_no_more_often_than_they_may():
    """2,000 audits of a model that says nothing, rows sorted by membership: a valid bound fails with at most 1e-6."""
    runs, above = 2000, 0
    rng = np.random.default_rng(0)
    for seed in range(runs):
        member = np.sort(rng.integers(0, 2, 200))
        file = _shuffled(scores_of(np.round(rng.normal(size=200)), member), seed)
        above += OneRun(share=0.5).estimate(threshold_result(file, 0), delta=0.0, confidence=0.95).lower > 0
    assert 0 < above <= binom.ppf(1 - 1e-6, runs, 0.05)


def test_numbers_of_members_that_no_fair_coins_give_are_refused():
    label = (np.arange(1000) < 700).astype(np.uint8)
    with pytest.raises(DataError, match="700 of 1000"):
        audited(scores_of(np.arange(1000.0), label), fair_coins=True)
    check_fair((np.arange(1000) < 550).astype(np.uint8))
    assert audited(scores_of(np.arange(1000.0), label)).sections  # without the statement there is nothing to refuse


def test_exactly_half_is_pointed_at():
    half = scores_of(np.arange(1000.0), np.arange(1000) % 2)
    assert any("Exactly half" in note for note in notes(audited(half, fair_coins=True)))
    assert not any("Exactly half" in note for note in notes(audited(one_model(), fair_coins=True)))


# Claims


@pytest.mark.parametrize(("claim", "outcome"), [(0.1, "violated"), (2.5, "too_weak"), (50.0, "too_weak")])
def test_a_claim_is_judged_without_a_control(claim, outcome):
    report = audited(one_model(), fair_coins=True, claim=claim, neighbouring=ADD_REMOVE)
    verdict = report.claim_verdict()
    assert verdict.outcome == outcome
    assert verdict.numbers["lower"] == estimates(report)[0].lower and verdict.numbers["control_lower"] is None
    assert (report.claim.epsilon, report.claim.delta, report.claim.neighbouring) == (claim, 1e-5, ADD_REMOVE)
    assert ("no control" in verdict.reason) == (outcome == "too_weak")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"claim": 1.0}, ConfigError, "not drawn by coins"),
        ({"claim": 1.0, "neighbouring": ADD_REMOVE}, ConfigError, "not drawn by coins"),
        ({"claim": 1.0, "fair_coins": True}, ConfigError, "--neighbouring"),
        ({"claim": 1.0, "fair_coins": True, "neighbouring": Neighbouring.ZERO_OUT}, ClaimError, "add_remove"),
        ({"claim": 1.0, "fair_coins": True, "neighbouring": Neighbouring.REPLACE_ONE}, ClaimError, "add_remove"),
        ({"claim": -1.0, "fair_coins": True, "neighbouring": ADD_REMOVE}, ClaimError, "at least 0"),
        ({"target": "7"}, ConfigError, "--target must be one of 0"),
        ({"delta": 1.0}, ConfigError, "delta"),
        ({"confidence": 1.0}, ConfigError, "confidence"),
        ({"seed": -1}, ConfigError, "seed"),
    ],
)
def test_options_that_fit_no_file(options, error, words):
    with pytest.raises(error, match=words):
        audited(one_model(), **options)


def test_one_world_only_is_refused():
    with pytest.raises(DegenerateScoresError, match="both members and non-members"):
        audited(scores_of(np.arange(9.0), np.ones(9)))


# Many models


@pytest.mark.parametrize("quantity", ["score", "loss"])
def test_lira_reads_logit_margins_off_losses(quantity):
    report = audited(many_models(quantity=quantity, n=5000))
    expected = audited(many_models(n=5000))
    ours, theirs = by_method(report)["lira"].metrics[0], by_method(expected)["lira"].metrics[0]
    assert ours.value == pytest.approx(theirs.value, abs=1e-6) and ours.value > 0.65
    assert set(by_method(report)) == {quantity, "lira"}
    assert by_method(report)["lira"].params == {"target": 0, "variance": "pooled", "exclude": "pair"}


def test_a_variance_per_record_needs_64_models():
    for n_models, variance in ((62, "pooled"), (64, "per_record")):
        assert by_method(audited(many_models(n_models, n=100)))["lira"].params["variance"] == variance


def test_the_pair_is_left_out_wherever_it_stands():
    file = many_models()
    order = np.array([3, 0, 5, 7, 2, 6, 1, 4])
    moved = scores_of(file.values[order], file.member[order])
    for target in range(8):
        there = int(np.flatnonzero(order == target)[0])
        assert shadows_of(moved.member, there).pair == np.flatnonzero(order == (target ^ 1))[0]
        a, b = lira_result(file, target), lira_result(moved, there)
        np.testing.assert_allclose(a.scores, b.scores, rtol=1e-9)
        assert not a.depends_on_coins


def test_the_target_is_named():
    file = many_models()
    report = audited(file, target="5")
    np.testing.assert_allclose(by_method(report)["score"].metrics[0].value, auc(file.values[5], file.member[5]))
    assert report.provenance["scores"]["target"]["name"] == "5"
    assert report.provenance["scores"]["target"]["left_out"] == ["4"]


def test_models_that_know_the_targets_membership_take_no_part():
    file = many_models()
    again = np.vstack(
        [file.values, file.values[0] + 3.0, file.values[1] - 2.0]
    )  # the target's set and its complement's
    copies = scores_of(again, np.vstack([file.member, file.member[0], file.member[1]]))
    plain, more = lira_result(file, 0), lira_result(copies, 0)
    np.testing.assert_allclose(more.scores, plain.scores, rtol=1e-9)
    assert shadows_of(copies.member, 0).same == (8, 9) and any("2 models" in note for note in more.notes)


def test_counts_that_betray_the_coins_make_no_bound():
    """Every record in exactly half of the models, and no complement: LiRA is shown, no bound is made of it."""
    rng = np.random.default_rng(0)
    coins = (rng.random((8, 600)).argsort(axis=0) < 4).astype(np.uint8)
    report = audited(scores_of(rng.normal(size=coins.shape), coins), fair_coins=True)
    found = by_method(report)
    assert len(found["score"].estimates) == 1 and not found["lira"].estimates
    assert any("no bound" in note for note in found["lira"].notes)
    assert report.provenance["primary"]["attack"] == "score"


def test_independent_coins_without_a_pair_bound_the_target_alone():
    report = audited(many_models(20, paired=False), fair_coins=True)
    assert not by_method(report)["lira"].estimates and by_method(report)["score"].estimates


def test_a_shadow_of_nearly_the_targets_records_makes_no_bound():
    file = many_models()
    member = file.member.copy()
    member[4] = member[0]
    member[4, :60] = 1 - member[4, :60]  # 90 % alike
    result = lira_result(scores_of(file.values, member), 0)
    assert result.depends_on_coins and any("beyond chance" in note for note in result.notes)


def test_independent_coins_do_not_go_together():
    """2,000 designs, each flagged with probability at most 2e-6."""
    rng = np.random.default_rng(0)
    designs = rng.integers(0, 2, (2000, 9, 50), dtype=np.uint8)
    assert not any(go_together(rows[0], rows[1:]) for rows in designs)


def test_counts_alone_can_go_together():
    """No single shadow stands out, all of them together do."""
    rng = np.random.default_rng(0)
    own = rng.integers(0, 2, 400)
    others = (rng.random((200, 400)) < np.where(own, 0.55, 0.45)).astype(np.uint8)
    assert go_together(own, others)
    assert not any(go_together(own, others[i : i + 1]) for i in range(200))


@pytest.mark.statistical
def test_lira_of_noise_exceeds_zero_no_more_often_than_it_may():
    """500 audits of paired coins: a valid bound fails with probability at most 1e-6."""
    runs, above = 500, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        coins = rng.integers(0, 2, (6, 150))
        coins[1::2] = 1 - coins[::2]
        file = _shuffled(scores_of(rng.standard_t(3, coins.shape), coins), seed)
        above += OneRun(share=0.5).estimate(lira_result(file, 0), delta=0.0, confidence=0.95).lower > 0
    assert 0 < above <= binom.ppf(1 - 1e-6, runs, 0.05)


def test_fair_coins_of_many_models_make_lira_primary():
    report = audited(many_models(n=3000, shift=2.0), fair_coins=True, claim=0.05, neighbouring=ADD_REMOVE)
    assert report.provenance["primary"] == {"attack": "lira", "estimator": "one_run"}
    (finding, estimate), *more = report.primary_estimates()
    assert finding.method == "lira" and not more
    file = many_models(n=3000, shift=2.0)
    assert estimate.lower == pytest.approx(
        OneRun().estimate(lira_result(file, 0), delta=1e-5, confidence=0.95).lower, abs=1e-9
    )
    assert report.claim_verdict().numbers["lower"] == estimate.lower and report.claim_verdict().outcome == "violated"


def test_too_few_shadows_leave_lira_out_and_say_so():
    report = audited(many_models(4, paired=False, n=400))
    assert set(by_method(report)) == {"score"} and any("LiRA was left out" in note for note in notes(report))
    assert set(by_method(audited(many_models(2)))) == {"score"}


def test_losses_of_zero_get_a_margin_and_a_note():
    file = many_models(quantity="loss")
    values = np.where(file.values < np.quantile(file.values, 0.1), 0.0, file.values)
    found = by_method(audited(scores_of(values, file.member, quantity="loss")))
    assert any("losses of 0" in note for note in found["lira"].notes)
    assert found["lira"].metrics[0].value > 0.6
    with pytest.raises(DegenerateScoresError, match="float64"):
        audited(scores_of(np.zeros_like(values), file.member, quantity="loss"))
    with pytest.raises(DataError, match="cross-entropy"):
        audited(scores_of(file.values - 1.0, file.member, quantity="loss"))


# Independent trainings


def trainings(n=400, shift=2.0, seed=0):
    rng = np.random.default_rng(seed)
    world = rng.integers(0, 2, n)
    return scores_of((rng.normal(size=n) + shift * world)[:, None], world[:, None], layout="trainings")


def test_trainings_are_bounded_by_their_error_rates():
    file = trainings()
    report = audited(file, neighbouring=Neighbouring.REPLACE_ONE, seed=3)
    world = file.member[:, 0].astype(bool)
    direct = audit_scores(
        file.values[world, 0],
        file.values[~world, 0],
        method="clopper_pearson",
        threshold=Split(share=0.5, seed=3),
        delta=1e-5,
        confidence=0.95,
        neighbouring=Neighbouring.REPLACE_ONE,
    )
    (found,) = estimates(report)
    assert (found.lower, found.ceiling, found.neighbouring) == (direct.lower, direct.ceiling, direct.neighbouring)
    assert found.lower > 0.5 and found.validity == "valid"
    (finding,) = report.findings("mia")
    assert finding.unit == "model" and finding.id == "score-trainings"
    assert not any("one model" in metric.rule for metric in finding.metrics)
    assert report.provenance["primary"] == {"attack": "score", "estimator": "clopper_pearson"}


def test_trainings_are_judged_by_the_relation_that_is_stated():
    report = audited(trainings(), claim=0.5, neighbouring=Neighbouring.ZERO_OUT)
    assert report.claim_verdict().outcome == "violated"
    weak = audited(trainings(), claim=20.0, neighbouring=ADD_REMOVE).claim_verdict()
    assert weak.outcome == "too_weak" and "more independent trainings" in weak.reason
    assert "records with coins" not in weak.reason
    assert estimates(audited(trainings()))[0].neighbouring is None
    with pytest.raises(ConfigError, match="--neighbouring"):
        audited(trainings(), claim=1.0)


@pytest.mark.parametrize(("options", "words"), [({"fair_coins": True}, "trainings"), ({"target": "0"}, "trainings")])
def test_options_of_records_mean_nothing_for_trainings(options, words):
    with pytest.raises(ConfigError, match=words):
        audited(trainings(), **options)


# The blind baseline, the report


def with_features(shift, n=1000):
    rng = np.random.default_rng(0)
    member = rng.integers(0, 2, n)
    return scores_of(rng.normal(size=n) + member, member, features=rng.normal(size=(n, 3)) + shift * member[:, None])


def test_a_difference_without_the_model_is_said_everywhere():
    report = audited(with_features(1.0))
    found = by_method(report)
    assert found["blind"].notes == (DIFFER,)
    assert any(note.startswith(DIFFER) and "blind" in note for note in found["score"].notes)
    assert DIFFER in render_text(report) and "blind baseline" in render_text(report)


def test_equal_features_are_reported_without_a_warning():
    report = audited(with_features(0.0), fair_coins=True)
    assert not by_method(report)["blind"].notes and DIFFER not in render_text(report)
    metric = by_method(report)["blind"].metrics[0]
    assert metric.lower < 0.5 < metric.upper


def test_the_blind_baseline_is_no_attack():
    """It can be the strongest number of the report; neither the headline nor a gate may blame the model for it."""
    report = audited(with_features(3.0))
    assert by_method(report)["blind"].metrics[0].value > 0.9
    assert "score threshold reaches an AUC of 0.7" in render_text(report)
    measured = measure(report, GateRule(id="r", metric="auc", max=0.9), 0.95)
    assert measured.worst == "score-0" and measured.upper < 0.9 and measured.n_looked_at == 1


def test_too_few_records_have_no_baseline():
    file = scores_of(np.arange(8.0), np.arange(8) % 2, features=np.ones((8, 1)))
    assert any("No blind baseline" in note for note in notes(audited(file)))


FILES = {
    "records": lambda: audited(one_model()),
    "blind": lambda: audited(with_features(1.0)),
    "coins": lambda: audited(many_models(), fair_coins=True, claim=1.0, neighbouring=ADD_REMOVE),
    "trainings": lambda: audited(trainings(), claim=1.0, neighbouring=ADD_REMOVE),
}


@pytest.mark.parametrize("kind", FILES)
def test_reports_are_written_read_and_the_same_each_time(tmp_path, kind):
    report = FILES[kind]()
    assert report_to_json(report) == report_to_json(FILES[kind]())
    json_file, html, markdown = write_reports(report, tmp_path, ["json", "html", "md"])
    assert report_to_json(load_report(json_file)) == json_file.read_text() == report_to_json(report)
    assert report.subject.name == "mine" and report.subject.model_digest == report.subject.data_digest == "ab" * 32
    page, short = html.read_text(), markdown.read_text()
    for text in (page, short):
        assert "threshold" in text and (DIFFER in text) == (kind == "blind")
    assert ("no statement about epsilon" in page) == (not estimates(report))
    assert str(tmp_path) not in json_file.read_text()


def test_only_the_seed_of_the_order_changes_with_the_seed():
    first, second = (without_seed(audited(one_model(), seed=seed)) for seed in (0, 1))
    assert report_to_json(first) == report_to_json(second)
