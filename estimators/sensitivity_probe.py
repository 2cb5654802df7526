"""How far one canary moves the clipped sum of gradients, in units of the clip: more than 1 contradicts the accountant."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError

TOLERANCE = 1e-3  # of single precision sums


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityProbe:
    """Ratios of sensitivity to clip, one per shape of canary.

    Attributes:
        ratios: by shape, ``|S(D + canary) - S(D)| / C`` of one step without noise; infinite where the sum overflowed.
        tolerance: how far above 1 a ratio may be by rounding.
        is_refuted: one of them is above that; it must agree with the ratios.

    Raises:
        ConfigError: if there is no ratio, one is negative or NaN, the tolerance is negative, or ``is_refuted`` does not
            agree.
    """

    ratios: Mapping[str, float]
    tolerance: float = TOLERANCE
    is_refuted: bool

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        bad = [shape for shape, ratio in self.ratios.items() if not ratio >= 0.0]
        if bad or not self.ratios:
            raise ConfigError(
                f"ratios must be at least one number of at least 0; got {dict(self.ratios)}.", key="ratios"
            )
        if not 0.0 <= self.tolerance < math.inf:
            raise ConfigError(f"tolerance must be at least 0; got {self.tolerance}.", key="tolerance")
        if self.is_refuted != (max(self.ratios.values()) > 1.0 + self.tolerance):
            raise ConfigError(
                f"is_refuted={self.is_refuted} contradicts the ratios {dict(self.ratios)}.", key="is_refuted"
            )
        object.__setattr__(self, "ratios", MappingProxyType(dict(self.ratios)))

    @property
    def largest(self) -> float:
        """The largest ratio."""
        return max(self.ratios.values())


def measure_sensitivity(
    clipped_sum: ArrayLike,
    with_canary: Mapping[str, ArrayLike],
    *,
    max_grad_norm: float,
    tolerance: float = TOLERANCE,
) -> SensitivityProbe:
    """Compare clipped sums of one step without noise, with each canary and without.

    It misses what depends on noise, on sampling or on several steps.

    Args:
        clipped_sum: ``(n_weights,)`` the step's sum without a canary, before noise and before any division by a batch
            size that does not depend on the canary.
        with_canary: by shape of canary, the same sum with one of it.
        max_grad_norm: the clipping norm C.
        tolerance: how far above 1 a ratio may be by rounding.

    Returns:
        the probe.

    Raises:
        ShapeError: if the sums differ in shape.
        DataError: if the sum without a canary is not finite, or one with a canary is NaN.
        ConfigError: if there is no canary, or the norm or the tolerance is out of range.

    Source: the definition of sensitivity (Dwork, McSherry, Nissim, Smith, TCC 2006).

    >>> measure_sensitivity([1.0, 1.0], {"coordinate": [2.0, 1.0], "spread": [2.5, 1.0]}, max_grad_norm=1.0)
    SensitivityProbe(ratios=mappingproxy({'coordinate': 1.0, 'spread': 1.5}), tolerance=0.001, is_refuted=True)
    """
    if not 0.0 < max_grad_norm < math.inf:
        raise ConfigError(f"max_grad_norm must be above 0 and finite; got {max_grad_norm}.", key="max_grad_norm")
    without = np.asarray(clipped_sum, dtype=np.float64)
    if not np.isfinite(without).all():
        raise DataError("the clipped sum must be finite; look for a training that diverged.")
    ratios = {shape: _moved(shape, without, seen) / max_grad_norm for shape, seen in with_canary.items()}
    is_refuted = any(ratio > 1.0 + tolerance for ratio in ratios.values())
    return SensitivityProbe(ratios=ratios, tolerance=tolerance, is_refuted=is_refuted)


def _moved(shape: str, without: NDArray[np.float64], seen: ArrayLike) -> float:
    moved = np.asarray(seen, dtype=np.float64)
    if moved.shape != without.shape:
        raise ShapeError(
            f"sums must have one shape; got {moved.shape} with the canary {shape}, {without.shape} without."
        )
    if np.isnan(moved).any():
        raise DataError(f"the clipped sum with the canary {shape} is NaN; look for a training that diverged.")
    with np.errstate(over="ignore"):  # an infinite sum is a refutation
        return float(np.linalg.norm(moved - without))
