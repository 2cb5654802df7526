"""Canary reports: which bound is made of which game, and what the verdict rests on."""

import json

import numpy as np
import pytest

from privaudit.errors import ClaimError, ConfigError, DegenerateScoresError
from privaudit.estimators import clopper_pearson, measure_sensitivity, noise_for_epsilon
from privaudit.estimators.verdict_shares import verdict_shares
from privaudit.gate import judge
from privaudit.gate.policy import policy_from_dict
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.canary_probes import Batches
from privaudit.pipeline.canary_report import canary_report
from privaudit.report.first_screen import first_screen
from privaudit.report.html import render_html
from privaudit.report.markdown import render_markdown
from privaudit.report.sentences import headline
from privaudit.report.serialise import report_from_dict, report_to_json
from privaudit.report.terminal import render_text
from privaudit.types import ConfusionCounts, DpSgdParams

DELTA = 1e-5


def params(epsilon, sample_rate=1.0, steps=20):
    noise = noise_for_epsilon(epsilon, delta=DELTA, sample_rate=sample_rate, steps=steps)
    return DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)


def outcome(mu, *, n=1000, game="many_runs", seed=0, is_independent=True, **options):
    rng = np.random.default_rng(seed)
    is_in = rng.integers(0, 2, n)
    return CanaryOutcome(
        name="white_box_trajectory",
        scores=rng.normal(0, 1, n) + mu * is_in,
        is_in=is_in,
        game=game,
        access="white_box",
        is_independent=is_independent,
        **options,
    )


def methods(report):
    return [estimate.method for finding in report.findings("canary") for estimate in finding.estimates]


def test_many_runs_give_counts_and_one_run_gives_guesses():
    assert methods(canary_report([outcome(1.0)], params=params(4.0), delta=DELTA)) == [
        "clopper_pearson",
        "posterior",
        "gaussian_dp",
    ]
    one = canary_report([outcome(1.0, game="one_run")], params=params(4.0), delta=DELTA)
    assert methods(one) == ["one_run", "fdp_one_run", "gaussian_dp"]
    dependent = canary_report([outcome(1.0, game="one_run", is_independent=False)], params=params(4.0), delta=DELTA)
    assert methods(dependent) == ["one_run", "fdp_one_run"]


def test_no_gaussian_bound_is_made_of_subsampled_steps_or_of_nothing_claimed():
    sampled = canary_report([outcome(1.0)], params=params(4.0, 0.1, 50), delta=DELTA)
    assert methods(sampled) == ["clopper_pearson", "posterior"]
    assert methods(canary_report([outcome(1.0)], params=None, delta=DELTA)) == ["clopper_pearson", "posterior"]


def test_a_violated_curve_violates_the_claim_although_epsilon_is_not_exceeded():
    report = canary_report([outcome(4.0)], params=params(10.0), delta=DELTA)
    verdict = report.claim_verdict()
    assert verdict.outcome == "violated"
    assert verdict.numbers["lower"] < verdict.numbers["claim"]
    assert "refutes the accountant's curve" in verdict.reason and "not refuted" in verdict.reason
    assert "a test refutes the accountant's curve" in first_screen(report)[0].answer


def test_an_exceeded_epsilon_is_said_to_be_refuted():
    verdict = canary_report([outcome(6.0)], params=params(1.0), delta=DELTA).claim_verdict()
    assert verdict.outcome == "violated" and "(epsilon, delta) refuted" in verdict.reason


def test_a_control_decides_between_consistent_and_too_weak():
    claim = params(4.0)
    good, silent, weak = outcome(0.5), outcome(50.0, seed=1), outcome(0.0, seed=2)
    assert canary_report([good], params=claim, delta=DELTA).claim_verdict().outcome == "too_weak"
    assert canary_report([good], params=claim, delta=DELTA, control=silent).claim_verdict().outcome == "consistent"
    assert canary_report([good], params=claim, delta=DELTA, control=weak).claim_verdict().outcome == "too_weak"
    # a control never turns into a violation
    assert canary_report([weak], params=claim, delta=DELTA, control=silent).claim_verdict().outcome == "consistent"


