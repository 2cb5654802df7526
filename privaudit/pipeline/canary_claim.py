"""What an audit with canaries judges: the claim that parameters give, the one a user states, and whether they agree."""

from dataclasses import replace

from privaudit.errors import ConfigError
from privaudit.estimators import pld_claim
from privaudit.types import DpSgdParams, Neighbouring, PrivacyClaim

AGREE = 0.02  # relative; accountants differ by that much
STATED = "stated by the user"
LOOSER = (
    "The claim of epsilon {claim:.4g} is looser than the {computed:.4g} that the parameters give, so the verdict is about "
    "epsilon alone, by the model-free bound. The curve of the parameters is tested beside it, and so are their noise and "
    "sampling; these do not count for the verdict."
)


def claim_of(
    params: DpSgdParams | None, epsilon: float | None, *, delta: float, neighbouring: Neighbouring
) -> PrivacyClaim | None:
    """Return the claim; it has a mechanism only where that is what was claimed.

    Args:
        params: the mechanism, or ``None``.
        epsilon: as stated, or ``None``.
        delta: of the claim.
        neighbouring: its relation.

    Returns:
        the claim computed from the parameters; the stated epsilon with the parameters where both agree, and without them
        where it is larger, since then less was claimed than they give; ``None`` where nothing was claimed.

    Raises:
        ConfigError: if the parameters do not give an epsilon as small as the stated one.
    """
    if params is None:
        if epsilon is None:
            return None
        return PrivacyClaim(epsilon=epsilon, delta=delta, neighbouring=neighbouring, accountant=STATED)
    computed = pld_claim(params, delta=delta, neighbouring=neighbouring)
    if epsilon is None:
        return computed
    if epsilon < computed.epsilon * (1.0 - AGREE):
        raise ConfigError(
            f"the claim of epsilon {epsilon:.4g} is wrong by its own parameters, which give {computed.epsilon:.4g} at delta "
            f"{delta:g} for {neighbouring} neighbours. State parameters and epsilon of one training.",
            key="claim",
        )
    is_agreed = epsilon <= computed.epsilon * (1.0 + AGREE)
    return replace(computed, epsilon=epsilon, accountant=STATED, mechanism=params if is_agreed else None)


def note_on_claim(claim: PrivacyClaim | None, params: DpSgdParams | None) -> tuple[str, ...]:
    """Say so where the claim is looser than its parameters.

    Args:
        claim: from `claim_of`.
        params: the mechanism, or ``None``.
    """
    if claim is None or params is None or claim.mechanism is not None:
        return ()
    computed = pld_claim(params, delta=claim.delta, neighbouring=claim.neighbouring)
    return (LOOSER.format(claim=claim.epsilon, computed=computed.epsilon),)
