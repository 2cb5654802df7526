"""Many independent private steps by Opacus itself, of one model on one tiny data set.

The script is a user's own: a logistic regression, a `DataLoader`, `PrivacyEngine.make_private`, one step. Module, engine
and optimizer are made once for a data set; every run starts from the same weights and draws noise of its own.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from opacus import PrivacyEngine
from opacus.optimizers import DPOptimizer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit.training.randomness import isolated_random_state

INPUT = 10.0  # of every record: the gradients' norm of 5 is far beyond the clip, so each counts with its sign alone
BATCH_SIZE = 1000  # the script's own, not below any data set here: one batch holds all of it, at sample rate 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Divisor:
    """What a step divides the noisy sum by.

    Attributes:
        loss_reduction: as handed to Opacus; ``sum`` divides by nothing.
        public: the constant put in place of the expected batch size that Opacus computed, or ``None`` to leave it.
    """

    loss_reduction: Literal["mean", "sum"] = "mean"
    public: float | None = None

    def of(self, n_records: int) -> float:
        """Return the divisor of a data set's step."""
        if self.loss_reduction == "sum":
            return 1.0
        return float(n_records) if self.public is None else self.public


def released_gradients(
    labels: tuple[int, ...], *, divisor: Divisor, noise_multiplier: float, n_runs: int, seed: int
) -> NDArray[np.float64]:
    """Run the script many times on one data set.

    Args:
        labels: of its records: a record of label 0 has the clipped gradient +1, one of label 1 has -1.
        divisor: of the noisy sum.
        noise_multiplier: of the step.
        n_runs: independent runs.
        seed: of the noise.

    Returns:
        ``(n_runs,)`` the noisy gradient that each run's weight tells, in units of the clip.
    """
    with isolated_random_state(seed % 2**63, torch.device("cpu")), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Opacus's notes on secure_mode, hooks and data sets
        script = _Script(labels, divisor, noise_multiplier, seed)
        return np.array([script.run() for _ in range(n_runs)])


def opacus_epsilon(*, noise_multiplier: float, delta: float) -> float:
    """Return what Opacus says of one step of this script, whatever its data.

    Args:
        noise_multiplier: of the step.
        delta: where epsilon is read off.
    """
    with isolated_random_state(0, torch.device("cpu")), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = _Script((0, 0), Divisor(), noise_multiplier, 0)
        script.run()
        return float(script.engine.get_epsilon(delta))


class _Script:
    """A user's script, up to the loop."""

    def __init__(self, labels: tuple[int, ...], divisor: Divisor, noise_multiplier: float, seed: int) -> None:
        wanted = torch.tensor(labels, dtype=torch.float32)[:, None]
        model = nn.Linear(1, 1, bias=False)
        self.weight = model.weight
        self.loss = nn.BCEWithLogitsLoss(reduction=divisor.loss_reduction)
        self.engine = PrivacyEngine()
        made = self.engine.make_private(
            module=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
            data_loader=DataLoader(TensorDataset(torch.full_like(wanted, INPUT), wanted), batch_size=BATCH_SIZE),
            noise_multiplier=noise_multiplier,
            max_grad_norm=1.0,
            loss_reduction=divisor.loss_reduction,
            noise_generator=torch.Generator().manual_seed(seed),
        )
        self.model, self.optimizer, self.loader = made
        assert isinstance(self.optimizer, DPOptimizer)
        if divisor.public is not None:
            self.optimizer.expected_batch_size = divisor.public

    def run(self) -> float:
        """Train for the one step, from weight 0 at learning rate 1."""
        with torch.no_grad():
            self.weight.zero_()
        for inputs, wanted in self.loader:
            self.optimizer.zero_grad()
            self.loss(self.model(inputs), wanted).backward()
            self.optimizer.step()
        return -self.weight.item()
