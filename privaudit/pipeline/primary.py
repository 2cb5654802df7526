"""The one attack and estimator that carry the verdict, chosen without looking at a target."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.config import AuditConfig
from privaudit.config.audit import LABEL_ATTACKS
from privaudit.errors import ConfigError
from privaudit.estimators import auc
from privaudit.games.declared import run_declared
from privaudit.interfaces import Attack, AuditInputs, Estimator
from privaudit.registry import create_attack, create_estimator
from privaudit.types import AuditDesign
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.report import POISONED, RECORD_RISK

MIN_SHADOWS_TO_CHOOSE = 4  # one pair plays the target, one pair gives its shadows
MAX_PLAYED = 16


class Primary(NamedTuple):
    """What carries the verdict, and on what it was chosen."""

    attack: str
    estimator: str
    chosen_on: str


def make_methods(config: AuditConfig) -> tuple[list[Attack], list[Estimator]]:
    """Build the attacks and estimators of a config.

    Raises:
        ConfigError: for an unknown name or parameter.
    """
    attacks = [create_attack(method.name, method.params) for method in config.attacks]
    _check_access(config, attacks)
    return attacks, [create_estimator(method.name, method.params) for method in config.estimators]


def _check_access(config: AuditConfig, attacks: list[Attack]) -> None:
    """Refuse attacks that read scores off a model that gives labels alone."""
    seeing = [attack.name for attack in attacks if attack.access != "label"]
    if config.access == "label" and seeing:
        raise ConfigError(
            f"access: label runs attacks that see hard labels alone; {seeing[0]} reads scores. Name some of "
            f"{', '.join(LABEL_ATTACKS)} or another label-only attack (privaudit list), or set access: score.",
            key=f"attacks.{seeing[0]}",
        )


def is_playable(attack: Attack) -> bool:
    """Whether shadow models can play the target: their signals are measured, as those of the targets."""
    return getattr(attack, "measured_on", "models") == "models"


def guesses_membership(attack: Attack) -> bool:
    """Whether an attack's scores are a function of what an attacker sees; only such may carry bounds and verdicts."""
    return attack.game != RECORD_RISK


def check_guesses(config: AuditConfig, attacks: list[Attack]) -> None:
    """Refuse an audit of rankings alone, or one whose primary attack is a ranking; called before training.

    Raises:
        ConfigError: says what to name.
    """
    wanted = config.primary.attack
    _check_primary_attack(wanted, attacks)
    able = [attack.name for attack in attacks if guesses_membership(attack)]
    if not able or (wanted != "auto" and wanted not in able):
        unable = next(
            attack.name for attack in attacks if not guesses_membership(attack) and wanted in ("auto", attack.name)
        )
        raise ConfigError(
            f"{unable} ranks records for the model's owner, from more than the trained model: no bound is made of it. Name "
            f"another primary attack{'' if able else ', and add one to attacks'}.",
            key="primary.attack",
        )


def _check_primary_attack(wanted: str, attacks: list[Attack]) -> None:
    """Refuse as primary an attack on other models than the audited ones, and a choice among attacks that nobody played."""
    poisoning = [attack.name for attack in attacks if attack.game == POISONED]
    if wanted in poisoning or len(poisoning) == len(attacks):
        raise ConfigError(
            f"{poisoning[0]} attacks models that were trained with records of the attacker's beside the audited one, and carries no "
            "verdict on it. Name another primary attack, and add one to attacks.",
            key="primary.attack",
        )
    able = [attack for attack in attacks if attack.game != POISONED]
    dear = [attack.name for attack in able if not is_playable(attack)]
    if wanted == "auto" and len(able) > 1 and len(dear) == len(able):
        raise ConfigError(
            f"primary.attack: auto chooses on shadow models, and {', '.join(dear)} are measured on targets alone. Name one.",
            key="primary.attack",
        )


def untouched_shadows(design: AuditDesign) -> NDArray[np.int64]:
    """Models that are neither a target nor a target's complement, whose coins are the target's turned round."""
    targets = design.models_with_role(TARGET)
    shadows = design.models_with_role(SHADOW)
    return np.setdiff1d(shadows, design.pair[targets])


def check_primary(config: AuditConfig, design: AuditDesign) -> None:
    """Refuse ``auto`` where no shadows are left to choose on; called before training.

    Raises:
        ConfigError: says what to name or to add.
    """
    left = len(untouched_shadows(design))
    if config.primary.attack == "auto" and len(config.attacks) > 1 and left < MIN_SHADOWS_TO_CHOOSE:
        raise ConfigError(
            f"primary.attack: auto chooses on models that are neither target nor a target's pair; {left} are left and "
            f"{MIN_SHADOWS_TO_CHOOSE} are needed. Name an attack, or raise design.n_models.",
            key="primary.attack",
        )


def choose_primary(
    config: AuditConfig, attacks: list[Attack], estimator: Estimator, inputs: AuditInputs, *, delta: float
) -> Primary:
    """Pick the attack whose guesses are right most often when shadow models play the target.

    No target and no target's pair takes part, neither as played model nor as shadow, so the choice is independent of
    the coins that the bound is about, and the bound keeps its full level.

    Args:
        config: names the primary attack, or ``auto``.
        attacks: the candidates.
        estimator: the primary estimator.
        inputs: everything measured.
        delta: the delta of the audit.
    """
    wanted = config.primary.attack
    attacks = [attack for attack in attacks if guesses_membership(attack) and attack.game != POISONED]
    playable = [attack for attack in attacks if is_playable(attack)] or attacks
    only = "the only attack" if len(playable) == len(attacks) else "the only attack that shadow models can play"
    attacks = playable
    if wanted != "auto" or len(attacks) == 1:
        name = attacks[0].name if wanted == "auto" else wanted
        return Primary(
            name,
            estimator.name,
            "named in the config" if wanted != "auto" else only,
        )
    apart = inputs.restricted_to(untouched_shadows(inputs.design))
    pair = inputs.design.pair[apart.usable]
    first = (pair < 0) | (apart.usable < pair)  # one model of each pair: the other one says the same again
    played = apart.usable[first][:MAX_PLAYED]
    merit = {attack.name: _merit(attack, estimator, apart, played, delta, config.confidence) for attack in attacks}
    best = max(merit, key=lambda name: merit[name])
    return Primary(best, estimator.name, f"{len(played)} shadow models in the role of the target")


def _merit(
    attack: Attack,
    estimator: Estimator,
    inputs: AuditInputs,
    played: NDArray[np.int64],
    delta: float,
    confidence: float,
) -> tuple[float, float]:
    results = run_declared(attack, inputs, targets=played.tolist())
    estimates = [estimator.estimate(result, delta=delta, confidence=confidence) for result in results]
    correct = float(np.mean([estimate.diagnostics.get("n_correct", estimate.lower) for estimate in estimates]))
    return correct, float(np.mean([auc(result.scores, result.label) for result in results]))
