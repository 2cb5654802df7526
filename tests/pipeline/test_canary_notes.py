"""What reports on canaries say in sentences: game, deciding numbers, confidences, conditions, the control."""

import numpy as np
import pytest

from privaudit.config import AuditConfig
from privaudit.estimators import known_coin_step, measure_sensitivity
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.canary_probes import Batches
from privaudit.pipeline.canary_report import canary_report
from privaudit.pipeline.canary_sequential import sequential_report
from privaudit.pipeline.canary_stopping import Stopped, betting, choosing_pairs
from privaudit.report.html import render_html
from privaudit.report.markdown import render_markdown
from privaudit.report.terminal import render_text
from privaudit.types import ConfusionCounts, DpSgdParams

PARAMS = DpSgdParams(noise_multiplier=4.8, sample_rate=1.0, steps=20, max_grad_norm=2.0)
SUBSAMPLED = DpSgdParams(noise_multiplier=1.0, sample_rate=0.1, steps=30)
FACTS = {"canaries": {"kind": "coordinate", "norm": 100.0}}


def outcome(mu, *, game="one_run", n=1000, seed=0, **options):
    rng = np.random.default_rng(seed)
    is_in = rng.integers(0, 2, n)
    scores = rng.normal(0, 1, n) + mu * is_in
    made = {"name": "white_box_trajectory", "access": "white_box", "is_independent": True, **options}
    return CanaryOutcome(scores=scores, is_in=is_in, game=game, **made)


def report_of(first, *, params=PARAMS, **options):
    return canary_report([first], params=params, delta=1e-5, **options)


def text_of(report):
    """The text report in one line; markdown must say the same."""
    flat = " ".join(render_text(report).split())
    shown = render_markdown(report)
    assert all(note.split("; ")[0] in shown for note in report.sections[0].notes if "_" not in note)
    return flat


def test_what_was_played_is_said():
    own = outcome(0.5, params=PARAMS)
    n_in = int(own.is_in.sum())
    said = text_of(report_of(own, provenance=FACTS))
    assert (
        f"Played: one training run with 1000 gradient canaries of kind coordinate, 100 clips long before the clip, {n_in} in "
        f"and {1000 - n_in} out; the claimed mechanism: noise multiplier 4.8, sample rate 1, 20 steps, clip 2." in said
    )
    many = {"config": {"canaries": {"kind": "blank", "norm": 100.0}}}
    said = text_of(report_of(outcome(0.5, game="many_runs"), provenance=many))
    assert f"1000 training runs of one record canary of kind blank, {n_in} with it and {1000 - n_in} without" in said
    assert "kind coordinate" in text_of(report_of(own, provenance={"config": {"canaries": None}}))


def test_what_is_unknown_is_left_out():
    said = text_of(report_of(outcome(0.5), params=None))
    assert f"Played: one training run with 1000 canaries, {int(outcome(0.5).is_in.sum())} in" in said
    assert "claimed mechanism" not in said
    assert "clip 2" not in text_of(report_of(outcome(0.5)))  # training elsewhere stated none


@pytest.mark.parametrize(("mu", "so"), [(0.5, "the curve is not refuted"), (4.0, "the curve is refuted")])
def test_rates_that_decide_are_said(mu, so):
    report = report_of(outcome(mu))
    numbers = report.claim_verdict().numbers
    said = text_of(report)
    for name in ("tpr_lower", "fpr_upper", "tpr_allowed", "curve_confidence"):
        assert f"{100 * numbers[name]:.4g} %" in said
    assert "there the claim allows a true positive rate of at most" in said and so in said


def test_guesses_that_decide_are_said_also_of_the_control():
    first, silent = (
        outcome(mu, is_independent=False, name="black_box", access="score", seed=seed)
        for mu, seed in ((0.5, 0), (50, 1))
    )
    report = report_of(first, control=silent)
    numbers = report.claim_verdict().numbers
    said = text_of(report)
    right, guesses, least = (int(numbers[name]) for name in ("n_correct", "n_guesses", "least_refuting"))
    assert f"Measured: {right} of {guesses} guesses are right; at 97.5 % confidence {least} or more refute" in said
    assert "Control (noise 0, clip kept): 200 of 200 guesses are right" in said


def test_guesses_that_could_never_decide_say_so():
    said = text_of(report_of(outcome(0.5, n=20, is_independent=False), params=SUBSAMPLED))
    assert "not even 4 would refute the claimed curve" in said


def test_ties_are_said_to_count_as_wrong():
    rng = np.random.default_rng(0)
    constant = CanaryOutcome(name="black_box", scores=np.zeros(100), is_in=rng.integers(0, 2, 100))
    said = text_of(report_of(constant))
    assert "20 of the 20 guesses fell among equal scores" in said and "are counted as wrong" in said
    assert "20 tied, counted as wrong where undecided" in said
    assert "equal scores" not in text_of(report_of(outcome(0.5)))


def probed(**options):
    noise = np.random.default_rng(4).normal(0, SUBSAMPLED.noise_multiplier, (30, 50))
    sizes = np.random.default_rng(7).binomial(500, 0.1, 30)
    return report_of(
        outcome(0.5),
        params=SUBSAMPLED,
        idle_noise=noise,
        batches=Batches(sizes, 500),
        sensitivity=measure_sensitivity([0.0], {"spread": [1.0]}, max_grad_norm=1.0),
        step_bound=known_coin_step(
            ConfusionCounts(tp=80, fn=20, fp=20, tn=80), sample_rate=0.1, steps=30, delta=1e-5, confidence=0.95
        ),
        control=outcome(50.0, seed=1),
        **options,
    )


