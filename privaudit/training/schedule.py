"""Learning rates as a function of the step's number and a public number of steps, the same for every model.

A model with more batches than the public number stays at the last value. Under DP the claim does not change: the noise
is relative to the clip, and what a step multiplies its noisy sum by is post-processing by a public factor.
"""

import numpy as np
from numpy.typing import NDArray

from privaudit.config import ScheduleConfig

ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996


def learning_rates(schedule: ScheduleConfig, *, lr: float, n_steps: int) -> NDArray[np.float64]:
    """Return the learning rate of each step.

    Warm-up is linear: of its W steps, step s (from 0) has ``lr * (s + 1) / W``. ``cosine`` then falls over the other
    steps as ``lr * (1 + cos(pi * s / S)) / 2``, s = 0..S-1: the first one has the full rate, the last one more than 0.
    ``step`` multiplies the rate by ``gamma`` from the step at each milestone on.

    Args:
        schedule: its name and settings; shares are of ``n_steps``, and warm-up is rounded down to whole steps.
        lr: the full rate.
        n_steps: public number of steps, at least 1.

    Returns:
        ``(n_steps,)`` learning rates.

    Source: cosine: Loshchilov and Hutter, "SGDR", ICLR 2017, eq. 5 without restarts; warm-up: Goyal et al.,
    "Accurate, Large Minibatch SGD", 2017, section 2.2.

    >>> learning_rates(ScheduleConfig(name="cosine"), lr=1.0, n_steps=4).round(3).tolist()
    [1.0, 0.854, 0.5, 0.146]
    >>> learning_rates(ScheduleConfig(warmup=0.5), lr=1.0, n_steps=4).tolist()
    [0.5, 1.0, 1.0, 1.0]
    """
    step = np.arange(n_steps)
    n_warmup = min(int(schedule.warmup * n_steps + ROUNDING), n_steps - 1)
    rise = np.minimum(1.0, (step + 1) / max(n_warmup, 1))
    return lr * rise * _decay(schedule, step, n_warmup)


def _decay(schedule: ScheduleConfig, step: NDArray[np.int64], n_warmup: int) -> NDArray[np.float64]:
    if schedule.name == "cosine":
        return (1 + np.cos(np.pi * np.maximum(step - n_warmup, 0) / (len(step) - n_warmup))) / 2
    passed = np.searchsorted(np.array(schedule.milestones) * len(step) - ROUNDING, step, side="right")
    return np.power(schedule.gamma or 1.0, passed)


def learning_rate_at(rates: NDArray[np.float64], step: int) -> float:
    """Return the learning rate of a step, which is the last one from the end of the schedule on.

    Args:
        rates: ``(n_steps,)`` from `learning_rates`.
        step: number of the step, from 0.

    >>> learning_rate_at(np.array([0.5, 0.25]), 7)
    0.25
    """
    return float(rates[min(step, len(rates) - 1)])
