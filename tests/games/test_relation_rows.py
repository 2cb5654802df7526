"""The rows that carry intervals: the way up and the way down are one relation, and they are the functions that are derived."""

from itertools import pairwise

import numpy as np
import pytest

from privaudit.games.relation_table import RELATIONS
from privaudit.games.relations_distribution import distribution_advantage
from privaudit.games.relations_membership import attribute_advantage_by_guessing, membership_advantage_of_attribute
from privaudit.games.relations_poisoning import poisoned_distribution_advantage

PARAMS = {
    "delta": 1e-6,
    "target_delta": 1e-5,
    "prior": 0.1,
    "k": 3,
    "n_values": 4,
    "may_abstain": True,
    "baseline": 0.05,
    "n_candidates": 10,
    "n_records": 50,
    "heaviest": 0.001,
    "n_replaced": 7,
    "fair_coins": True,
    "ratio_0": 0.5,
    "ratio_1": 0.3,
}
GRIDS = {
    "epsilon": np.linspace(0.05, 3.0, 12),
    "advantage": np.linspace(0.02, 0.95, 12),
    "success": np.linspace(0.06, 0.95, 12),
    "draws": np.linspace(0.5, 40.0, 12),
}
BOTH_WAYS = [row for row in RELATIONS if row.upper is not None and row.lower is not None]


@pytest.mark.parametrize("row", BOTH_WAYS, ids=lambda row: f"{row.id}-{row.source}-{row.target}-{row.source_quantity}")
def test_what_goes_down_and_up_again_never_gains(row):
    """An upper bound carried down and read backwards is no larger than it was; a lower bound is no smaller than what it needs."""
    for value in GRIDS[row.source_quantity]:
        down = row.upper(float(value), PARAMS)
        assert np.isinf(down) or row.lower(down, PARAMS) <= value * (1 + 1e-9) + 1e-9
    for value in GRIDS[row.target_quantity]:
        needed = row.lower(float(value), PARAMS)
        assert np.isinf(needed) or row.upper(needed, PARAMS) >= value * (1 - 1e-9) - 1e-9


@pytest.mark.parametrize("row", BOTH_WAYS, ids=lambda row: f"{row.id}-{row.source}-{row.target}-{row.source_quantity}")
def test_more_is_never_worth_less(row):
    for way, grid in ((row.upper, GRIDS[row.source_quantity]), (row.lower, GRIDS[row.target_quantity])):
        values = [way(float(value), PARAMS) for value in grid]
        assert all(before <= after + 1e-12 for before, after in pairwise(values))


def row_of(name, target, quantity="advantage"):
    return next(r for r in RELATIONS if (r.id, r.target, r.source_quantity) == (name, target, quantity))


@pytest.mark.parametrize("value", [0.0, 0.2, 0.7, 1.0])
def test_rows_about_attributes_are_the_derived_functions(value):
    asked = row_of("R7", "membership")
    assert asked.source == "attribute_inference"  # adv(attribute) >= adv(membership) / m
    assert asked.lower(value, PARAMS) == pytest.approx(attribute_advantage_by_guessing(value, PARAMS["n_values"]))
    inferred = row_of("R6", "attribute_inference")
    assert inferred.lower(value, PARAMS) == membership_advantage_of_attribute(value) == inferred.upper(value, PARAMS)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 2.0])
def test_rows_about_worlds_are_the_derived_functions_at_counts_that_are_fixed(epsilon):
    """With distance 1 all n records are replaced for certain: Bin(n, 1) is the exact count."""
    n = PARAMS["n_replaced"]
    wanted = distribution_advantage(epsilon, n_records=n, distance=1.0, delta=PARAMS["delta"])
    assert row_of("R12", "distribution_inference", "epsilon").upper(epsilon, PARAMS) == pytest.approx(wanted)
    poisoned = row_of("R14", "poisoned_distribution", "epsilon").upper(epsilon, PARAMS)
    with_poison = poisoned_distribution_advantage(
        epsilon, n_records=2 * n, poison_share=0.5, distance=1.0, delta=PARAMS["delta"]
    )
    assert poisoned == pytest.approx(with_poison) == pytest.approx(wanted)
