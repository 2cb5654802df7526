"""Builds the attacks of a distribution audit."""

from collections.abc import Iterable

from privaudit.config.distribution import DistributionConfig
from privaudit.errors import ConfigError
from privaudit.interfaces import DistributionAttack
from privaudit.registry import create_distribution_attack
from privaudit.types.report import POISONED_WORLDS


def weight_signals(attacks: Iterable[DistributionAttack]) -> tuple[str, ...]:
    """Return the names of what attacks read that is computed from the victims' weights."""
    return tuple(sorted({name for attack in attacks for name in getattr(attack, "signals", ())}))


def distribution_attacks(settings: DistributionConfig, access: str) -> tuple[DistributionAttack, ...]:
    """Build the attacks, and refuse those that this audit cannot serve.

    Args:
        settings: the distribution block.
        access: what models give: ``score``, ``label`` or ``white_box``.

    Raises:
        ConfigError: if an attack is unknown, needs scores that are not given, or more shadow models.
    """
    attacks = tuple(create_distribution_attack(method.name, method.params) for method in settings.attacks_of(access))
    for attack in attacks:
        if access == "label" and attack.access != "label":
            raise ConfigError(
                f"attack {attack.name} needs scores, and access: label gives labels alone. Leave it out.",
                key="distribution.attacks",
            )
        if access == "score" and attack.access == "white_box":
            raise ConfigError(
                f"attack {attack.name} needs the models' weights, and access: score gives scores alone. Set access: white_box, or "
                "leave it out.",
                key="distribution.attacks",
            )
        if attack.access == "white_box":
            _check_same_weights(attack, settings)
        if attack.game == POISONED_WORLDS and settings.poison is None:
            raise ConfigError(
                f"attack {attack.name} needs records that the adversary has added, and there are none. Give distribution.poison, or "
                "leave it out.",
                key="distribution.attacks",
            )
        if settings.n_shadows < attack.fewest_shadows:
            raise ConfigError(
                f"attack {attack.name} needs {attack.fewest_shadows} shadow models per world; "
                f"distribution.n_shadows is {settings.n_shadows}. Raise it.",
                key="distribution.n_shadows",
            )
        if attack.answers == "ratio" and settings.property is None:
            what = "graphs" if settings.graphs is not None else "worlds"
            raise ConfigError(
                f"attack {attack.name} estimates the ratio of a property, and distribution.{what} differ in no ratio. Leave it out.",
                key="distribution.attacks",
            )
    return attacks


def _check_same_weights(attack: DistributionAttack, settings: DistributionConfig) -> None:
    """Refuse shadow models whose weights cannot be laid beside the audited models' weights."""
    adversary = settings.adversary
    if adversary.model is not None or adversary.drop:
        key = "model" if adversary.model is not None else "drop"
        raise ConfigError(
            f"attack {attack.name} compares weights, and distribution.adversary.{key} gives shadow models others than the audited "
            "models'. Remove it, or leave the attack out.",
            key=f"distribution.adversary.{key}",
        )
