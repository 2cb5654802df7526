"""How the tests behind one verdict share its error, so that together they are wrong no more often than it says."""

from typing import NamedTuple

NOISE_SHARE = 0.1  # thousands of noise coordinates need no more; the rest is worth more to the scores


class VerdictShares(NamedTuple):
    """Confidence of each test behind a verdict.

    Attributes:
        bound: of the model-free bound.
        curve: of the test of the claimed curve.
        noise: of the noise probe.
    """

    bound: float
    curve: float
    noise: float


def verdict_shares(confidence: float, *, has_curve: bool, has_noise: bool) -> VerdictShares:
    """Return the confidences that make the tests hold together, by the union bound.

    Args:
        confidence: of the verdict.
        has_curve: whether a claimed curve is tested beside the model-free bound.
        has_noise: whether the claimed noise is tested.

    >>> [round(each, 4) for each in verdict_shares(0.95, has_curve=True, has_noise=True)]
    [0.9775, 0.9775, 0.995]
    >>> round(verdict_shares(0.95, has_curve=False, has_noise=False).bound, 4)
    0.95
    """
    error = 1.0 - confidence
    noise = NOISE_SHARE * error if has_noise else 0.0
    each = (error - noise) / (2 if has_curve else 1)
    return VerdictShares(bound=1.0 - each, curve=1.0 - each, noise=1.0 - noise)
