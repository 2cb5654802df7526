"""The audit looks at the training: a trainer that is broken on purpose is not called consistent."""

import numpy as np
import torch

from privaudit import run_audit
from privaudit.training import ensemble_step
from privaudit.training.canary_observer import CanaryObserver
from privaudit.training.ensemble_noise import NoiseSource


def outcome(folder):
    # 300 coins at epsilon 4: correct training is called violated with probability below .05, and not at this seed
    config = {
        "kind": "canaries",
        "seed": 0,
        "out": str(folder),
        "engine": {"kind": "inline"},
        "data": {"source": "digits", "n_records": 100},
        "model": {"build": "mlp", "params": {"hidden": [32]}},
        "recipe": {
            "steps": 10,
            "sample_rate": 1.0,
            "optimizer": {"name": "sgd", "lr": 0.1},
            "dp": {"epsilon": 4, "max_grad_norm": 3.0, "delta": 1e-5},
        },
        "canaries": {"game": "one_run", "kind": "coordinate", "n_canaries": 300},
    }
    return run_audit(config).claim_verdict()


def test_what_is_not_broken_is_consistent(tmp_path):
    assert outcome(tmp_path / "a").outcome == "consistent"


def test_noise_that_never_reaches_the_sums_is_seen(tmp_path, monkeypatch):
    def fill(self):
        for part, _ in self._draws:
            part.zero_()
        return True

    monkeypatch.setattr(NoiseSource, "fill", fill)
    verdict = outcome(tmp_path / "a")
    assert verdict.outcome == "violated" and verdict.numbers["curve_refuted"] and verdict.numbers["noise_refuted"]


def test_noise_that_is_overwritten_by_the_sums_is_seen(tmp_path, monkeypatch):
    own = ensemble_step.EnsembleStep.add_gradients
    monkeypatch.setattr(
        ensemble_step.EnsembleStep, "add_gradients", lambda self, rows, sizes, keep: own(self, rows, sizes, keep=False)
    )
    assert outcome(tmp_path / "a").outcome == "violated"


def test_a_clip_that_clips_nothing_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(ensemble_step, "clip_factors", lambda norms, clip: torch.ones_like(norms))
    verdict = outcome(tmp_path / "a")
    assert verdict.outcome == "violated" and verdict.numbers["curve_refuted"]


def test_canaries_that_never_enter_are_no_evidence(tmp_path, monkeypatch):
    monkeypatch.setattr(CanaryObserver, "_add", staticmethod(lambda stacked, added: None))
    verdict = outcome(tmp_path / "a")
    assert verdict.outcome == "too_weak" and "control" in verdict.reason


def test_dropout_is_drawn_as_if_nobody_looked():
    from privaudit.training.ensemble import known_sums

    class Step:
        class stacked:
            gradients = torch.zeros(3)

        def add_gradients(self, rows, sizes, *, keep):
            self.stacked.gradients[:] = torch.rand(3)

    torch.manual_seed(0)
    known = known_sums(Step(), torch.zeros(1), None)
    np.testing.assert_array_equal(known, torch.rand(3))
