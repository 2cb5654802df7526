"""Every attack serves where the target is a released model, and no estimator does."""

from dataclasses import replace

import numpy as np
import pytest

from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.released import released_design, released_records
from privaudit.errors import UnsupportedError
from privaudit.estimators import OneRun, auc
from privaudit.registry import create_attack, list_methods

N = 240


def some_data(n=N, *, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5)).astype(np.float32)
    return dataset_from_arrays(features, rng.integers(0, 2, n), name="some", record_ids=[f"p{k}" for k in range(n)])


def names(*numbers):
    return [f"p{number}" for number in numbers]


def a_design(*, n_models=8, population=0.25, seed=0, n_in=70, n_out=160):
    records = released_records(some_data(), names(*range(n_in)), names(*range(n_in, n_in + n_out)))
    return released_design(records, n_models=n_models, population=population, seed=seed), records


UNABLE = {"lt_iqr", "chameleon"}  # nobody watched the released model's training, or planted records in it
KNOWN = [method.name for method in list_methods("attack") if method.name not in UNABLE]


@pytest.mark.parametrize("name", KNOWN)
def test_every_attack_serves_and_no_estimator_does(make_inputs, name):
    """Members' margins are higher by two deviations in every model: an attack that sees it has an AUC far above 1/2; the gap
    attack, which sees a sign alone, one of .74.
    """
    design, records = a_design(n_models=16)
    rng = np.random.default_rng(0)
    margin = rng.normal(size=design.is_in.shape) + 2.0 * design.is_in
    attack = create_attack(name, {})
    inputs = make_inputs(design, margin)
    (result,) = attack.run(inputs, targets=[16])
    scored = ~design.is_population
    assert np.array_equal(result.label.astype(bool), records.is_member[scored])
    assert not result.depends_on_coins and not result.has_fair_coins
    assert auc(result.scores, result.label) > 0.7
    with pytest.raises(UnsupportedError, match="released model"):
        OneRun().estimate(result, delta=1e-5, confidence=0.95)


@pytest.mark.parametrize("name", KNOWN)
def test_no_attack_reads_the_lists(make_inputs, name):
    """Other members, the same signals: the same scores, to the last digit."""
    design, _ = a_design(n_models=8)
    margin = np.random.default_rng(0).normal(size=design.is_in.shape)
    is_in = design.is_in.copy()
    is_in[-1, design.coin_records] = 1 - is_in[-1, design.coin_records]
    attack = create_attack(name, {})
    (one,) = attack.run(make_inputs(design, margin), targets=[8])
    (other,) = attack.run(make_inputs(replace(design, is_in=is_in), margin), targets=[8])
    assert np.array_equal(one.scores, other.scores) and np.array_equal(one.label, 1 - other.label)


def test_all_shadows_serve(make_inputs):
    """No pair is left out: every one of 4 shadows has a part in LiRA's scores of the released model."""
    design, _ = a_design(n_models=4)
    margin = np.random.default_rng(0).normal(size=design.is_in.shape)
    attack = create_attack("lira", {})
    (before,) = attack.run(make_inputs(design, margin), targets=[4])
    for shadow in range(4):
        changed = margin.copy()
        changed[shadow] += 1.0
        (after,) = attack.run(make_inputs(design, changed), targets=[4])
        assert (before.scores != after.scores).any()
