"""A relation between two games as data: what bounds what, when, and by how much."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from privaudit.errors import ConfigError

Quantity = Literal["advantage", "epsilon", "success", "draws"]
Params = Mapping[str, Any]
Convert = Callable[[float, Params], float]
Condition = Callable[[Params], bool]


PARAMETERS = {
    "delta": "a delta",
    "target_delta": "a delta of the other relation",
    "prior": "the prior of membership",
    "k": "the number of records of one user",
    "n_values": "the number of values of the attribute",
    "may_abstain": "whether an attacker may abstain",
    "baseline": "the share that is reconstructed without the model",
    "n_candidates": "the number of candidates",
    "n_records": "the number of training records",
    "heaviest": "the largest chance of one record",
    "n_replaced": "the number of records that two draws differ in (draws of one size, from worlds that are shares of a property)",
    "fair_coins": "whether coins were fair",
    "ratio_0": "the share of the property in the base",
    "ratio_1": "the share of the property in the other world",
}


def always(params: Params) -> bool:
    """Whether nothing is needed; it is not."""
    return True


def same(value: float, params: Params) -> float:
    """Return the number as it is."""
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One bound between two games.

    An upper bound at the source gives one at the target; a lower bound at the target gives one at the source. The source
    is the game with the stronger attacker. Both conversions never fall.

    Attributes:
        id: ``R1`` to ``R15``; several rows may share one.
        title: what it says, in words.
        source: id of the game that bounds the other one.
        target: id of the game that is bounded; ``*`` for source and target: any one game.
        source_quantity: what is counted in the source.
        target_quantity: what is counted in the target.
        needs: names of the parameters it takes.
        condition: when it holds, in words.
        precondition: whether parameters fulfil that.
        upper: from an upper bound at the source to one at the target, ``None`` where there is none.
        lower: from a lower bound at the target to one at the source, ``None`` where there is none.
        note: what must be known.
    """

    id: str
    title: str
    source: str
    target: str
    source_quantity: Quantity = "advantage"
    target_quantity: Quantity = "advantage"
    needs: tuple[str, ...] = ()
    condition: str = ""
    precondition: Condition = always
    upper: Convert | None = same
    lower: Convert | None = same
    note: str = ""

    def unmet(self, params: Params) -> str:
        """Return why the relation cannot be used, "" if it can.

        >>> Relation(id="R11", title="", source="a", target="b", needs=("k",)).unmet({})
        'R11 needs the number of records of one user'
        """
        missing = [name for name in self.needs if params.get(name) is None]
        if missing:
            return f"{self.id} needs {', '.join(PARAMETERS.get(name, name) for name in missing)}"
        return "" if self.precondition(params) else f"{self.id} holds only if {self.condition}"

    def bind(self, params: Params) -> tuple[Callable[[float], float] | None, Callable[[float], float] | None]:
        """Return both conversions with their parameters set.

        Raises:
            ConfigError: if the precondition is not met.
        """
        reason = self.unmet(params)
        if reason:
            raise ConfigError(f"{reason}; got {', '.join(f'{key}={value}' for key, value in params.items())}.")
        upper, lower = self.upper, self.lower
        return (
            None if upper is None else (lambda value: upper(value, params)),
            None if lower is None else (lambda value: lower(value, params)),
        )
