"""Gradient canaries and a white-box auditor's eyes, around an Opacus optimizer that a user's own script drives.

Canaries go the way of records: after the batch's gradients were clipped and summed, rows of per-record gradients are
handed to the optimizer's own ``clip_and_accumulate`` once more, as in its virtual steps. What is left of the noisy sum,
when the batch's own sum is subtracted, is noise and canaries.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from opacus.optimizers import DPOptimizer

from privaudit.data.gradient_canaries import GradientCanaries, make_gradient_canaries
from privaudit.data.seeds import stream_generator
from privaudit.errors import ShapeError, TrainingError, UnsupportedError
from privaudit.estimators import SensitivityProbe
from privaudit.estimators.sensitivity_probe import measure_sensitivity
from privaudit.training.canary_observer import MOST_IDLE, idle_coordinates
from privaudit.training.opacus_canaries_records import displacement_along_records, flat_weights
from privaudit.training.opacus_optimizers import check_optimizer

ROWS_TOGETHER = 2**24  # numbers of per-record gradients handed over at a time: 64 MiB
MOST_PROBED = 32  # records of the sensitivity probe, which holds their gradients three times
PROBED = ("coordinate", "spread", "bias")
ACCUMULATED = (
    "gradients of several batches were accumulated into one step, so no canary can be drawn as its records were. Take "
    "Opacus's BatchMemoryManager for batches that do not fit into memory."
)
REPLACED = (
    "the optimizer's clip or noise was replaced after the audit was attached, so steps went past it. Change the optimizer first, "
    "and attach last."
)
SCHEDULE = (
    "the noise multiplier changed from {:g} to {:g} on the way, and gradient canaries are scored by one for all steps. Leave the "
    "noise scheduler out, or take record canaries."
)


class OpacusCanaries:
    """Puts gradient canaries into the steps of an optimizer and keeps what a white-box auditor sees.

    Args:
        optimizer: an Opacus ``DPOptimizer``; two of its methods are wrapped, on this instance alone.
        weights: name -> trained weight, in the order of the optimizer.
        canaries: gradient canaries, or ``None`` only to look.
        is_in: ``(n_canaries,)`` coins.
        sample_rate: probability with which a step's batch holds a canary that is in.
        seed: of that sampling, and of the idle coordinates.

    Attributes:
        projections: per step ``(n_canaries,)`` in clips.
        sampled: per step ``(n_canaries,)`` bool: the canary was in the batch.
        sizes: per step, how many records of the user's own were in the batch.
        idle_noise: per step ``(n_idle,)`` noisy sum where neither batch nor canary has a part, in clips of that step.
        sensitivity: the sensitivity probe of the first batch, once there was one.

    Raises:
        UnsupportedError: for optimizers without per-record gradients, with a clip of their own choosing, or spread over
            processes, and where another audit watches already.
        ShapeError: if canaries and weights do not fit together.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023.
    """

    def __init__(
        self,
        optimizer: DPOptimizer,
        weights: Mapping[str, torch.nn.Parameter],
        *,
        canaries: GradientCanaries | None,
        is_in: NDArray[np.uint8],
        sample_rate: float,
        seed: int,
    ) -> None:
        """Wrap the optimizer's two methods."""
        check_optimizer(optimizer)
        if isinstance(getattr(optimizer.add_noise, "__self__", None), OpacusCanaries):
            raise UnsupportedError("another canary audit watches this optimizer already; attach one, once.")
        self._optimizer: Any = optimizer
        self._weights: dict[str, Any] = dict(weights)  # Opacus gives them grad_sample and summed_grad
        self._clip_batch: Callable[[], None] = optimizer.clip_and_accumulate
        self._add_noise: Callable[[], None] = optimizer.add_noise
        self._rng = stream_generator(seed, "canary_sampling")
        self._canaries, self._is_in, self._rate = canaries, is_in.astype(bool), sample_rate
        n_weights = sum(weight.numel() for weight in weights.values())
        if canaries is not None and canaries.directions.shape[1] != n_weights:
            raise ShapeError(
                f"canaries must have one number per trained weight ({n_weights}); got {canaries.directions.shape[1]}."
            )
        self._directions = None if canaries is None else self._like_weights(canaries.directions)
        idle = self._any_coordinates(n_weights) if canaries is None else idle_coordinates(canaries, seed=seed)
        self._idle = torch.from_numpy(idle)
        self.projections: list[NDArray[np.float64]] = []
        self.sampled: list[NDArray[np.bool_]] = []
        self.idle_noise: list[NDArray[np.float64]] = []
        self.sizes: list[int] = []
        self._n_rows = 0  # of this step so far: a step may have several batches
        self.sensitivity: SensitivityProbe | None = None
        self._start = flat_weights(self._trained)
        self._end: torch.Tensor | None = None
        self._is_detached = False
        self._noise_multiplier: float | None = None
        optimizer.clip_and_accumulate = self._clip_and_look
        optimizer.add_noise = self._insert_and_add_noise

    def detach(self) -> None:
        """Give the optimizer its own methods back, and let go of the canaries' directions."""
        if self._is_detached:
            return
        for name, own in (("clip_and_accumulate", self._clip_batch), ("add_noise", self._add_noise)):
            delattr(self._optimizer, name)
            if getattr(self._optimizer, name) != own:  # it had one of its own
                setattr(self._optimizer, name, own)
        self._directions, self._end, self._is_detached = None, flat_weights(self._trained), True

    def check_still_attached(self) -> None:
        """Refuse steps that went another way than through this audit.

        Raises:
            UnsupportedError: if one of the wrapped methods was replaced after it was wrapped.
        """
        is_clip_ours = self._optimizer.clip_and_accumulate == self._clip_and_look
        if not self._is_detached and not (is_clip_ours and self._optimizer.add_noise == self._insert_and_add_noise):
            raise UnsupportedError(REPLACED)

    def final_projections(self) -> NDArray[np.float64]:
        """Return ``(n_canaries,)`` minus the projections of all that the weights moved on the canaries."""
        assert self._canaries is not None
        moved = (flat_weights(self._trained) if self._end is None else self._end) - self._start
        along = self._canaries.directions @ moved.float().numpy(force=True)
        return np.asarray(-along, dtype=np.float64)

    def final_projections_on(
        self, model: torch.nn.Module, features: torch.Tensor, labels: torch.Tensor
    ) -> NDArray[np.float64]:
        """Return ``(n,)`` minus the projections of all that the weights moved on the gradients of records.

        Args:
            model: as ``make_private`` returned it, trained.
            features: ``(n, ...)`` records.
            labels: ``(n,)`` their classes.
        """
        return displacement_along_records(model, self._trained, self._start, features, labels)

    @property
    def _trained(self) -> list[torch.nn.Parameter]:
        return list(self._weights.values())

    @property
    def clip(self) -> float:
        """The optimizer's clip."""
        return float(self._optimizer.max_grad_norm)

    def _any_coordinates(self, n_weights: int) -> NDArray[np.int64]:
        """Without gradient canaries every coordinate is idle once the batch's sum is subtracted."""
        return np.sort(self._rng.choice(n_weights, min(MOST_IDLE, n_weights), replace=False))

    def _clip_and_look(self) -> None:
        n_rows = len(self._optimizer.grad_samples[0])
        if self.sensitivity is None and n_rows and self._is_single_precision():
            self.sensitivity = self._probe()
        self._n_rows += n_rows
        self._clip_batch()

    def _insert_and_add_noise(self) -> None:
        """Once per logical step, after all its batches were clipped and summed."""
        self._check_step()
        background = self._flat("summed_grad")
        batch = self._draw()
        self._hand_over(batch)
        self._add_noise()
        left = self._flat("grad") - background
        if not bool(left.isfinite().all()):
            raise TrainingError("a step's noisy sum is not finite: the training diverged. Lower the learning rate.")
        self._keep(left, batch)
        self.sizes.append(self._n_rows)
        self._n_rows = 0

    def _check_step(self) -> None:
        """Refuse at once what would make the whole training worthless to the audit."""
        if self._optimizer.accumulated_iterations != 1:
            raise UnsupportedError(ACCUMULATED)
        self.check_still_attached()
        if self._noise_multiplier is None:
            self._noise_multiplier = self._optimizer.noise_multiplier
        if self._canaries is not None and self._optimizer.noise_multiplier != self._noise_multiplier:
            raise UnsupportedError(SCHEDULE.format(self._noise_multiplier, self._optimizer.noise_multiplier))

    def _draw(self) -> NDArray[np.bool_]:
        if self._rate >= 1.0:
            return self._is_in
        return np.asarray(self._is_in & (self._rng.random(len(self._is_in)) < self._rate))

    def _hand_over(self, batch: NDArray[np.bool_]) -> None:
        """Give the canaries of this step to the optimizer's own clipping, some at a time."""
        if self._canaries is None or self._directions is None or not batch.any():
            return
        length = self._canaries.sign(len(self.sampled)) * self._canaries.norm * self.clip
        kept = [weight.grad_sample for weight in self._weights.values()]
        size = max(1, ROWS_TOGETHER // self._directions.shape[1])
        for rows in torch.split(torch.from_numpy(np.flatnonzero(batch)), size):
            self._set_grad_samples(length * self._directions[rows.to(self._directions.device)])
            self._clip_batch()
        for weight, own in zip(self._weights.values(), kept, strict=True):
            weight.grad_sample = own

    def _keep(self, left: torch.Tensor, batch: NDArray[np.bool_]) -> None:
        sign = 1 if self._canaries is None else self._canaries.sign(len(self.sampled))
        if self._directions is not None:
            seen = self._directions @ left.to(self._directions.dtype)
            self.projections.append(sign * seen.double().numpy(force=True) / self.clip)
        self.sampled.append(batch)
        # by this step's clip: a clip that changes on the way changes no claim, since the noise follows it
        self.idle_noise.append(left[self._idle.to(left.device)].double().numpy(force=True) / self.clip)

    def _is_single_precision(self) -> bool:
        """Whether sums are exact enough to tell a broken clip from rounding."""
        return all(weight.dtype.itemsize >= torch.float32.itemsize for weight in self._weights.values())

    def _probe(self) -> SensitivityProbe:
        """Clip records of the first batch with and without one more row, and compare the sums."""
        own = [self._optimizer._get_flat_grad_sample(weight)[:MOST_PROBED] for weight in self._weights.values()]
        kept = [(weight.grad_sample, weight.summed_grad) for weight in self._weights.values()]
        flat = torch.cat([rows.reshape(len(rows), -1) for rows in own], dim=1)
        sums = {shape: self._sum_of(torch.cat([flat, row])) for shape, row in self._probe_rows().items()}
        without = self._sum_of(flat)
        for weight, (rows, total) in zip(self._weights.values(), kept, strict=True):
            weight.grad_sample, weight.summed_grad = rows, total
        return measure_sensitivity(without, sums, max_grad_norm=self.clip)

    def _probe_rows(self) -> dict[str, torch.Tensor]:
        shapes = {name: tuple(weight.shape) for name, weight in self._weights.items()}
        wanted = [shape for shape in PROBED if shape != "bias" or any(name.endswith("bias") for name in shapes)]
        rows = {shape: self._like_weights(make_gradient_canaries(shape, weights=shapes).directions) for shape in wanted}
        return {shape: 100.0 * self.clip * row for shape, row in rows.items()}

    def _sum_of(self, rows: torch.Tensor) -> NDArray[np.float64]:
        for weight in self._weights.values():
            weight.summed_grad = None
        self._set_grad_samples(rows.clone())
        self._clip_batch()
        return self._flat("summed_grad").double().numpy(force=True)

    def _set_grad_samples(self, rows: torch.Tensor) -> None:
        start = 0
        for weight in self._weights.values():
            part = rows[:, start : start + weight.numel()]
            weight.grad_sample = part.reshape(len(rows), *weight.shape).to(weight)
            start += weight.numel()

    def _flat(self, name: str) -> torch.Tensor:
        return torch.cat([getattr(weight, name).detach().reshape(-1).clone() for weight in self._weights.values()])

    def _like_weights(self, directions: NDArray[np.float32]) -> torch.Tensor:
        first = next(iter(self._weights.values()))
        return torch.tensor(directions).to(first.device, torch.float32)
