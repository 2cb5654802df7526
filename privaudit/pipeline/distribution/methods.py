"""Builds the attacks of a distribution audit."""

from privaudit.config.distribution import DistributionConfig
from privaudit.errors import ConfigError
from privaudit.interfaces import DistributionAttack
from privaudit.registry import create_distribution_attack


def distribution_attacks(settings: DistributionConfig, access: str) -> tuple[DistributionAttack, ...]:
    """Build the attacks, and refuse those that this audit cannot serve.

    Args:
        settings: the distribution block.
        access: what models give: ``score`` or ``label``.

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
        if settings.n_shadows < attack.fewest_shadows:
            raise ConfigError(
                f"attack {attack.name} needs {attack.fewest_shadows} shadow models per world; "
                f"distribution.n_shadows is {settings.n_shadows}. Raise it.",
                key="distribution.n_shadows",
            )
        if attack.answers == "ratio" and settings.worlds is not None:
            raise ConfigError(
                f"attack {attack.name} estimates a ratio, and distribution.worlds are none. Leave it out.",
                key="distribution.attacks",
            )
    return attacks
