"""Jobs of worlds: models list their own records, repeats and changed classes included; sides never train side by side."""

from pathlib import Path

import numpy as np
import pytest
import torch

from privaudit.config import RecipeConfig, parse
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import TrainerPlan, groups_of
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import resolve_recipe
from privaudit.training.world_job import make_world_job
from privaudit.types import WorldDesign

N = 40


def design(members, member_labels=None):
    n = len(members)
    return WorldDesign(
        names=("a", "b"),
        ratios=None,
        world=np.arange(n) // (n // 2),
        role=np.resize(["shadow", "target"], n),
        members=tuple(np.asarray(rows) for rows in members),
        member_labels=member_labels,
        query_records=np.arange(4),
        query_world=np.array([0, 0, 1, 1]),
        control=None,
        seed=3,
    )


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N, 3)).astype(np.float32)
    return features, (features[:, 0] > 0).astype(np.int64)


def job(data, design, **changes):
    content = {"epochs": 20, "batch_size": 20, "optimizer": {"lr": 0.5}}
    recipe = resolve_recipe(parse(RecipeConfig, content, where="test"), n_canaries=2 * 20)
    return make_world_job(
        *data,
        design,
        **{
            "n_classes": 2,
            "spec": ModelSpec(build="linear", params={}, train=None, base=None),
            "recipes": {"shadow": recipe, "target": recipe},
            "device": "cpu",
            "folder": Path(),
            "plan": TrainerPlan(trainer="ensemble", group_size=2),
            **changes,
        },
    )


def test_members_are_the_designs_and_repeats_stay(data):
    rows = [[1, 1, 2], [3, 4, 5], [6, 6, 6], [7, 8, 9]]
    made = job(data, design(rows))
    assert [made.members(row).tolist() for row in range(4)] == rows
    assert made.features is data[0] or np.shares_memory(made.features, data[0])  # no copy of the data


def test_changed_classes_are_rows_of_their_own_and_the_rest_stays(data):
    features, labels = data
    rows = [[0, 1, 1], [2, 3, 4], [5, 6, 7], [1, 9, 10]]
    seen = [labels[own].copy() for own in rows]
    seen[0][1] = 1 - seen[0][1]  # one of two copies of record 1
    seen[3][0] = 1 - seen[3][0]  # record 1 again: the same changed row
    made = job(data, design(rows, tuple(seen)))
    for row, own in enumerate(rows):
        members = made.members(row)
        np.testing.assert_array_equal(made.features[members], features[own])
        np.testing.assert_array_equal(made.labels[members], seen[row])
    assert len(made.labels) == N + 1
    np.testing.assert_array_equal(made.labels[:N], labels)


def test_repeats_and_changed_classes_reach_the_weights(data):
    features, labels = data
    rows = [np.arange(20)] * 4
    flipped = tuple(1 - labels[own] for own in rows)
    plain, turned = (trained_networks(job(data, each), [0, 2]) for each in (design(rows), design(rows, flipped)))
    with torch.no_grad():
        for one, other in zip(plain, turned, strict=True):
            right = (one(torch.from_numpy(features[:20])).argmax(1).numpy() == labels[:20]).mean()
            wrong = (other(torch.from_numpy(features[:20])).argmax(1).numpy() == labels[:20]).mean()
            assert right > 0.9 and wrong < 0.1


def test_victims_and_shadow_models_are_never_in_one_group(data):
    made = job(data, design([np.arange(20)] * 8))
    groups = list(groups_of(made.variant, range(8), size=2))
    role = np.resize(["shadow", "target"], 8)
    assert all(len(set(role[list(group)])) == 1 for group in groups) and sorted(sum(groups, ())) == list(range(8))


def test_each_side_has_its_recipe(data):
    recipes = {
        role: resolve_recipe(parse(RecipeConfig, {"epochs": n, "batch_size": 20}, where="test"), n_canaries=40)
        for role, n in (("shadow", 3), ("target", 7))
    }
    made = job(data, design([np.arange(20)] * 4), recipes=recipes)
    assert [made.recipe(row).epochs for row in range(4)] == [3, 7, 3, 7]
