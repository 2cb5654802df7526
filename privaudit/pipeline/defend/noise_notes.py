"""What a comparison says of DP-SGD's noise: the same training without it tells what the rest does."""

from collections.abc import Sequence

from privaudit.pipeline.defend.arms import Arm
from privaudit.pipeline.defend.compare import Measured, attacks_of
from privaudit.pipeline.defend.strength import Strength, strength_of
from privaudit.pipeline.defend.told import of_hundred, told_apart, words_of
from privaudit.report.words import epsilon_text

UNDECIDED = (
    "Whether the noise of “{title}” or the rest of its recipe made the difference, this comparison cannot say; the same defense with "
    "noise_multiplier 0 would tell."
)
PROMISE = "What the noise adds is the promise, an epsilon of at most {epsilon}, against every attack, also those that nobody tried."
BROKEN = "The promise that it makes, an epsilon of at most {epsilon}, is contradicted by its own audit."


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
    silent, noisy = _by_shared_attacks(twin, one, confidence)
    if noisy is None or silent is None:
        return ""
    difference = silent.less(noisy)
    told = (
        f"Without its noise, the training of “{one.arm.title}” lets attacks tell {of_hundred(silent.value)} of 100 {told_apart(noisy)} "
        f"apart, with it {of_hundred(noisy.value)} ({words_of(difference)}; guessing tells 50)"
    )
    if difference.lower > 0:
        return f"{told}: the noise lowered what these attacks see."
    if difference.upper < 0:
        return f"{told}: with the noise these attacks see more, not less."
    return (
        f"{told}: it is not shown that the noise lowered what these attacks see{_by_the_rest(plain, twin, confidence)}."
    )


def _by_the_rest(plain: Measured, twin: Measured, confidence: float) -> str:
    """Say that the recipe lowers the leak without its noise, where attacks that both models met show it."""
    after, before = _by_shared_attacks(twin, plain, confidence)
    fell = after is not None and before is not None and after.less(before).upper < 0
    return (
        "; what is shown to have fallen, fell by the rest of the recipe (clipping, and how it trains)" if fell else ""
    )


def _by_shared_attacks(one: Measured, other: Measured, confidence: float) -> tuple[Strength | None, Strength | None]:
    """The strongest of the attacks that both met: whoever is attacked in fewer ways would look better for it."""
    found = [attacks_of(measured.report) for measured in (one, other)]
    shared = set.intersection(*({attack.method for attack in attacks} for attacks in found))
    first, second = (
        strength_of([attack for attack in attacks if attack.method in shared], confidence=confidence)
        for attacks in found
    )
    return first, second


def _promise(one: Measured) -> str:
    claim, verdict = one.report.claim, one.report.claim_verdict()
    if claim is None:
        return ""
    is_broken = verdict is not None and verdict.outcome == "violated"
    return (BROKEN if is_broken else PROMISE).format(epsilon=epsilon_text(claim.epsilon, "up"))
