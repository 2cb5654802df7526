"""Extraction of any training record: R10, both ways."""

from privaudit.games.relations_group import check_steps
from privaudit.games.relations_guarantee import check_share


def advantage_of_extraction(success: float, n_records: int, heaviest: float) -> float:
    """Return the membership advantage that extracting some training record implies (R10).

    "A member if and only if it equals the extracted record": a random member equals an extracted training record with chance
    1 / n at least, so TPR >= success / n; a fresh record equals any given one with at most the largest mass of the law. For
    large n this is next to nothing: a small membership advantage never rules extraction out.

    Args:
        success: share of models from which some training record was extracted.
        n_records: training records n, at least 1.
        heaviest: the largest chance of one record (for near matches: of all records near one) under the law.

    Returns:
        at least this, not less than 0.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> advantage_of_extraction(1.0, 100, 0.0)
    0.01
    """
    check_steps(n_records)
    return max(0.0, check_share("success", success) / n_records - check_share("heaviest", heaviest))


def extraction_of_advantage(advantage: float, n_records: int, heaviest: float) -> float:
    """Return the largest share of models from which some training record can be extracted (R10 the other way).

    Args:
        advantage: the largest one of membership inference on a random record against a fresh one.
        n_records: training records n, at least 1.
        heaviest: as in `advantage_of_extraction`.

    Returns:
        n (advantage + heaviest), not more than 1.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> extraction_of_advantage(0.001, 100, 0.0)
    0.1
    """
    check_steps(n_records)
    return min(1.0, n_records * (check_share("advantage", advantage) + check_share("heaviest", heaviest)))
