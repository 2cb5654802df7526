"""Attacks find members of real models, and find nothing where coins are redrawn.

The thresholds are the acceptance lines of the first release; the figures measured when they were set stand beside them.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from privaudit import run_audit
from privaudit.data import dataset_from_arrays
from privaudit.data.design import make_design
from privaudit.estimators import auc, auc_null_variance, one_run, two_sided_guesses
from privaudit.pipeline.stored import read_inputs
from privaudit.registry import create_attack
from privaudit.store.design_file import read_design
from privaudit.store.folder import AuditFolder

DATA = Path(os.environ.get("PRIVAUDIT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SGD = {"name": "sgd", "lr": 0.1, "momentum": 0.9}
GUESSES = {"name": "one_run", "share": 0.1}

pytestmark = pytest.mark.slow


def shared(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(
            f"{name} is not bundled (no licence stated, or too large); it is read from PRIVAUDIT_DATA or ../shared/data"
        )
    return np.load(path)


def audit(dataset, out, *, hidden, recipe, n_models, primary="lira"):
    """Every model in turn the target."""
    config = {
        "model": {"build": "mlp", "params": {"hidden": [hidden]}},
        "recipe": recipe,
        "design": {"n_models": n_models, "targets": "all", "population": 0.2},
        "estimators": [GUESSES],
        "primary": {"attack": primary, "estimator": "one_run"},
        "engine": {"kind": "inline"},
        "report": {"formats": ["json"]},
        "out": str(out),
    }
    return run_audit(config, dataset=dataset)


def over_targets(report, attack, name, at=None):
    found = [finding for finding in report.findings("mia") if finding.method == attack]
    return np.array([m.value for finding in found for m in finding.metrics if (m.name, m.at) == (name, at)])


def bounds(report, attack):
    return np.array([f.estimates[0].lower for f in report.findings("mia") if f.method == attack])


def inputs_of(out):
    folder = AuditFolder(out)
    design, records = read_design(folder.design)
    return read_inputs(folder, design, records, np.arange(design.n_models), signals=("logit_margin", "negative_loss"))


@pytest.fixture(scope="module")
def location30(tmp_path_factory):
    packed = shared("location30.npz")
    features = np.unpackbits(packed["bits"], axis=1)[:, : int(packed["n_features"])].astype(np.float32)
    out = tmp_path_factory.mktemp("location30")
    recipe = {"epochs": 30, "batch_size": 64, "optimizer": SGD}
    dataset = dataset_from_arrays(features, packed["y"], name="location30")
    return audit(dataset, out, hidden=64, recipe=recipe, n_models=32, primary="loss"), out


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    from sklearn.datasets import load_digits

    features, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    flipped = rng.random(len(labels)) < 0.2  # the same flips for all models: records that must be learned by heart
    labels = np.where(flipped, (labels + rng.integers(1, 10, len(labels))) % 10, labels)
    out = tmp_path_factory.mktemp("digits")
    recipe = {"epochs": 100, "batch_size": 64, "optimizer": SGD}
    dataset = dataset_from_arrays((features / 16).astype(np.float32), labels, name="digits, 20 % flipped")
    return audit(dataset, out, hidden=128, recipe=recipe, n_models=16), out


def test_location30_members_are_found(location30):
    """Measured: LiRA AUC .940, loss .809, LiRA TPR at 1 % FPR .408; median bound at 95 % of RMIA 4.78, of LiRA 4.36.

    The primary attack is the loss, so that the bounds of the others are made at the plain 95 % and not at a level shared
    over 32 targets, whose ceiling is 2.2.
    """
    report, _ = location30
    lira, loss = over_targets(report, "lira", "auc"), over_targets(report, "loss", "auc")
    assert len(lira) == 32
    assert lira.mean() >= 0.90
    assert lira.mean() - loss.mean() >= 0.10
    assert over_targets(report, "lira", "tpr_at_fpr", 0.01).mean() >= 0.25
    assert np.median(bounds(report, "lira")) >= 3
    assert np.median(bounds(report, "rmia")) >= 3


@pytest.mark.statistical
def test_location30_with_coins_redrawn_shows_nothing(location30):
    """2,000 redraws of one target's coins; a correct bound fails with probability at most 1e-6."""
    _, out = location30
    (result,) = create_attack("rmia", {}).run(inputs_of(out), targets=[0])
    guesses = two_sided_guesses(result.scores, 0.1)
    coins = np.random.default_rng(2024).integers(0, 2, (2000, len(guesses)))
    correct = ((guesses == 1) & (coins == 1) | (guesses == -1) & (coins == 0)).sum(axis=1)
    n_guesses = int(np.abs(guesses).sum())
    lower = {
        int(right): one_run(len(guesses), n_guesses, int(right), delta=1e-5, confidence=0.95).lower
        for right in np.unique(correct)
    }
    exceeds = sum(lower[int(right)] > 0 for right in correct)
    assert 0 < exceeds <= stats.binom.ppf(1 - 1e-6, 2000, 0.05)  # 0 would mean a bound that never rejects


