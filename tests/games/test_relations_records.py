"""R6 to R10 and R13: attributes, reconstruction, extraction and canaries on mechanisms that can be enumerated."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from privaudit.errors import ConfigError
from privaudit.games.relations_canaries import chance_of_guesses, epsilon_of_guesses
from privaudit.games.relations_curve import epsilon_curve, gaussian_curve, reconstruction_of_curve
from privaudit.games.relations_extraction import advantage_of_extraction, extraction_of_advantage
from privaudit.games.relations_membership import (
    attribute_advantage_by_guessing,
    attribute_success_by_asking_all,
    membership_advantage_of_attribute,
)
from privaudit.games.relations_reconstruction import (
    advantage_of_reconstruction,
    candidates_of_epsilon,
    epsilon_of_candidates,
    epsilon_of_reconstruction,
    mu_of_reconstruction,
    reconstruction_of_epsilon,
    reconstruction_of_mu,
)

ENTRIES = {
    entry["id"]: entry
    for entry in json.loads((Path(__file__).parents[1] / "reference" / "distribution.json").read_text())["entries"]
}


def randomised_response(k, epsilon):
    """``(k, k)`` chance of each answer for each value."""
    table = np.full((k, k), 1.0 / (math.exp(epsilon) + k - 1))
    np.fill_diagonal(table, math.exp(epsilon) / (math.exp(epsilon) + k - 1))
    return table


def test_r6_reference_randomised_response_on_the_attribute():
    entry = ENTRIES["ai_to_mi_rr"]
    answers = randomised_response(2, 1.2)
    right_on_members = np.diag(answers).mean()
    # a fresh record's attribute is independent of the answer about another record
    right_on_fresh = sum(answers[s, t] / 4 for s, t in product(range(2), repeat=2))
    advantage = membership_advantage_of_attribute(right_on_members - right_on_fresh)
    assert advantage == pytest.approx(entry["expected"]["mi_advantage_of_reduction"], abs=entry["tolerance"])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_r6_holds_exactly_for_any_mechanism_and_attacker(seed):
    # law of (v, s), law of the output for each record, and the attribute that the attacker infers from (output, v)
    rng = np.random.default_rng(seed)
    law, output = rng.dirichlet(np.ones(6)).reshape(2, 3), rng.dirichlet(np.ones(4), size=(2, 3))
    inferred = rng.integers(0, 3, size=(4, 2))
    is_right = inferred.T[:, None, :] == np.arange(3)[None, :, None]  # (v, s, output)
    published = np.einsum("vs,vso->o", law, output)
    member = float((law[:, :, None] * output * is_right).sum())
    fresh = float((law[:, :, None] * published * is_right).sum())
    called = {True: member, False: fresh}  # the membership attacker says "member" where the inference is right
    assert called[True] - called[False] == pytest.approx(member - fresh)
    assert abs(member - fresh) <= np.abs(law[:, :, None] * (output - published)).sum() / 2 + 1e-12


def test_r7_by_guessing_is_exact_where_the_attacker_may_abstain():
    # v is published as a hash, so membership is certain, and the attribute is one of m equally likely values
    m, membership = 4, 1.0
    right_on_members, right_on_fresh = 1 / m, 0.0  # answers a random value if the hash is there, abstains if not
    assert right_on_members - right_on_fresh == attribute_advantage_by_guessing(membership, m)


def test_r7_by_guessing_does_not_hold_where_a_value_must_be_named():
    # the hash of v says present (True) or not; every attacker that names one of m values for both cases and v fixed
    m = 3
    advantages = [
        sum(named[True] == s for s in range(m)) / m - sum(named[False] == s for s in range(m)) / m
        for named in ({True: first, False: second} for first, second in product(range(m), repeat=2))
    ]
    assert max(advantages) == 0.0 < attribute_advantage_by_guessing(1.0, m)


def test_r7_by_asking_all_needs_the_false_alarms_of_twins():
    # hash of v: fresh records never raise an alarm, twins always do; nothing is learned about the attribute
    m = 2
    fresh_fpr, twin_fpr, truth = 0.0, 1.0, 1 / m
    assert attribute_success_by_asking_all(1.0, fresh_fpr, m) > truth
    assert attribute_success_by_asking_all(1.0, twin_fpr, m) <= truth


def test_r7_by_asking_all_bounds_randomised_response():
    m, epsilon = 3, 2.0
    answers = randomised_response(m, epsilon)  # "member" where the answer is the candidate
    tpr, twin = answers[0, 0], answers[0, 1]
    assert (
        attribute_success_by_asking_all(tpr, twin, m) <= tpr
    )  # exactly one candidate is called, and is right so often


@pytest.mark.parametrize(("epsilon", "k"), [(1.0, 10), (0.0, 3), (4.0, 2)])
def test_r8_of_candidates_is_reached_by_randomised_response(epsilon, k):
    success = float(np.diag(randomised_response(k, epsilon)).mean())
    assert candidates_of_epsilon(epsilon, k) == pytest.approx(success, abs=1e-12)
    assert reconstruction_of_epsilon(epsilon, 1 / k, replaces=True) == pytest.approx(success, abs=1e-12)
    assert epsilon_of_candidates(success, k) == pytest.approx(epsilon, abs=1e-9)
    assert success <= reconstruction_of_epsilon(epsilon, 1 / k) + 1e-12


def test_r8_references():
    entry = ENTRIES["kary_eps1_k10"]
    assert candidates_of_epsilon(1.0, 10) == pytest.approx(entry["expected"]["krr"], abs=entry["tolerance"])
    assert reconstruction_of_epsilon(1.0, 0.1) == pytest.approx(entry["expected"]["bound"], abs=entry["tolerance"])
    gauss = ENTRIES["kary_gaussian_mu1_k10"]
    exact = integrate.quad(lambda x: stats.norm.pdf(x - 1.0) * stats.norm.cdf(x) ** 9, -10, 12)[0]
    assert exact == pytest.approx(gauss["expected"]["exact_success"], abs=gauss["tolerance"])
    assert reconstruction_of_mu(1.0, 0.1) == pytest.approx(gauss["expected"]["bound"], abs=gauss["tolerance"])
    assert exact <= reconstruction_of_mu(1.0, 0.1)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 2.0), st.sampled_from([0.0, 0.05, 0.2]))
@settings(max_examples=60, deadline=None)
def test_r8_holds_for_random_mechanisms(seed, epsilon, delta):
    # laws of the output for each of k records, within e^epsilon of each other but for a leak with chance delta
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 6))
    weights = rng.dirichlet(np.ones(5)) * np.exp(epsilon / 2 * rng.uniform(0, 1, size=(k, 5)))
    outputs = weights / weights.sum(axis=1, keepdims=True)  # ratios up to e^(epsilon / 2) twice
    leaky = np.hstack([(1 - delta) * outputs, delta * np.eye(k)])
    prior = rng.dirichlet(np.ones(k))
    success = float((prior[:, None] * leaky).max(axis=0).sum())
    assert success <= reconstruction_of_epsilon(epsilon, float(prior.max()), delta) + 1e-12
    uniform = float(leaky.max(axis=0).sum() / k)
    assert uniform <= candidates_of_epsilon(epsilon, k, delta) + 1e-12
    assert epsilon_of_candidates(uniform, k, delta) <= epsilon + 1e-9
    assert epsilon_of_reconstruction(success, float(prior.max()), delta) <= epsilon + 1e-9
    if delta == 0.0:
        assert success <= reconstruction_of_epsilon(epsilon, float(prior.max()), replaces=True) + 1e-12


@given(st.floats(0.0, 4.0), st.floats(0.01, 0.99), st.sampled_from([0.0, 0.01]))
@settings(max_examples=40, deadline=None)
def test_r8_is_the_curve_at_the_baseline(epsilon, baseline, delta):
    curve = reconstruction_of_curve(epsilon_curve(epsilon, delta), baseline)
    assert reconstruction_of_epsilon(epsilon, baseline, delta) == pytest.approx(curve, abs=1e-12)
    assert reconstruction_of_mu(epsilon, baseline) == pytest.approx(
        reconstruction_of_curve(gaussian_curve(epsilon), baseline), abs=1e-12
    )


@given(st.floats(0.0, 4.0), st.floats(0.01, 0.9), st.sampled_from([0.0, 0.01]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_r9_is_r8_backwards(epsilon, baseline, delta, replaces):
    success = reconstruction_of_epsilon(epsilon, baseline, delta, replaces=replaces)
    least = epsilon_of_reconstruction(success, baseline, delta, replaces=replaces)
    if success < 1.0:
        assert least == pytest.approx(epsilon, abs=1e-6)
    assert least <= epsilon + 1e-6 or success == 1.0


def test_r9_reference_and_the_published_form_is_weaker_near_one():
    entry = ENTRIES["rc_to_mu_lower"]
    assert mu_of_reconstruction(success=entry["inputs"]["gamma"], baseline=0.1) == pytest.approx(
        entry["expected"], abs=entry["tolerance"]
    )
    success, baseline, delta = 0.99, 0.5, 1e-3
    assert epsilon_of_reconstruction(success, baseline, delta) > math.log((success - delta) / baseline) + 3
    small = epsilon_of_reconstruction(0.2, 0.01, delta)
    assert small == pytest.approx(math.log((0.2 - delta) / 0.01))


def test_r9_membership_by_reconstruction_is_exact_on_randomised_response():
    k, epsilon = 5, 1.5
    answers = randomised_response(k, epsilon)
    tpr = float(np.diag(answers).mean())  # the answer about the member equals the candidate
    fpr = 1 / k  # an answer about another record, drawn by the prior
    assert advantage_of_reconstruction(tpr, 1 / k) == pytest.approx(tpr - fpr)


@pytest.mark.parametrize("law", [[0.25] * 4, [0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]])
def test_r10_publishing_a_record_tells_a_member(law):
    # all data sets of three records, all records that may be published, all candidates
    n, law = 3, np.array(law)
    tpr = fpr = 0.0
    for records in product(range(4), repeat=n):
        chance = math.prod(law[list(records)])
        for published in records:
            tpr += chance / n * records.count(published) / n
            fpr += chance / n * law[published]
    bound = advantage_of_extraction(1.0, n, float(law.max()))
    assert bound <= tpr - fpr + 1e-12
    assert extraction_of_advantage(tpr - fpr, n, float(law.max())) == pytest.approx(1.0)  # no upper bound is broken


def test_r10_is_exact_without_twins_and_tiny_for_large_n():
    assert advantage_of_extraction(1.0, 10_000, 0.0) == 1e-4
    assert extraction_of_advantage(1e-4, 10_000, 0.0) == 1.0  # a small membership advantage rules nothing out
    assert advantage_of_extraction(0.5, 10, 0.2) == 0.0


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
def test_r13_is_what_randomised_response_reaches(epsilon):
    n, right = 12, math.exp(epsilon) / (1 + math.exp(epsilon))
    for c in range(n + 1):
        exact = sum(math.comb(n, i) * right**i * (1 - right) ** (n - i) for i in range(c, n + 1))
        assert chance_of_guesses(n, c, epsilon) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
def test_r13_bound_misses_as_often_as_stated_at_most(epsilon):
    n, right = 40, math.exp(epsilon) / (1 + math.exp(epsilon))
    chances = stats.binom.pmf(np.arange(n + 1), n, right)
    missed = [epsilon_of_guesses(n, c, confidence=0.9) > epsilon for c in range(n + 1)]
    assert 0.02 < chances[missed].sum() <= 0.1


def test_hostile_numbers_are_refused():
    for call in (
        lambda: chance_of_guesses(2, 3, 0.0),
        lambda: epsilon_of_guesses(0, 0, confidence=0.9),
        lambda: advantage_of_extraction(1.1, 3, 0.0),
        lambda: candidates_of_epsilon(1.0, 0),
        lambda: reconstruction_of_epsilon(math.nan, 0.1),
        lambda: attribute_advantage_by_guessing(0.5, 0),
        lambda: attribute_success_by_asking_all(math.nan, 0.0, 2),
    ):
        with pytest.raises(ConfigError):
            call()
