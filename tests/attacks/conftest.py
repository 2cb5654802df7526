"""Signals laid into a design, for attacks that never see a model."""

from collections.abc import Mapping

import numpy as np
import pytest

from privaudit.attacks.label_only.augmentation import N_VIEWS
from privaudit.attacks.label_only.boundary import LADDER
from privaudit.attacks.label_only.chameleon import DEFAULT_CHALLENGE, signal_names
from privaudit.attacks.label_only.dhattack import N_STEPS
from privaudit.attacks.label_only.noise_robustness import NOISE_COPIES, NOISE_LEVELS
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


class _Measured(Mapping):
    """Signals that are computed when an attack asks for one: most attacks read one or two of them."""

    def __init__(self, recipes, coin_records):
        self.recipes, self.coin_records, self.tables = recipes, coin_records, {}

    def __getitem__(self, name):
        if name not in self.tables:
            values = np.asarray(self.recipes[name](), dtype=np.float64)
            n_models, n_records = values.shape[:2]
            records = (
                self.coin_records if "@" in name else np.arange(n_records)
            )  # copies are planted of those with coins
            self.tables[name] = SignalTable(
                name=name,
                values=values.reshape(n_models, n_records, -1)[:, records],
                model_index=np.arange(n_models),
                record_index=records,
            )
        return self.tables[name]

    def __iter__(self):
        return iter(self.recipes)

    def __len__(self):
        return len(self.recipes)


def _label_signals(margin):
    """What a model with these margins might answer near its records: it keeps a label the longer, the larger the margin."""
    inside = np.maximum(margin, 0.0)
    views = np.concatenate([[0.0], np.linspace(-1, 1, N_VIEWS - 1)])
    copies = np.tile(NOISE_COPIES, len(NOISE_LEVELS))
    levels = np.repeat([sigma for sigma, _ in NOISE_LEVELS], len(NOISE_COPIES))
    spent = np.broadcast_to(LADDER, (*margin.shape, len(LADDER)))
    agreement, kept, planted, confidence = signal_names("calibrated", DEFAULT_CHALLENGE)
    queries = (0.0, 0.5, -0.5, 1.0, 2.0)
    return {
        "augmented_correct": lambda: margin[:, :, None] + views > 0,
        "noisy_correct_share": lambda: np.round(np.tanh(inside[:, :, None] / (5 * levels)) * copies) / copies,
        "repeated_correct": lambda: margin > 0,
        "direction_distance": lambda: np.clip(np.round(5 * margin), 0, N_STEPS),
        "boundary_distance": lambda: np.concatenate([inside[:, :, None] * np.ones(len(LADDER)), spent], axis=2),
        agreement: lambda: margin[:, :, None] > queries,
        kept: lambda: np.ones((*margin.shape, len(queries))),
        planted: lambda: np.ones(margin.shape),
        confidence: lambda: np.full(margin.shape, 0.1),
    }


def _inputs(design, margin, *, models=None, leave_out=()):
    """Inputs whose signals are all computed from one table of logit margins."""
    recipes = {
        "logit_margin": lambda: margin,
        "averaged_logit_margin": lambda: margin,
        "negative_loss": lambda: log_probability(margin),
        "correct": lambda: margin > 0,
        "negative_loss_t2": lambda: log_probability(margin / 2),
        "negative_log_modified_entropy": lambda: -np.log(2.0) - log_entropy_term(-margin),  # of two classes
        "negative_loss_trace": lambda: np.stack([log_probability(share * margin) for share in (0.1, 0.5, 1.0)], axis=2),
        **_label_signals(margin),
    }
    n_models, n_records = margin.shape
    return AuditInputs(
        design=design,
        labels=np.arange(n_records) % 3,
        signals=_Measured(
            {name: recipe for name, recipe in recipes.items() if name not in leave_out}, design.coin_records
        ),
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
