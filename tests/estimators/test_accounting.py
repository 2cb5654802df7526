"""What DP-SGD promises: epsilon, the trade-off curve and the noise for a wanted epsilon."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.estimators import claim_estimate, claim_tradeoff, composed_privacy_loss, noise_for_epsilon, pld_claim
from privaudit.types import DpSgdParams, EstimateKind, Neighbouring

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())


def _params(inputs):
    return DpSgdParams(**{name: inputs[name] for name in ("noise_multiplier", "sample_rate", "steps")})


@pytest.mark.parametrize("case", CASES["accountants"])
@pytest.mark.parametrize(
    ("neighbouring", "field"),
    [
        (Neighbouring.ADD_REMOVE, "dp_accounting_pld_pessimistic"),
        (Neighbouring.REPLACE_ONE, "dp_accounting_pld_replace_one"),
    ],
)
def test_claim_matches_reference(case, neighbouring, field):
    claim = pld_claim(_params(case["inputs"]), delta=case["inputs"]["delta"], neighbouring=neighbouring)
    assert claim.epsilon == pytest.approx(case["expected"][field], abs=case["tolerance"]["dp_accounting"])
    if neighbouring == Neighbouring.ADD_REMOVE:
        assert claim.epsilon >= case["expected"]["eps_add_remove"] - 1e-5
    assert (claim.accountant, claim.neighbouring) == ("pld", neighbouring)


@pytest.mark.parametrize("case", CASES["tradeoff_dpsgd"])
def test_tradeoff_bounds_both_orientations_and_is_tight(case):
    expected = case["expected"]
    bound = claim_tradeoff(_params(case["inputs"]), Neighbouring.ADD_REMOVE, expected["fpr"])
    truth = np.maximum(expected["tpr_bound"], expected["tpr_bound_swapped"])
    assert (bound >= truth * (1 - 1e-3)).all()
    # The larger direction serves both orientations; around FPR 1/2 that costs up to 0.3 % here.
    assert (bound <= truth * 1.004).all()


@pytest.mark.parametrize(("noise", "steps"), [(5.0, 30), (1.0, 1), (20.0, 10)])
def test_full_batch_is_the_gaussian_closed_form(noise, steps):
    fpr = np.array([1e-5, 1e-3, 0.1, 0.5, 0.9])
    exact = norm.cdf(norm.ppf(fpr) + math.sqrt(steps) / noise)
    params = DpSgdParams(noise_multiplier=noise, sample_rate=1.0, steps=steps)
    bound = claim_tradeoff(params, Neighbouring.ADD_REMOVE, fpr)
    assert (bound >= exact * (1 - 1e-9)).all()
    np.testing.assert_allclose(bound, exact, rtol=1e-3)


def test_long_runs_take_the_finer_grid():
    def spent(steps):
        params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.001, steps=steps)
        return pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon

    # One step more costs less than the coarser grid adds.
    assert spent(99_999) - 2e-3 < spent(100_000) < spent(99_999)


@pytest.mark.parametrize(("noise", "steps"), [(2.0, 100_000), (0.1, 100), (0.01, 1)])
def test_hopeless_noise_fits_in_memory_and_stays_above_the_truth(noise, steps):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=1.0, steps=steps)
    mu = math.sqrt(steps) / noise
    epsilon = pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    assert norm.logcdf(mu / 2 - epsilon / mu) <= math.log(1e-5) + 1e-2  # at least the mu-GDP epsilon, to rounding
    assert epsilon == pytest.approx(mu**2 / 2 - mu * norm.ppf(1e-5), rel=0.02)


def test_no_noise_promises_nothing():
    params = DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=10)
    claim = pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE)
    assert claim.epsilon == math.inf
    assert claim_tradeoff(params, Neighbouring.ADD_REMOVE, [0.0, 0.5]).tolist() == [1.0, 1.0]
    assert claim_estimate(claim).upper == math.inf
    with pytest.raises(ClaimError, match="noise"):
        composed_privacy_loss(params, Neighbouring.ADD_REMOVE)


def test_claim_estimate_is_an_upper_bound_of_confidence_one():
    params = DpSgdParams(noise_multiplier=2.0, sample_rate=0.1, steps=10)
    estimate = claim_estimate(pld_claim(params, delta=1e-5, neighbouring=Neighbouring.REPLACE_ONE))
    assert (estimate.kind, estimate.confidence, estimate.lower) == (EstimateKind.UPPER_BOUND, 1.0, 0.0)
    assert estimate.ceiling == math.inf and estimate.neighbouring == Neighbouring.REPLACE_ONE
    assert "Poisson" in " ".join(estimate.assumptions)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_other_relations_and_samplings_are_refused(noise):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=0.1, steps=10)
    shuffled = DpSgdParams(noise_multiplier=noise, sample_rate=0.1, steps=10, sampling="shuffle")
    with pytest.raises(UnsupportedError, match="zero_out"):
        pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ZERO_OUT)
    with pytest.raises(UnsupportedError, match="zero_out"):
        claim_tradeoff(params, Neighbouring.ZERO_OUT, [0.1])
    with pytest.raises(ClaimError, match="Poisson"):
        pld_claim(shuffled, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE)
    with pytest.raises(ClaimError, match="Poisson"):
        claim_tradeoff(shuffled, Neighbouring.ADD_REMOVE, [0.1])
    for fpr in ([-0.1], [1.1], [math.nan]):
        with pytest.raises(ConfigError, match="fpr"):
            claim_tradeoff(params, Neighbouring.ADD_REMOVE, fpr)


@pytest.mark.parametrize(
    ("epsilon", "rate", "steps", "neighbouring"),
    [(1.0, 0.1, 50, Neighbouring.ADD_REMOVE), (8.0, 0.05, 100, Neighbouring.REPLACE_ONE)],
)
def test_noise_keeps_the_claim_and_is_the_smallest(epsilon, rate, steps, neighbouring):
    noise = noise_for_epsilon(epsilon, delta=1e-5, sample_rate=rate, steps=steps, neighbouring=neighbouring)

    def spent(multiplier):
        params = DpSgdParams(noise_multiplier=multiplier, sample_rate=rate, steps=steps)
        return pld_claim(params, delta=1e-5, neighbouring=neighbouring).epsilon

    assert spent(noise) <= epsilon < spent(noise * (1 - 1.1e-3))


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.0, 1e-5), (-1.0, 1e-5), (math.nan, 1e-5), (math.inf, 1e-5), (1.0, 0.0)]
)
def test_impossible_wishes_are_refused(epsilon, delta):
    with pytest.raises(ConfigError):
        noise_for_epsilon(epsilon, delta=delta, sample_rate=0.1, steps=10)


def test_importing_the_room_does_not_import_the_accountant():
    code = "import sys, privaudit.estimators; assert not {'dp_accounting', 'torch', 'opacus'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
