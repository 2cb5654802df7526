"""Nodes, edges, bounds and what follows from them: the words in which propagation speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from privaudit.errors import ConfigError
from privaudit.games.relation import Params, Quantity, Relation
from privaudit.types import Neighbouring
from privaudit.types.design import Access

Side = Literal["upper", "lower"]
MARGIN = 1e-9  # what rounding may cross


class Node(NamedTuple):
    """One number of one game.

    Attributes:
        game: id of the game.
        quantity: what is counted.
        neighbouring: which data sets are neighbours, ``None`` = not stated.
        access: what the attacker sees, ``None`` = all that training gives away.
        delta: of an epsilon, else ``None``.
        about: what tells several of one game apart, e.g. the two worlds.
    """

    game: str
    quantity: Quantity
    neighbouring: Neighbouring | None = None
    access: Access | None = None
    delta: float | None = None
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A relation between two nodes, with its parameters.

    Attributes:
        relation: the row of the table.
        source: the node that bounds.
        target: the node that is bounded.
        params: beside what the nodes say.
    """

    relation: Relation
    source: Node
    target: Node
    params: Params = field(default_factory=dict)

    def all_params(self) -> Params:
        """Return the parameters, those that the nodes say included."""
        source, target = self.source, self.target
        return {
            "neighbouring": source.neighbouring,
            "target_neighbouring": target.neighbouring,
            "access": source.access,
            "target_access": target.access,
            "delta": source.delta,
            "target_delta": target.delta,
            **self.params,
        }

    @property
    def unmet(self) -> str:
        """Why the relation does not hold here, "" if it does."""
        return self.relation.unmet(self.all_params())


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A bound that comes from outside: a guarantee, or what an attack showed.

    Attributes:
        node: what it is about.
        side: ``upper`` for guarantees, ``lower`` for attack results.
        value: the bound.
        confidence: with which it holds; 1 for what was computed.
        origin: where it comes from, in words.
    """

    node: Node
    side: Side
    value: float
    confidence: float = 1.0
    origin: str

    def __post_init__(self) -> None:
        """Refuse what is no bound."""
        if self.value != self.value:
            raise ConfigError(f"a bound must be a number; got NaN from {self.origin}.")
        if not 0.0 < self.confidence <= 1.0:
            raise ConfigError(f"confidence must lie in (0, 1]; got {self.confidence} from {self.origin}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A bound at a node, with the way it came.

    Attributes:
        value: the bound.
        evidence: what it rests on.
        path: ids of the relations, from the evidence to the node.
        nodes: the nodes passed, the evidence's first and this one last.
    """

    value: float
    evidence: Evidence
    path: tuple[str, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What is known of a node.

    Attributes:
        lower: the largest lower bound, ``None`` without one.
        upper: the smallest upper bound, ``None`` without one.
    """

    lower: Bound | None = None
    upper: Bound | None = None

    @property
    def is_crossed(self) -> bool:
        """Whether more was shown than can be."""
        if self.lower is None or self.upper is None:
            return False
        return self.lower.value > self.upper.value + MARGIN * max(1.0, abs(self.upper.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A node where an attack showed more than a guarantee allows.

    Attributes:
        node: where both meet.
        lower: what was shown.
        upper: what is allowed.
    """

    node: Node
    lower: Bound
    upper: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Propagation:
    """What follows.

    Attributes:
        intervals: of every node that anything is known of.
        contradictions: one per measurement that a guarantee excludes, where both first meet.
        unmet: why edges could not be used.
        confidence: with which all measurements hold together: 1 less the sum of their errors, not below 0.
    """

    intervals: Mapping[Node, Interval]
    contradictions: tuple[Contradiction, ...]
    unmet: tuple[str, ...]
    confidence: float
