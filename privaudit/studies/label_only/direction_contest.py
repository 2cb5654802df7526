"""DHAttack's calibrations on one seed's models, and whether calibration is worth its shadow models over seeds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

import numpy as np
from torch import nn

from privaudit.attacks.label_only.dhattack import Calibration, DhAttack
from privaudit.data.dataset import Dataset
from privaudit.estimators import auc, expected_tpr, tpr_at_fpr
from privaudit.games.declared import run_declared
from privaudit.interfaces import AuditInputs
from privaudit.scoring.direction_distance import read_direction_distance
from privaudit.scoring.label_oracle import label_oracle_of
from privaudit.scoring.signals import DIRECTION_DISTANCE
from privaudit.studies.leaderboard.contest import MOST_TARGETS, played
from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.study import Check
from privaudit.types import AttackResult, AuditDesign, SignalTable

FPR, GAIN = 0.01, 2.0


class DirectionFigures(NamedTuple):
    """What a calibration reached on one seed, means over the models that play the target.

    Attributes:
        auc: area under the curve.
        floor: true positive rate at 1 % FPR, floor rule.
        expected: the same where equal scores are accepted by lot.
    """

    auc: float
    floor: float
    expected: float


def direction_contest(
    design: AuditDesign, dataset: Dataset, networks: Sequence[nn.Module], *, most: int = MOST_TARGETS
) -> dict[Calibration, DirectionFigures]:
    """Measure the direction distance on all models of a seed, and score it with every calibration.

    Args:
        design: of the models.
        dataset: the records.
        networks: one per model, on the CPU.
        most: number of models that play the target; the others but its complement are its shadows.

    Returns:
        calibration -> figures.
    """
    inputs = direction_inputs(design, dataset, networks)
    targets = played(len(networks), most=most)
    names: tuple[Calibration, ...] = get_args(Calibration)
    return {name: _figures(run_declared(DhAttack(calibration=name), inputs, targets=targets)) for name in names}


def direction_inputs(design: AuditDesign, dataset: Dataset, networks: Sequence[nn.Module]) -> AuditInputs:
    """Return what DHAttack reads, off labels alone: a record is classified correctly where its distance is above 0.

    Args:
        design: of the models.
        dataset: the records.
        networks: one per model, on the CPU.
    """
    features = np.ascontiguousarray(dataset.features, dtype=np.float32)
    oracles = [label_oracle_of(network, n_records=dataset.n_records) for network in networks]
    distance = np.stack([read_direction_distance(oracle, features, dataset.labels, 0) for oracle in oracles])
    tables = {DIRECTION_DISTANCE: distance, "correct": (distance > 0).astype(np.float64)}
    every_model, every_record = np.arange(len(networks)), np.arange(dataset.n_records)
    return AuditInputs(
        design=design,
        labels=dataset.labels,
        signals={
            name: SignalTable(name=name, values=values, model_index=every_model, record_index=every_record)
            for name, values in tables.items()
        },
        usable=every_model,
    )


def _figures(results: Sequence[AttackResult]) -> DirectionFigures:
    floors = [tpr_at_fpr(one.scores, one.label, FPR, confidence=0.95).value for one in results]
    return DirectionFigures(
        auc=float(np.mean([auc(one.scores, one.label) for one in results])),
        floor=float(np.mean(np.array(floors, dtype=np.float64))),
        expected=float(np.mean([expected_tpr(one.scores, one.label, FPR) for one in results])),
    )


def direction_check(task: str, seeds: Sequence[Mapping[Calibration, DirectionFigures]]) -> Check:
    """Compare the calibrated attack's floor rate with what the distance alone, or a guess, is expected to reach.

    Args:
        task: its name.
        seeds: figures of independent seeds.
    """
    calibrated = mean_of([one["z"].floor for one in seeds])
    alone = mean_of([one["none"].expected for one in seeds])
    wanted = GAIN * max(FPR, alone.value)
    return Check(
        name=f"{task}: DHAttack calibrated by models without the record, TPR at 1 % FPR",
        wanted=f"at least {wanted:.3f}, twice the larger of 1 % and the distance alone, equal scores accepted by lot ({alone})",
        measured=f"{calibrated} over {calibrated.n} seeds",
        is_met=calibrated.value >= wanted,
    )
