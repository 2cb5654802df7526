"""DHAttack's part of the label-only study: figures of small models, and what the check says."""

import numpy as np
import torch
from torch import nn

from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.design import make_design
from privaudit.studies.label_only.direction_contest import (
    DirectionFigures,
    direction_check,
    direction_contest,
    direction_inputs,
)

N_MODELS, N_RECORDS, LONGER = 6, 240, 8


class Remembers(nn.Module):
    """Right about a one-hot record until its zeros have risen by the record's own number of steps, of which there are 50."""

    def __init__(self, steps):
        super().__init__()
        self.bound = (torch.as_tensor(steps) - 0.5) / 50

    def forward(self, x):
        record = x.argmax(dim=1)
        return ((2 * (record % 2) - 1) * (self.bound[record] - x.amin(dim=1)))[:, None]


def test_distances_are_those_of_the_networks_and_calibration_finds_members():
    """Members stand 8 steps longer, where records differ by 38."""
    dataset = dataset_from_arrays(np.eye(N_RECORDS, dtype=np.float32), np.arange(N_RECORDS) % 2, name="some")
    design = make_design(
        kind="paired",
        n_models=N_MODELS,
        n_records=N_RECORDS,
        targets="all",
        population=0.0,
        seed=0,
        record_codes=dataset.row,
    )
    steps = np.random.default_rng(0).integers(2, 40, N_RECORDS) + LONGER * design.is_in
    networks = [Remembers(row) for row in steps]
    inputs = direction_inputs(design, dataset, networks)
    np.testing.assert_array_equal(inputs.dense("direction_distance"), steps)
    np.testing.assert_array_equal(inputs.dense("correct"), 1.0)
    figures = direction_contest(design, dataset, networks, most=2)
    assert set(figures) == {"z", "rank", "paper", "none"}
    assert figures["z"].auc == figures["z"].floor == 1.0 and figures["none"].auc < 0.75


def test_the_check_compares_means_over_seeds():
    def seed(floor, alone):
        return {"z": DirectionFigures(0.6, floor, floor), "none": DirectionFigures(0.6, 0.0, alone)}

    assert direction_check("fashion", [seed(0.03, 0.012), seed(0.05, 0.014)]).is_met
    assert not direction_check("fashion", [seed(0.019, 0.002)] * 2).is_met  # a guess reaches 1 %
    missed = direction_check("fashion", [seed(0.03, 0.02), seed(0.04, 0.02)])
    assert not missed.is_met and "0.035" in missed.measured and "0.040" in missed.wanted
