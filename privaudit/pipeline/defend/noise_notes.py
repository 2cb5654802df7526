"""What a comparison says of DP-SGD's noise: the same training without it tells what the rest does."""

from collections.abc import Sequence

from privaudit.pipeline.defend.arms import Arm
from privaudit.pipeline.defend.compare import Measured, attacks_of
from privaudit.pipeline.defend.strength import strength_of
from privaudit.report.words import epsilon_text, signed_text

UNDECIDED = (
    "Whether the noise of {title}, its clipping or another training recipe made the difference, this comparison cannot say: the "
    "same defense with noise_multiplier 0 would."
)


def noise_notes(measured: Sequence[Measured], *, confidence: float) -> list[str]:
    """Return a sentence or two for each arm that is trained with noise.

    Args:
        measured: the arms, the one without a defense first.
        confidence: of each interval.
    """
    told = []
    for one in measured[1:]:
        if not _is_noisy(one.arm):
            continue
        twin = next((other for other in measured if _is_silent_twin(one.arm, other.arm)), None)
        text = UNDECIDED.format(title=one.arm.title) if twin is None else _credit(measured[0], one, twin, confidence)
        told.append(f"{text} {_promise(one)}".strip())
    return told


def _is_noisy(arm: Arm) -> bool:
    dp = arm.config.recipe.dp
    return arm.name == "dp_sgd" and dp is not None and dp.noise_multiplier != 0


def _is_silent_twin(arm: Arm, other: Arm) -> bool:
    """Whether the other arm is the same but for the noise, of which it has none."""
    one, two = arm.config.recipe, other.config.recipe
    if one.dp is None or two.dp is None or two.dp.noise_multiplier != 0:
        return False
    same_clip = one.dp.max_grad_norm == two.dp.max_grad_norm
    return same_clip and one.model_copy(update={"dp": None}) == two.model_copy(update={"dp": None})


def _credit(plain: Measured, one: Measured, twin: Measured, confidence: float) -> str:
    """Say how much of the fall was the noise's."""
    before, noisy, silent = (strength_of(attacks_of(arm.report), confidence=confidence) for arm in (plain, one, twin))
    if before is None or noisy is None or silent is None:
        return ""
    difference = silent.less(noisy)
    what = "tells two worlds apart with an accuracy" if noisy.unit == "model" else "reaches an AUC"
    told = (
        f"The training of {one.arm.title} without its noise {what} of {silent.value:.3f}, {signed_text(difference.value)} "
        f"({signed_text(difference.lower)} to {signed_text(difference.upper)}) against {noisy.value:.3f} with it"
    )
    if difference.lower > 0:
        return f"{told}: noise lowered what these attacks see."
    if difference.upper < 0:
        return f"{told}: with the noise these attacks see more, not less."
    fell = silent.less(before).upper < 0
    rest = ", and it falls without the noise as well: by clipping and the other training recipe" if fell else ""
    return f"{told}: it is not shown that the noise lowered what these attacks see{rest}."


def _promise(one: Measured) -> str:
    claim, verdict = one.report.claim, one.report.claim_verdict()
    if claim is None:
        return ""
    if verdict is not None and verdict.outcome == "violated":
        return f"The guarantee that it claims, epsilon {epsilon_text(claim.epsilon, 'up')}, is contradicted by its own audit."
    return (
        f"What the noise gives is the guarantee, epsilon {epsilon_text(claim.epsilon, 'up')} at delta {claim.delta:g}, against every "
        "attack, also those that nobody tried."
    )
