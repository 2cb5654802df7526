"""What a comparison of defenses says, in sentences for somebody who reads nothing else."""

from collections.abc import Sequence

from privaudit.pipeline.defend.arms import Arm
from privaudit.pipeline.defend.compare import Measured, attacks_of
from privaudit.pipeline.defend.strength import change_of, strength_of
from privaudit.report.words import epsilon_text
from privaudit.types import Finding

EVERY_ARM = 3  # so few defenses are read off a table at a glance
LABEL_ATTACK, SCORE_ATTACK = "label", "score"
UNDECIDED = (
    "Whether the noise of {title}, its clipping or another training recipe made the difference, this comparison cannot say: the "
    "same defense with noise_multiplier 0 would."
)
KNOWN = "Every attacker knows the defense: the shadow models were trained, and answer, with it."


def comparison_notes(measured: Sequence[Measured], findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the sentences of a comparison.

    Args:
        measured: the arms, the one without a defense first.
        findings: of the comparison, see `defense_findings`.
    """
    plain, *defended = measured
    told = [_overview(defended, findings)] if len(defended) > EVERY_ARM else []
    told += [text for one in defended for text in _of_dp_sgd(one, measured)]
    told += [text for one in defended if one.arm.kind == "output" for text in _of_filter(plain, one, findings)]
    return (*told, KNOWN)


def _overview(defended: Sequence[Measured], findings: Sequence[Finding]) -> str:
    lowered = [one.arm.title for one in defended if (change := change_of(one.arm.id, findings)) and change.upper < 0]
    if not lowered:
        return f"None of the {len(defended)} defenses is shown to lower the strongest attack on it."
    others = "" if len(lowered) == len(defended) else "; the others are not shown to help"
    return f"Of {len(defended)} defenses, {len(lowered)} lower the strongest attack by more than chance: {', '.join(lowered)}{others}."


def _of_dp_sgd(one: Measured, measured: Sequence[Measured]) -> list[str]:
    """Say what the noise did, which the same recipe without noise tells, and nothing else."""
    dp = one.arm.config.recipe.dp
    if one.arm.name != "dp_sgd" or dp is None or dp.noise_multiplier == 0:
        return []
    twin = next((other for other in measured if _is_silent_twin(one.arm, other.arm)), None)
    if twin is None:
        return [UNDECIDED.format(title=one.arm.title)]
    return [_credit(measured[0], one, twin).strip()]


def _is_silent_twin(arm: Arm, other: Arm) -> bool:
    """Whether the other arm is the same but for the noise, of which it has none."""
    one, two = arm.config.recipe, other.config.recipe
    if one.dp is None or two.dp is None or two.dp.noise_multiplier != 0:
        return False
    same_clip = one.dp.max_grad_norm == two.dp.max_grad_norm
    return same_clip and one.model_copy(update={"dp": None}) == two.model_copy(update={"dp": None})


def _credit(plain: Measured, one: Measured, twin: Measured) -> str:
    """Say how much of the fall was the noise's."""
    before, noisy, silent = (strength_of(attacks_of(arm.report)) for arm in (plain, one, twin))
    if before is None or noisy is None or silent is None:
        return _promise(one)
    difference = silent.less(noisy)
    told = (
        f"The same training without noise reaches an AUC of {silent.value:.3f}, {_signed(difference.value)} "
        f"({_signed(difference.lower)} to {_signed(difference.upper)}) against {noisy.value:.3f} with it"
    )
    if difference.lower > 0:
        return f"{told}: noise, too, lowered what these attacks see. {_promise(one)}"
    rest = ": clipping and the other training recipe did" if silent.less(before).upper < 0 else ""
    return f"{told}, so it is not shown that the noise lowered what these attacks see{rest}. {_promise(one)}"


def _promise(one: Measured) -> str:
    claim = one.report.claim
    if claim is None:
        return ""
    return (
        f"What the noise gives is the guarantee, epsilon {epsilon_text(claim.epsilon, 'up')} at delta {claim.delta:g}, against every "
        "attack, also those that nobody tried."
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-0.000", "0.000").replace("+0.000", "0.000")


def _of_filter(plain: Measured, one: Measured, findings: Sequence[Finding]) -> list[str]:
    """Say where an output filter hides scores only: the model has learned what it had learned before."""
    after = attacks_of(one.report)
    label = strength_of([f for f in after if f.access == LABEL_ATTACK])
    before = strength_of([f for f in attacks_of(plain.report) if f.access == LABEL_ATTACK])
    if label is None or before is None or label.unit == "model":
        return []
    change = label.less(before)
    helped = change.upper < 0
    told = (
        f"{one.arm.title}: attacks that see labels alone reach an AUC of {label.value:.3f} with the filter and {before.value:.3f} "
        f"without it ({_signed(change.value)}, {_signed(change.lower)} to {_signed(change.upper)}), "
    )
    told += "so it lowers them, too." if helped else "so it is not shown to help against them"
    if helped:
        return [told]
    scores = strength_of([f for f in after if f.access == SCORE_ATTACK])
    hides = scores is not None and change_of(one.arm.id, findings, access=SCORE_ATTACK)
    if hides and hides.upper < 0:
        return [f"{told}: it hides scores, and the model keeps what it learned by heart."]
    return [f"{told}; nor against attacks that see scores."]
