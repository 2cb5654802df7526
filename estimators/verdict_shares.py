"""How the tests behind one verdict share its error, so that together they are wrong no more often than it says."""

from typing import NamedTuple

PROBE_SHARE = 0.1  # thousands of noise coordinates need no more; the rest is worth more to the scores


class VerdictShares(NamedTuple):
    """Confidence of each test behind a verdict.

    Attributes:
        bound: of the model-free bound.
        curve: of the test of the claimed curve.
        noise: of the noise probe.
        sampling: of the sampling probe.
    """

    bound: float
    curve: float
    noise: float
    sampling: float


def verdict_shares(confidence: float, *, has_curve: bool, has_noise: bool, has_sampling: bool) -> VerdictShares:
    """Return the confidences that make the tests hold together, by the union bound.

    Args:
        confidence: of the verdict.
        has_curve: whether a claimed curve is tested beside the model-free bound.
        has_noise: whether the claimed noise is tested.
        has_sampling: whether the claimed sampling is.

    >>> shares = verdict_shares(0.95, has_curve=True, has_noise=True, has_sampling=False)
    >>> round(shares.bound, 4), round(shares.curve, 4), round(shares.noise, 4)
    (0.9775, 0.9775, 0.995)
    >>> round(verdict_shares(0.95, has_curve=False, has_noise=False, has_sampling=False).bound, 4)
    0.95
    """
    error = 1.0 - confidence
    probe = PROBE_SHARE * error
    each = (error - probe * (has_noise + has_sampling)) / (2 if has_curve else 1)
    return VerdictShares(bound=1.0 - each, curve=1.0 - each, noise=1.0 - probe, sampling=1.0 - probe)
