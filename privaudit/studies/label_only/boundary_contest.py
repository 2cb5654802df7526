"""The boundary distance beside the gap attack on one seed's models: what some 2,000 labels per record add to one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import nn

from privaudit.attacks.label_only.boundary import CHECKPOINTS, BoundaryDistance
from privaudit.data.dataset import Dataset
from privaudit.estimators import auc
from privaudit.games.declared import run_declared
from privaudit.interfaces import AuditInputs
from privaudit.scoring.boundary_distance import read_boundary_distance
from privaudit.scoring.label_oracle import label_oracle_of
from privaudit.scoring.signals import BOUNDARY_DISTANCE
from privaudit.studies.leaderboard.contest import played
from privaudit.types import AuditDesign, SignalTable

MOST_TARGETS = 1  # a target takes about five million labels


class BoundaryFigures(NamedTuple):
    """What the distance reached on one seed, means over the models that play the target.

    Attributes:
        boundary: area under the curve of the distance.
        gap: the same of whether the label is right.
        early: areas at the checkpoints, from the starts alone to all iterations.
        n_queries: mean queries per record.
        n_failed: records from which no boundary was reached.
    """

    boundary: float
    gap: float
    early: tuple[float, ...]
    n_queries: float
    n_failed: float


def boundary_contest(
    design: AuditDesign, dataset: Dataset, networks: Sequence[nn.Module], *, most: int = MOST_TARGETS
) -> BoundaryFigures:
    """Measure the boundary distance of every record with a coin on some targets, and score it.

    Args:
        design: of the models.
        dataset: the records.
        networks: one per model, on the CPU.
        most: number of models that play the target.
    """
    targets = played(len(networks), most=most)
    inputs = boundary_inputs(design, dataset, networks, targets)
    ladder = BoundaryDistance.query_ladder
    results = run_declared(BoundaryDistance(), inputs, targets=targets)
    areas = [
        [auc(one.scores, one.label) for one in run_declared(BoundaryDistance(n_queries=n), inputs, targets=targets)]
        for n in ladder
    ]
    correct, records = inputs.signals["correct"].values[:, :, 0], design.coin_records
    return BoundaryFigures(
        boundary=float(np.mean([auc(one.scores, one.label) for one in results])),
        gap=float(np.mean([auc(correct[one.target, records], one.label) for one in results])),
        early=tuple(float(np.mean(row)) for row in areas),
        n_queries=float(np.mean([one.params["mean_queries"] for one in results])),
        n_failed=float(np.mean([one.params["n_failed"] for one in results])),
    )


def boundary_inputs(
    design: AuditDesign, dataset: Dataset, networks: Sequence[nn.Module], targets: Sequence[int]
) -> AuditInputs:
    """Return what the attack reads, off the targets' labels alone; other models count as having every label right.

    Args:
        design: of the models.
        dataset: the records.
        networks: one per model, on the CPU.
        targets: numbers of the models to measure.
    """
    records = design.coin_records
    features = np.ascontiguousarray(dataset.features[records], dtype=np.float32)
    correct = np.ones((design.n_models, design.n_records, 1))
    values = np.empty((len(targets), len(records), 2 * len(CHECKPOINTS)))
    for place, target in enumerate(targets):
        oracle = label_oracle_of(networks[target], n_records=len(records))
        values[place] = read_boundary_distance(oracle, features, dataset.labels[records], design.seed)
        correct[target, records, 0] = values[place, :, 0] > 0
    every_model, every_record = np.arange(design.n_models), np.arange(design.n_records)
    tables = {
        BOUNDARY_DISTANCE: (values, np.asarray(targets), records),
        "correct": (correct, every_model, every_record),
    }
    return AuditInputs(
        design=design,
        labels=dataset.labels,
        signals={
            name: SignalTable(name=name, values=found, model_index=models, record_index=rows)
            for name, (found, models, rows) in tables.items()
        },
        usable=every_model,
    )