def test_the_two_tests_of_the_verdict_share_the_error():
    report = canary_report([outcome(0.5)], params=params(4.0), delta=DELTA, confidence=0.9)
    (_, primary), *_ = report.primary_estimates()
    assert primary.confidence == pytest.approx(0.95)
    assert report.claim_verdict().numbers["curve_confidence"] == pytest.approx(0.95)
    alone = canary_report([outcome(0.5)], params=None, claim_epsilon=4.0, delta=DELTA, confidence=0.9)
    assert alone.primary_estimates()[0][1].confidence == pytest.approx(0.9)


def claim_of_four(mu, stated, **options):
    return canary_report([outcome(mu)], params=params(4.0), claim_epsilon=stated, delta=DELTA, **options)


def test_a_stated_claim_that_its_own_parameters_exceed_is_refused():
    with pytest.raises(ConfigError, match=r"wrong by its own parameters, which give 4\b"):
        claim_of_four(0.5, 2.5)


def test_a_stated_claim_that_agrees_with_its_parameters_is_judged_by_their_curve():
    report = claim_of_four(4.0, 4.05)
    assert report.claim.mechanism is not None and report.claim.epsilon == 4.05
    assert report.claim_verdict().outcome == "violated"


def test_a_looser_stated_claim_is_judged_by_epsilon_alone():
    # mu 2.2 is epsilon 11.2: the parameters' curve is violated, the claim of 15 is true
    report = claim_of_four(2.2, 15.0, control=outcome(50.0, seed=1))
    assert report.claim_verdict().outcome == "too_weak"
    assert report.claim.mechanism is None
    metric = next(m for f in report.findings("canary") for m in f.metrics if m.name == "tpr_beyond_claim")
    assert metric.value > 0 and "not for the verdict" in metric.rule
    assert any("looser than" in note for section in report.sections for note in section.notes)
    policy = policy_from_dict({"schema_version": 1, "confidence": 0.9, "rules": [{"id": "c", "metric": "claim"}]})
    assert judge(report, policy).outcome == "inconclusive"


@pytest.mark.parametrize(
    "other",
    [
        {"params": params(4.0)},
        {"params": DpSgdParams(noise_multiplier=0.0, sample_rate=1.0, steps=21)},
        {"game": "one_run"},
    ],
)
def test_what_is_no_control_of_this_training_is_refused(other):
    with pytest.raises(ConfigError, match="control"):
        canary_report([outcome(0.5)], params=params(4.0), delta=DELTA, control=outcome(9.0, **other))


def test_nothing_is_consistent_where_something_could_not_be_tested():
    report = canary_report(
        [outcome(0.5)], params=params(4.0), delta=DELTA, control=outcome(50.0), untested=["Batches are unknown."]
    )
    assert report.claim_verdict().outcome == "too_weak"
    assert report.claim_verdict().reason == "Batches are unknown."


def test_a_gate_at_a_higher_confidence_asks_the_control_again():
    settings = {"params": params(4.0), "delta": DELTA, "control": outcome(50.0, seed=1, n=36)}
    report = canary_report([outcome(0.5)], confidence=0.95, **settings)
    assert report.claim_verdict().outcome == "consistent"
    for confidence in (0.95, 0.999):
        policy = policy_from_dict(
            {"schema_version": 1, "confidence": confidence, "rules": [{"id": "c", "metric": "claim"}]}
        )
        own = canary_report([outcome(0.5)], confidence=confidence, **settings).claim_verdict().outcome
        assert judge(report, policy).outcome == {"consistent": "pass", "too_weak": "inconclusive"}[own]
    assert own == "too_weak"


def test_a_gate_makes_the_bound_of_two_error_rates_anew():
    report = canary_report([outcome(6.0)], params=params(1.0), delta=DELTA)
    policy = policy_from_dict({"schema_version": 1, "confidence": 0.99, "rules": [{"id": "c", "metric": "claim"}]})
    (verdict,) = judge(report, policy).verdicts
    assert verdict.outcome == "fail" and verdict.numbers["lower"] > 1.0
    wanted = verdict_shares(0.99, has_curve=True, has_noise=False, has_sampling=False).bound
    counts = ConfusionCounts(**report.findings("canary")[0].params["curve"])
    assert verdict.numbers["lower"] == pytest.approx(clopper_pearson(counts, delta=DELTA, confidence=wanted).lower)


