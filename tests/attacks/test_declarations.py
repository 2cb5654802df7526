"""Every attack does with what it declares, says the same through the guard, and declares nothing that it never reads."""

import dataclasses

import numpy as np
import pytest

from privaudit.errors import UndeclaredUseError
from privaudit.games.declared import run_declared
from privaudit.registry import create_attack
from tests.attacks.variants import ATTACKS

N_MODELS, N_CANARIES, N_POPULATION = 16, 60, 40


@pytest.fixture(scope="module")
def measured(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", N_MODELS, N_CANARIES)
    design = make_design(coins, n_population=N_POPULATION)
    rng = np.random.default_rng(1)
    margin = rng.normal(1.0, 2.0, (N_MODELS, N_CANARIES + N_POPULATION)) + design.is_in
    return make_inputs(design, margin)


@pytest.mark.parametrize(("name", "params"), ATTACKS)
def test_what_an_attack_declares_is_all_it_needs(measured, name, params):
    attack = create_attack(name, params)
    plain, guarded = (
        attack.run(measured, targets=[0, 5]),
        run_declared(attack, measured, targets=[0, 5]),
    )
    for one, other in zip(plain, guarded, strict=True):
        for field in dataclasses.fields(one):
            np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))


FIELDS = [
    ("population", {"compared_with": "class"}, "label"),
    ("proxy", {"proxies": "class"}, "label"),
    ("modified_entropy", {}, "label"),
    ("quantile", {}, "label"),
    ("quantile", {}, "features"),
    *(
        (name, {}, "label")
        for name in ("gap", "repeated_gap", "augmentation", "noise", "dhattack", "boundary", "chameleon")
    ),
]


@pytest.mark.parametrize(("name", "params", "field"), FIELDS)
def test_a_field_that_is_declared_is_looked_at(measured, name, params, field):
    """An attack that is made to forget one of its fields is refused: the declarations are no more than what is read."""
    whole = type(create_attack(name, params))
    attack = type(whole.__name__, (whole,), {"record_fields": whole.record_fields - {field}})(**params)
    with pytest.raises(UndeclaredUseError, match=f"attack {name} looks at {field}"):
        run_declared(attack, measured, targets=[0])


def test_no_attack_declares_a_field_beyond_these():
    declared = {(name, field) for name, params in ATTACKS for field in create_attack(name, params).record_fields}
    assert declared == {(name, field) for name, _, field in FIELDS} | {
        ("rmia", "is_population"),
        ("population", "is_population"),
        ("quantile", "is_population"),
    }