def test_every_probe_has_its_sentence():
    report = probed()
    said, numbers = text_of(report), report.claim_verdict().numbers
    assert f"Noise probe, 50 idle coordinates x 30 steps: p-value {numbers['noise_p_value']:.3g}" in said
    assert "records per batch, 50 expected: p-value" in said
    assert "Sensitivity probe: one canary moves a step's sum by 1 clips at most" in said


def test_bounds_that_rest_on_stated_parameters_are_called_conditional():
    report = probed()
    for shown in (render_text(report), render_html(report), render_markdown(report)):
        assert "noise probe, conditional on rate and clip" in shown and "50 coordinates x 30 steps" in shown
        assert "single steps, conditional on the rate" in shown and "80 steps" not in shown
        assert "100 steps with a canary, 100 without" in shown
    rows = [line for line in render_text(report).splitlines() if "conditional on" in line]
    assert len(rows) == 2 and all(line.endswith("conditional") for line in rows)
    assert ">noise probe, conditional on rate and clip: at least" in render_html(report)  # also in the figure


def test_confidences_are_explained():
    assert (
        "The verdict holds at 95 % confidence, shared by its tests: the primary bound and the test of the claimed curve at 98 % "
        "each, the noise probe at 99.5 %, the sampling probe at 99.5 %." in text_of(probed())
    )
    noise = np.random.default_rng(4).normal(0, 4.8, (20, 50))
    said = text_of(report_of(outcome(0.5), idle_noise=noise))
    assert said.count("97.75 %") >= 3  # sentence, curve and table
    alone = text_of(report_of(outcome(0.5), params=None, claim_epsilon=4.0))
    assert "The verdict rests on the primary bound, at 95 % confidence." in alone
    assert "at its own confidence alone" in text_of(report_of(outcome(0.5), params=None))


def test_a_curve_beside_a_looser_claim_is_said_not_to_count():
    said = text_of(report_of(outcome(0.5), claim_epsilon=15.0))
    assert "(not for the verdict)" in said and "rests on the primary bound" in said


def test_those_that_chose_the_threshold_are_counted():
    assert "(200 others chose the threshold)" in text_of(report_of(outcome(0.5, game="many_runs")))


def test_independent_outcomes_of_one_training_say_what_holds():
    (finding,) = report_of(outcome(0.5)).findings("canary")
    bound = next(estimate for estimate in finding.estimates if estimate.method == "gaussian_dp")
    assert not any("independent training" in text for text in bound.assumptions)
    assert any("one training" in text and "orthogonal" in text for text in bound.assumptions)
    (finding,) = report_of(outcome(0.5, game="many_runs")).findings("canary")
    assert all(any("independent training" in t for t in e.assumptions) for e in finding.estimates)


def test_rules_call_independent_outcomes_independent():
    report = report_of(outcome(0.5), control=outcome(50.0, seed=1))
    page, rules = render_html(report), [metric.rule for metric in report.controls[0].metrics]
    rules += [metric.rule for metric in report.findings("canary")[0].metrics]
    assert not any("descriptive" in rule for rule in rules)
    assert "descriptive" not in page and "outcomes are independent trials" in page
    dependent = report_of(outcome(0.5, is_independent=False))
    assert any("not independent trials" in metric.rule for metric in dependent.findings("canary")[0].metrics)
    assert "descriptive: records of one model are not independent trials" in render_html(dependent)


def test_the_page_says_what_the_verdict_rests_on_and_what_the_control_is():
    page = render_html(probed())
    assert "the test of the claimed curve and the probes (noise, sampling, sensitivity)" in page
    assert "Only the primary bound" not in page and "nothing was held back" not in page
    assert "with noise 0 and the clip kept" in page
    assert "measured on canaries" in page
    alone = render_html(report_of(outcome(0.5), params=None, claim_epsilon=4.0))
    assert "Only the primary bound carries the verdict" in alone


def test_the_control_of_an_epsilon_alone_keeps_the_clip():
    weak = report_of(outcome(0.5), params=None, claim_epsilon=2.0, control=outcome(0.0, seed=2))
    said = text_of(weak)
    assert "with the clip kept" in said and "on the control (noise 0, clip kept)" in said
    assert "shadow" not in said and "held back" not in said and "clipping" not in said
    without = text_of(report_of(outcome(0.5), params=None, claim_epsilon=2.0))
    assert "the same game with noise 0 and the clip kept" in without and "n_models" not in without


def test_bets_are_said_to_be_made_of_pairs_of_runs():
    config = AuditConfig.model_validate(
        {
            "kind": "canaries",
            "data": {"source": "digits"},
            "recipe": {"steps": 20, "sample_rate": 1.0, "dp": {"noise_multiplier": 4.8}},
            "canaries": {"game": "many_runs", "n_runs": 400, "kind": "spread", "stop_when": "decided"},
        }
    )
    sequence = betting(4.0, delta=1e-5, confidence=0.95).update(np.ones((100, 1)), np.zeros((100, 1)))
    report = sequential_report(
        Stopped(sequence, 0.0, 100, True),
        params=PARAMS,
        delta=1e-5,
        config=config,
        name="bets",
        data_digest="",
        model_digest="",
        provenance={"config": config.model_dump(mode="json")},
    )
    said, n_pairs = text_of(report), 100 + choosing_pairs(400)
    assert "100 pairs of runs" in said and "1 canaries" not in said
    assert f"{2 * n_pairs} training runs of one gradient canary of kind spread, " in said and "clip 2." in said
    assert "called present in 100 runs with it and in 0 without" in said
    assert "noise 0 and the clip kept" in said and "n_models" not in said