def test_digits_members_are_found(digits):
    """Measured: LiRA AUC .794, RMIA .816, loss .700; training accuracy .98."""
    report, _ = digits
    assert over_targets(report, "lira", "auc").mean() >= 0.78
    assert over_targets(report, "lira", "auc").mean() > over_targets(report, "loss", "auc").mean()
    assert over_targets(report, "accuracy", "accuracy_in").min() > 0.5, "a model diverged; it is kept and reported"


@pytest.mark.statistical
@pytest.mark.parametrize("n_models", [4, 8, 16])
@pytest.mark.parametrize(
    ("attack", "params"),
    [
        ("loss", {}),
        ("lira", {}),
        ("lira", {"variance": "pooled"}),
        ("rmia", {}),
        ("rmia", {"score": "population_share"}),
    ],
)
def test_redrawn_coins_tell_nothing_on_real_models(digits, attack, params, n_models):
    """Signals of trained models under coins that never trained them: AUC within its exact permutation variance.

    10 redraws, one fixed target each; their mean by the sum of the variances, at 1 - 1e-6 in all (two-sided normal; with
    1,438 canaries the permutation distribution of the mean is normal far into the tails).
    """
    _, out = digits
    real = inputs_of(out)
    areas, variances = [], []
    for redraw in range(10):
        coins = make_design(
            kind="paired",
            n_models=n_models,
            n_records=real.design.n_records,
            targets=[0],
            population=0.2,
            seed=900 + redraw,
            record_codes=real.design.record_codes,
        )
        # the population stays the real one: its records are in no model under the old coins and the new
        kept = np.where(
            real.design.is_population, 0, coins.is_in | (coins.is_population & (np.arange(n_models) % 2 == 0)[:, None])
        )
        design = replace(coins, is_in=kept, is_population=real.design.is_population)
        signals = {
            name: replace(table, values=table.values[:n_models], model_index=np.arange(n_models))
            for name, table in real.signals.items()
        }
        inputs = replace(real, design=design, signals=signals, usable=np.arange(n_models))
        (result,) = create_attack(attack, params).run(inputs, targets=[0])
        areas.append(auc(result.scores, result.label))
        n_in = int(result.label.sum())
        variances.append(auc_null_variance(result.scores, n_in, len(result.label) - n_in))
    z = (np.mean(areas) - 0.5) / (np.sqrt(np.sum(variances)) / 10)
    assert abs(z) < stats.norm.isf(0.5e-6)


def test_letter26_is_near_the_null(tmp_path):
    """A model that generalises: measured loss .509, LiRA .512 (RMIA .551: it sees the little there is)."""
    packed = shared("letter26.npz")
    features = packed["X"].astype(np.float32)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    dataset = dataset_from_arrays(features, packed["y"], name="letter26")
    recipe = {"epochs": 10, "batch_size": 64, "optimizer": {"name": "adam", "lr": 1e-3}}
    report = audit(dataset, tmp_path / "out", hidden=64, recipe=recipe, n_models=16)
    for attack in ("loss", "lira"):
        assert 0.49 <= over_targets(report, attack, "auc").mean() <= 0.53
