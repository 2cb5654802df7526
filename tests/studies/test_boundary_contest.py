"""The boundary contest on linear models, whose distances are known."""

import numpy as np
import pytest
import torch
from torch import nn

from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.design import make_design
from privaudit.estimators import auc
from privaudit.studies.label_only.boundary_contest import boundary_contest, boundary_inputs


@pytest.fixture(scope="module")
def world():
    """Two classes on a line with 5 more features; models that differ in their offset."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 6)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int64)
    labels[:5] = 1 - labels[:5]
    dataset = dataset_from_arrays(features, labels, name="line")
    design = make_design(
        kind="paired",
        n_models=4,
        n_records=60,
        targets="all",
        population=0.2,
        seed=0,
        record_codes=np.arange(60),
    )
    networks = [nn.Linear(6, 1) for _ in range(4)]
    for place, network in enumerate(networks):
        with torch.no_grad():
            network.weight.copy_(torch.eye(1, 6))
            network.bias.fill_(0.05 * place)
    return design, dataset, networks


def test_distances_are_those_to_the_plane_and_areas_follow(world):
    design, dataset, networks = world
    found = boundary_contest(design, dataset, networks, most=1)
    records = design.coin_records
    value = dataset.features[records, 0].astype(float)
    is_right = (value > 0) == (dataset.labels[records] == 1)
    exact = np.where(is_right, np.abs(value), 0.0)
    assert found.gap == auc(is_right * 1.0, design.is_in[0, records])
    assert found.boundary == pytest.approx(auc(exact, design.is_in[0, records]), abs=0.03)
    assert len(found.early) == 5 and found.n_failed == 0 and 1500 < found.n_queries < 2172


def test_only_the_targets_are_measured(world):
    design, dataset, networks = world
    table = boundary_inputs(design, dataset, networks, [2]).signals["boundary_distance"]
    assert table.model_index.tolist() == [2] and np.array_equal(table.record_index, design.coin_records)