def judged(*, noise=1.0, moved=1.0, sizes=None, rate=1.0, **options):
    """A report at epsilon 4 whose scores contradict nothing, with the noise and the sensitivity of a broken step."""
    claim = params(4.0, rate)
    idle = np.random.default_rng(5).normal(0, noise * claim.noise_multiplier, (20, 200))
    probe = measure_sensitivity([0.0], {"coordinate": [moved]}, max_grad_norm=1.0)
    return canary_report(
        [outcome(0.5)],
        params=claim,
        delta=DELTA,
        idle_noise=idle,
        sensitivity=probe,
        batches=None if sizes is None else Batches(np.array(sizes), 500),
        control=outcome(50.0, seed=1),
        **options,
    )


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"noise": 0.5}, "refutes the noise"),
        ({"moved": 2.0}, "moves a step's sum by 2 clips"),
        ({"sizes": [500] * 20, "rate": 0.1}, "refutes the Poisson sampling"),
        ({"sizes": [50] * 20, "rate": 0.1}, "refutes the Poisson sampling"),
    ],
)
def test_a_probe_that_refutes_noise_or_clip_violates_the_claim(broken, said):
    report = judged(**broken)
    verdict = report.claim_verdict()
    assert "error rates" not in headline(report) and "refutes the" in headline(report)
    assert verdict.outcome == "violated" and said in verdict.reason
    assert "not refuted" in verdict.reason, "(epsilon, delta) is another matter"
    assert verdict.numbers["curve_refuted"] == 0.0
    assert judged().claim_verdict().outcome == "consistent"
    poisson = np.random.default_rng(7).binomial(500, 0.1, 20)
    assert judged(sizes=poisson, rate=0.1).claim_verdict().outcome == "consistent"


@pytest.mark.parametrize(
    ("broken", "outcome"),
    [({"noise": 0.5}, "fail"), ({"moved": 2.0}, "fail"), ({"sizes": [500] * 20, "rate": 0.1}, "fail"), ({}, "pass")],
)
def test_a_gate_looks_at_the_probes_at_its_own_confidence(broken, outcome):
    policy = policy_from_dict({"schema_version": 1, "confidence": 0.9, "rules": [{"id": "c", "metric": "claim"}]})
    assert judge(judged(**broken), policy).outcome == outcome


def test_the_first_outcome_carries_the_verdict():
    first, second = outcome(0.0), outcome(9.0, seed=3)
    report = canary_report([first, second], params=params(1.0), delta=DELTA)
    assert report.claim_verdict().outcome == "too_weak"
    assert any("first outcome" in note for section in report.sections for note in section.notes)


def test_a_report_survives_json_and_is_rendered_everywhere():
    noise = np.random.default_rng(4).normal(0, params(4.0).noise_multiplier, (20, 50))
    control = outcome(50.0, seed=1)
    report = canary_report([outcome(0.5)], params=params(4.0), delta=DELTA, idle_noise=noise, control=control)
    text = report_to_json(report)
    assert report_to_json(report_from_dict(json.loads(text))) == text
    page, markdown = render_html(report), render_markdown(report)
    for shown in (page, markdown, render_text(report)):
        assert "clopper" in shown and "probe" in shown
    assert "p_value_worst_step" in page


def test_what_the_first_outcome_leaves_open_is_said_in_every_report():
    report = canary_report([outcome(0.5, notes=("This tests half of it.",))], params=params(4.0), delta=DELTA)
    for shown in (render_text(report), render_markdown(report), render_html(report)):
        assert "This tests half of it." in shown


def test_bad_calls_are_refused():
    with pytest.raises(ConfigError, match="at least one outcome"):
        canary_report([], params=None, delta=DELTA)
    with pytest.raises(DegenerateScoresError):
        CanaryOutcome(name="x", scores=np.zeros(3), is_in=np.ones(3))
    with pytest.raises(DegenerateScoresError, match="NaN"):
        CanaryOutcome(name="x", scores=np.array([np.nan, 1.0]), is_in=np.array([0, 1]))
    with pytest.raises(ClaimError):
        canary_report([outcome(1.0)], params=None, claim_epsilon=-1.0, delta=DELTA)
