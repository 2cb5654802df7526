"""The study of records and models at risk: its measures on signals made up here, and its tables and checks."""

import os
from pathlib import Path

import numpy as np
import pytest

from privaudit.data.design import make_design
from privaudit.errors import ConfigError
from privaudit.interfaces import AuditInputs
from privaudit.numerics import log_probability
from privaudit.scoring.signals import LOSS_TRACE
from privaudit.studies import record_risk
from privaudit.studies.record_risk import LEVELS, TASK, study
from privaudit.studies.record_risk_measures import (
    RANKINGS,
    Agreement,
    Level,
    Ranked,
    agreement,
    level,
    members_at_risk,
    ranked,
)
from privaudit.studies.study import StudyOptions
from privaudit.types import AttackResult, SignalTable

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def result_of(scores, label):
    return AttackResult(attack="lira", target=0, scores=scores, label=label, unit_ids=np.arange(len(label)))


def inputs_of(margin, trace=None, *, n_models=8):
    """Inputs of a paired design; ``margin(is_in)`` and ``trace(is_in)`` make signals from the coins."""
    design = make_design(
        kind="paired",
        n_models=n_models,
        n_records=2500,
        targets="all",
        population=0.2,
        seed=0,
        record_codes=range(2500),
    )
    values = margin(design.is_in)
    signals = {"logit_margin": values, "negative_loss": log_probability(values), "correct": (values > 0) * 1.0}
    tables = {name: column[:, :, None] for name, column in signals.items()}
    if trace is not None:
        tables[LOSS_TRACE] = trace(design.is_in)
    return AuditInputs(
        design=design,
        labels=np.zeros(2500, dtype=np.int64),
        signals={
            name: SignalTable(name=name, values=table, model_index=np.arange(n_models), record_index=np.arange(2500))
            for name, table in tables.items()
        },
        usable=np.arange(n_models),
    )


def test_members_above_the_floor_rules_threshold_are_at_risk():
    """Of 2,000 non-members 2 may lie above at .1 %: the third highest is the threshold, and ties with it are not above."""
    scores = np.concatenate([np.arange(2000.0), [1996.5, 1997.0, 1997.5, 5.0]])
    label = np.array([0] * 2000 + [1] * 4)
    assert members_at_risk(result_of(scores, label), 0.001).tolist() == [False, False, True, False]


def test_a_trace_that_moves_where_models_memorise_ranks_the_members_at_risk():
    """A tenth of the records jump when they are in; their traces move, and everybody's final loss is the same noise."""
    jumps = np.arange(2500) % 10 == 0

    def margin(is_in):
        return np.random.default_rng(0).normal(size=is_in.shape) + 12.0 * is_in * jumps

    def trace(is_in):
        rng = np.random.default_rng(1)
        moved = (jumps * is_in)[:, :, None] * np.linspace(-6.0, 0.0, 8)
        return moved - np.abs(rng.normal(0.0, 0.1, (*is_in.shape, 8)))

    found = ranked(inputs_of(margin, trace, n_models=32), [0, 3])
    assert found.n_targets == 2 and found.n_top in (10, 11)
    assert 0.08 < found.base_rate < 0.12
    assert found.precision["LT-IQR"] == 1.0
    assert found.precision["loss after epoch 5"] == 1.0  # the loss is still high where it will have moved
    assert (
        found.precision["final loss"] < 0.45
    )  # at a base rate of .1, 20 draws: more than 8 hits have probability 2e-5


def test_a_level_averages_over_its_models():
    same = level(inputs_of(lambda is_in: np.random.default_rng(0).normal(size=is_in.shape)), 0.1)
    other = level(inputs_of(lambda is_in: np.random.default_rng(0).normal(size=is_in.shape) + 6.0 * is_in), 0.0)
    assert same.weight_decay == 0.1
    assert same.tpr < 0.03 and same.tnr < 0.03 and abs(same.gap) < 0.05  # 8 models, 1,000 records a side: .01 to .05
    assert other.tpr > 0.9 and other.tnr > 0.9 and 0.4 < other.gap < 0.6


def test_agreement_is_a_rank_correlation_over_levels():
    rows = [Level(0.0, 0.5, 0.9, 0.1), Level(0.1, 0.2, 0.5, 0.2), Level(0.2, 0.02, 0.1, 0.3)]
    assert agreement(rows) == Agreement(pytest.approx(25.0), pytest.approx(1.0), pytest.approx(-1.0))


def stand_in(function, turns, **options):
    """Results for any seeds: precision .8 and .82, base rate .2, rates from .4 to .02."""
    found = []
    for turn in turns:
        shift = 0.02 * (turn.seed % 2)
        if turn.part == "ranking":
            precision = dict(zip(RANKINGS, (0.8 + shift, 0.79, 0.5), strict=True))
            found.append(Ranked(precision, 0.2, 12, 20))
        else:
            rates = np.linspace(0.4, 0.02, len(LEVELS))
            found.append(tuple(Level(d, r, r + shift, r / 2) for d, r in zip(LEVELS, rates, strict=True)))
    return found


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(record_risk, "run_tasks", stand_in)
    monkeypatch.setattr(type(TASK), "dataset", lambda task, seed, folder: None)


@pytest.mark.usefixtures("no_training")
def test_checks_and_tables_of_a_study():
    result = study(StudyOptions())
    assert [check.is_met for check in result.checks] == [True, True, True, True]
    assert "span" not in result.checks[0].name and "largest over its smallest" in result.checks[2].name
    rows = result.tables[0].rows
    assert [row[0] for row in rows] == list(RANKINGS) and rows[0][1:4] == (0.81, 0.0075, 4.05)
    assert len(result.tables[1].rows) == len(LEVELS) == 14
    assert all(len(row) == len(table.columns) for table in result.tables for row in table.rows)
    assert "train/test gap 1.000" in result.tables[1].notes[0]


@pytest.mark.usefixtures("no_training")
def test_a_precision_or_a_span_that_is_too_small_is_said(monkeypatch):
    monkeypatch.setattr(record_risk, "LEAST_PRECISION", 0.805)  # below the mean .81, above its lower limit
    monkeypatch.setattr(record_risk, "LEAST_SPAN", 21.0)
    assert [check.is_met for check in study(StudyOptions()).checks] == [False, True, False, True]
    quick = study(StudyOptions(is_quick=True))
    assert quick.checks[0].measured == "0.800 (1 seed)" and not quick.checks[0].is_met
    assert "inf" not in quick.tables[0].notes[0] + quick.tables[1].notes[0]


def test_missing_data_are_named_before_anything_is_trained(tmp_path):
    with pytest.raises(ConfigError, match=r"location30\.npz.*PRIVAUDIT_DATA"):
        study(StudyOptions(data_dir=tmp_path))


@pytest.mark.slow
def test_on_location30_traces_find_the_members_at_risk():
    """One seed. Over ten seeds of the full study the precision at 1 % was .864 with a deviation of .039; the limit is .75."""
    folder = Path(os.environ.get("PRIVAUDIT_DATA", SHARED))
    if not (folder / "location30.npz").is_file():
        pytest.skip("location30.npz is not bundled; it is read from the folder that PRIVAUDIT_DATA names")
    result = study(StudyOptions(is_quick=True, workers=1, data_dir=folder))
    assert all(check.is_met for check in result.checks)
