"""What a collector may ask for, and who answers."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from privaudit.types import AuditDesign, SignalTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Ask for trained models.

    Attributes:
        models: their rows in the design.
    """

    models: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Ask for signals of trained models on every record.

    Attributes:
        models: their rows in the design.
        signals: names of built-in signals.
    """

    models: Sequence[int]
    signals: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What a stage gave.

    Attributes:
        models: rows of the models that are there; those that diverged are missing.
        read: returns the stored table of a signal by name; nothing is read unless a collector asks.
    """

    models: tuple[int, ...]
    read: Callable[[str], SignalTable]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectContext:
    """What a collector may know before it starts."""

    design: AuditDesign


Stages = Generator[Train | Query, Measured, None]


class Collector(Protocol):
    """Trains and queries in stages; what it decides between them is a pure function kept with its attack."""

    name: ClassVar[str]
    produces: ClassVar[frozenset[str]]

    def stages(self, context: CollectContext) -> Stages:
        """Yield requests and receive what was measured."""
        ...
