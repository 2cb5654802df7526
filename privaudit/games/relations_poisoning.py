"""Records that the attacker adds before training: R14.

Differential privacy holds for every data set, so also for one with the attacker's records, as long as these do not depend on
the secret: bounds that come from the game "distinguish two neighbouring data sets" stay. Bounds from average games, such as
membership of a random record, do not: with poison that advantage may rise up to the worst case.
"""

from privaudit.errors import ConfigError
from privaudit.games.relations_distribution import distribution_advantage
from privaudit.games.relations_group import check_steps
from privaudit.games.relations_guarantee import check_share


def poisoned_distribution_advantage(
    epsilon: float, *, n_records: int, poison_share: float, distance: float, delta: float = 0.0
) -> float:
    """Return the largest advantage of distribution inference with poison: R12 for the records that are not the attacker's.

    Args:
        epsilon: for replacing one record, at least 0.
        n_records: training records with the poison, at least 1.
        poison_share: share of them that the attacker chose without knowing the world, in [0, 1).
        distance: total variation between the laws of one other record.
        delta: in [0, 1).

    Raises:
        ConfigError: if one is out of range, or no record is left.

    Source: derived here.

    >>> round(poisoned_distribution_advantage(0.5, n_records=25, poison_share=0.2, distance=0.1), 6)
    0.424447
    """
    check_steps(n_records)
    n_clean = n_records - round(n_records * check_share("poison_share", poison_share))
    if n_clean < 1:
        raise ConfigError(f"poison_share must leave a record; got {poison_share} of {n_records}.", key="poison_share")
    return distribution_advantage(epsilon, n_records=n_clean, distance=distance, delta=delta)
