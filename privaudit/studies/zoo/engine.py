"""The game of the zoo: many stacked trainings with and without one gradient canary, and what a white-box auditor sees."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor

from privaudit.data.gradient_canaries import GradientCanaries, make_gradient_canaries
from privaudit.errors import TrainingError
from privaudit.studies.zoo.mechanisms import Mechanism
from privaudit.studies.zoo.record_gradients import N_WEIGHTS, SHAPES, initial_weights, record_gradients
from privaudit.studies.zoo.step import Step
from privaudit.types import DpSgdParams

CHUNK = 100  # runs that train side by side: 16 MB of per-record gradients with 32 records


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is trained, and with which canary; noise and sample rate are those that the accountant was told.

    Attributes:
        steps: number of steps.
        clip: the clipping norm C.
        n_records: background records, the same in all runs.
        learning_rate: of plain gradient steps on the sum over the expected batch size.
        canary: shape of the gradient canary.
        canary_norm: its norm before the clip, in multiples of C.
        canary_layer: the layer it lies in, for the shape ``layer``.
    """

    steps: int = 20
    clip: float = 1.0
    n_records: int = 32
    learning_rate: float = 0.1
    canary: str = "coordinate"
    canary_norm: float = 100.0
    canary_layer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transcript:
    """What the auditor sees of all runs; the background's part of every released sum is subtracted.

    Attributes:
        projections: ``(n_steps, n_runs)`` along the canary, in units of C: 0 without and 1 with it, plus noise.
        energy: ``(n_runs,)`` squared norm over all steps and all weights but the canary's direction, in units of C^2.
        residuals: ``(n_steps, n_runs, n_weights)`` all that is left, or ``None`` unless asked for.
    """

    projections: NDArray[np.float64]
    energy: NDArray[np.float64]
    residuals: NDArray[np.float32] | None


def play(
    mechanism: Mechanism,
    training: Training,
    accounted: DpSgdParams,
    is_in: NDArray[np.bool_],
    *,
    seed: int,
    keep_residuals: bool = False,
) -> Transcript:
    """Train runs side by side and return what a white-box auditor sees.

    Data, initial weights and canary are the same in all runs; noise and batches are each run's own. The auditor knows
    the data, so at every step he lets the mechanism run once more, on the released weights and the run's batch, without
    canary and without noise, and subtracts that.

    Args:
        mechanism: what is audited.
        training: what is trained.
        accounted: what the accountant was told; of it the noise multiplier and the sample rate reach the mechanism.
        is_in: ``(n_runs,)`` whether the canary is in the run's data.
        seed: of data, weights, canary, batches and noise.
        keep_residuals: keep everything that is left after the subtraction; large.

    Raises:
        TrainingError: if weights became infinite or NaN.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023.
    """
    game = _Game(mechanism, training, accounted, seed, keep_residuals)
    parts = [game.play(chunk) for chunk in np.array_split(is_in, -(-len(is_in) // CHUNK))]
    kept = [part.residuals for part in parts if part.residuals is not None]
    return Transcript(
        projections=np.concatenate([part.projections for part in parts], axis=1),
        energy=np.concatenate([part.energy for part in parts]),
        residuals=np.concatenate(kept, axis=1) if kept else None,
    )


def background(n_records: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return ``(n_records, 64)`` handwritten digits in [0, 1] and their ``(n_records,)`` classes, drawn by the seed."""
    digits = load_digits()
    rows = np.random.default_rng(seed).choice(len(digits.data), size=n_records, replace=False)
    return torch.tensor(digits.data[rows] / 16, dtype=torch.float32), torch.tensor(digits.target[rows])


def canary_of(training: Training, seed: int) -> GradientCanaries:
    """Return the one canary of a training."""
    return make_gradient_canaries(
        training.canary,
        weights=SHAPES,
        n_canaries=1,
        norm=training.canary_norm,
        seed=seed,
        layer=training.canary_layer,
    )


class _Game:
    """Plays chunks of runs on the same data, initial weights and canary, one after the other."""

    def __init__(
        self, mechanism: Mechanism, training: Training, accounted: DpSgdParams, seed: int, keep_residuals: bool
    ) -> None:
        self.mechanism, self.training, self.accounted = mechanism, training, accounted
        self.keep_residuals = keep_residuals
        self.features, self.labels = background(training.n_records, seed)
        self.canaries = canary_of(training, seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.start = initial_weights(self.generator)

    def play(self, is_in: NDArray[np.bool_]) -> Transcript:
        """Train one chunk of runs."""
        present = torch.ones(len(is_in), len(self.features) + 1)
        present[:, -1] = torch.tensor(is_in)
        weights, gradients = self.start.repeat(len(is_in), 1), torch.empty(*present.shape, N_WEIGHTS)
        direction = torch.tensor(self.canaries.directions[0])
        own: dict[str, Tensor] = {}
        auditors: dict[str, Tensor] = {}
        projections, energy, residuals = [], torch.zeros(len(is_in), dtype=torch.float64), []
        for number in range(self.training.steps):
            sign = self.canaries.sign(number)
            record_gradients(weights, self.features, self.labels, gradients[:, :-1])
            gradients[:, -1] = sign * self.canaries.norm * self.training.clip * direction
            step = self._step(number, gradients, present, own)
            released = self.mechanism(step)
            left = (released - self.mechanism(_as_auditor(step, auditors))) / self.training.clip
            along = left.double() @ direction.double()
            projections.append(sign * along)
            energy += left.double().square().sum(-1) - along.square()
            residuals += [left] if self.keep_residuals else []
            weights -= self.training.learning_rate / step.n_expected * released
        if not weights.isfinite().all():
            raise TrainingError("weights became infinite or NaN; the learning rate is too large for this mechanism.")
        return Transcript(
            projections=torch.stack(projections).numpy(),
            energy=energy.numpy(),
            residuals=torch.stack(residuals).numpy() if residuals else None,
        )

    def _step(self, number: int, gradients: Tensor, present: Tensor, memory: dict[str, Tensor]) -> Step:
        rate, in_batch = self.accounted.sample_rate, present
        if rate < 1.0:
            in_batch = present * (torch.rand(present.shape, generator=self.generator) < rate)
        return Step(
            number=number,
            gradients=gradients,
            in_batch=in_batch,
            clip=self.training.clip,
            noise_multiplier=self.accounted.noise_multiplier,
            n_expected=rate * len(self.features),
            steps_per_epoch=round(1 / rate),
            generator=self.generator,
            memory=memory,
        )


def _as_auditor(step: Step, memory: dict[str, Tensor]) -> Step:
    """Return the step without canary and noise; the auditor keeps a memory of his own."""
    in_batch = step.in_batch.clone()
    in_batch[:, -1] = 0.0
    return replace(step, in_batch=in_batch, generator=None, memory=memory)
