"""Rates of telling apart, as people say them: of 100 pairs of a member and another record, how many are told rightly."""

from privaudit.pipeline.defend.strength import Change, Strength


def of_hundred(value: float) -> str:
    """Return a share as a number of 100.

    >>> of_hundred(0.5284), of_hundred(0.0)
    ('52.8', '0.0')
    """
    return f"{100 * value:.1f}"


def told_apart(strength: Strength) -> str:
    """Return what is told apart: an AUC is the share of pairs of a member and another record that are ordered rightly.

    Args:
        strength: of records or of models.
    """
    return "models' worlds" if strength.unit == "model" else "pairs of a member and another record"


def words_of(change: Change) -> str:
    """Return a difference of shares with its interval, of 100.

    >>> words_of(Change(value=0.0016, lower=-0.023, upper=0.0261))
    'difference before rounding 0.2, -2.3 to 2.6'
    """
    value, lower, upper = (
        f"{100 * end:.1f}".replace("-0.0", "0.0") for end in (change.value, change.lower, change.upper)
    )
    return f"difference before rounding {value}, {lower} to {upper}"
