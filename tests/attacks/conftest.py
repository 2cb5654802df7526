"""Signals laid into a design, for attacks that never see a model."""

import numpy as np
import pytest

from privaudit.data.design import balanced_coins, paired_coins
from privaudit.interfaces import AuditInputs
from privaudit.numerics import log_entropy_term, log_probability
from privaudit.types import AuditDesign, SignalTable


def _coins(kind, n_models, n_records, seed=0):
    return (paired_coins if kind == "paired" else balanced_coins)(n_models, n_records, seed)


def _design(is_in, *, kind="paired", n_population=0, role=None):
    n_models, n_canaries = is_in.shape
    n_records = n_canaries + n_population
    return AuditDesign(
        kind=kind,
        is_in=np.hstack([is_in, np.zeros((n_models, n_population), dtype=np.uint8)]),
        pair=np.arange(n_models) ^ 1 if kind == "paired" else np.full(n_models, -1),
        role=np.full(n_models, "shadow") if role is None else role,
        variant=np.zeros(n_models),
        is_population=np.arange(n_records) >= n_canaries,
        record_codes=np.arange(n_records),
        seed=0,
    )


def _inputs(design, margin, *, models=None, leave_out=()):
    """Inputs whose signals are all computed from one table of logit margins."""
    signals = {
        "logit_margin": margin,
        "negative_loss": log_probability(margin),
        "correct": (margin > 0) * 1.0,
        "negative_loss_t2": log_probability(margin / 2),
        "negative_log_modified_entropy": -np.log(2.0) - log_entropy_term(-margin),  # of two classes
        "negative_loss_trace": np.stack([log_probability(share * margin) for share in (0.1, 0.5, 1.0)], axis=2),
    }
    n_models, n_records = margin.shape
    return AuditInputs(
        design=design,
        labels=np.arange(n_records) % 3,
        signals={
            name: SignalTable(
                name=name,
                values=values.reshape(n_models, n_records, -1),
                model_index=np.arange(n_models),
                record_index=np.arange(n_records),
            )
            for name, values in signals.items()
            if name not in leave_out
        },
        usable=np.arange(n_models) if models is None else np.asarray(models),
        features=np.random.default_rng(0).standard_normal((n_records, 3)).astype(np.float32),
    )


@pytest.fixture(scope="session")
def draw_coins():
    """``draw_coins(kind, n_models, n_records, seed)``."""
    return _coins


@pytest.fixture(scope="session")
def make_design():
    """``make_design(is_in, kind=, n_population=, role=)``: population records come last."""
    return _design


@pytest.fixture(scope="session")
def make_inputs():
    """``make_inputs(design, margin, models=, leave_out=)``."""
    return _inputs
