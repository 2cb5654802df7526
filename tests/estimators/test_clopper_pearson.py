"""Clopper-Pearson bounds on epsilon: reference values, coverage on randomised response, refusals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators import ClopperPearson, clopper_pearson
from privaudit.types import AttackResult, AuditDesign, ConfusionCounts, EstimateKind, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=80, deadline=None, derandomize=True)
CELLS = st.integers(0, 200)


def _estimate(case, interval):
    inputs = case["inputs"]
    counts = ConfusionCounts(**{cell.lower(): inputs[cell] for cell in ("TP", "FN", "FP", "TN")})
    return clopper_pearson(counts, delta=inputs["delta"], confidence=1 - inputs["alpha"], interval=interval)


@pytest.mark.parametrize("case", CASES["cp_eps_lower"])
def test_lower_bound_matches_reference(case):
    assert _estimate(case, "lower").lower == pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.parametrize("case", CASES["cp_eps_two_sided"])
def test_interval_matches_reference(case):
    estimate = _estimate(case, "two_sided")
    assert (estimate.lower, estimate.upper) == pytest.approx(case["expected"], abs=case["tolerance"])


@PROFILE
@given(CELLS, CELLS, CELLS, CELLS, st.sampled_from([0.0, 1e-5, 0.1]))
def test_bound_is_ordered(tp, fn, fp, tn, delta):
    if not (tp + fn and fp + tn):
        return
    counts = ConfusionCounts(tp=tp, fn=fn, fp=fp, tn=tn)
    lower = clopper_pearson(counts, delta=delta, confidence=0.95)
    both = clopper_pearson(counts, delta=delta, confidence=0.95, interval="two_sided")
    assert 0.0 <= both.lower <= lower.lower <= lower.ceiling < math.inf
    assert both.upper >= both.lower
    assert clopper_pearson(counts, delta=delta, confidence=0.99).lower <= lower.lower
    assert clopper_pearson(counts, delta=min(0.9, delta + 0.05), confidence=0.95).lower <= lower.lower
    if delta == 0.0 and 0 in (fn, fp) and tp and tn:
        assert both.upper == math.inf


def test_estimate_says_what_it_is():
    counts = ConfusionCounts(tp=50, fn=0, fp=0, tn=60)
    estimate = clopper_pearson(counts, delta=1e-5, confidence=0.95, neighbouring=Neighbouring.REPLACE_ONE)
    assert (estimate.method, estimate.kind, estimate.validity) == (
        "clopper_pearson",
        EstimateKind.LOWER_BOUND,
        Validity.VALID,
    )
    assert (estimate.n_in, estimate.n_out, estimate.neighbouring) == (50, 60, Neighbouring.REPLACE_ONE)
    assert estimate.lower == estimate.ceiling and estimate.upper is None
    assert "independent training" in " ".join(estimate.assumptions) and "threshold" in " ".join(estimate.assumptions)
    assert clopper_pearson(counts, delta=0.0, confidence=0.95).neighbouring is None


@pytest.mark.statistical
@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("interval", ["lower", "two_sided"])
def test_coverage_on_randomised_response(epsilon, interval):
    """A bound with 5 % misses fails with probability 1e-6 per setting; the union bound makes it rarer still."""
    rng, runs, n = np.random.default_rng(5), 2000, 300
    honest = 1 / (1 + math.exp(-epsilon))
    misses = 0
    for tp, tn in zip(rng.binomial(n, honest, runs), rng.binomial(n, honest, runs), strict=True):
        counts = ConfusionCounts(tp=int(tp), fn=n - int(tp), fp=n - int(tn), tn=int(tn))
        estimate = clopper_pearson(counts, delta=0.0, confidence=0.95, interval=interval)
        misses += estimate.lower > epsilon or (estimate.upper is not None and estimate.upper < epsilon)
    assert misses <= binom.ppf(1 - 1e-6, runs, 0.05)


def _result(unit):
    return AttackResult(
        attack="toy", target=-1, scores=[3.0, 2.0, 1.0, 0.0], label=[1, 1, 0, 0], unit_ids=[0, 1, 2, 3], unit=unit
    )


def _design(n_records):
    coins = np.arange(n_records) % 2
    return AuditDesign(
        kind="paired",
        is_in=np.array([coins, 1 - coins]),
        pair=[1, 0],
        role=["target", "shadow"],
        variant=[0, 0],
        is_population=np.zeros(n_records, bool),
        record_codes=np.arange(n_records),
        seed=0,
    )


def test_estimator_serves_models_and_refuses_records():
    estimator = ClopperPearson(threshold=2.0)
    estimate = estimator.estimate(_result("model"), delta=0.0, confidence=0.5)
    assert dict(estimate.diagnostics) == {"tp": 2, "fn": 0, "fp": 0, "tn": 2}  # a score at the threshold counts
    with pytest.raises(UnsupportedError, match="one_run"):
        estimator.estimate(_result("record"), delta=0.0, confidence=0.5)
    with pytest.raises(UnsupportedError, match="one_run"):
        estimator.check(_design(4))
    estimator.check(_design(1))


def test_hostile_inputs_are_refused():
    good = ConfusionCounts(tp=1, fn=0, fp=0, tn=1)
    for cells in ({"tp": -1, "fn": 2, "fp": 0, "tn": 1}, {"tp": 0, "fn": 0, "fp": 0, "tn": 1}):
        with pytest.raises(ConfigError):
            ConfusionCounts(**cells)
    for options in ({"delta": 1.0, "confidence": 0.95}, {"delta": 0.0, "confidence": 1.0}):
        with pytest.raises(ConfigError):
            clopper_pearson(good, **options)
    with pytest.raises(ConfigError, match="interval"):
        clopper_pearson(good, delta=0.0, confidence=0.95, interval="upper")
    with pytest.raises(ConfigError, match="threshold"):
        ClopperPearson(threshold=math.nan)
