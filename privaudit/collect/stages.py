"""What a collector may ask for, and who answers."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import UnsupportedError
from privaudit.types import AuditDesign, SignalTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Ask for trained models.

    Attributes:
        models: their rows in the design.
        signals: names of the signals to be recorded while they are trained.
    """

    models: Sequence[int]
    signals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Ask for signals of trained models on every record.

    Attributes:
        models: their rows in the design.
        signals: names of signals of a trained model.
    """

    models: Sequence[int]
    signals: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainPoisoned:
    """Ask for models that are trained anew with planted copies of records, measured there and then, and thrown away.

    Attributes:
        models: their rows in the design; each keeps its number, and with it coins, initial weights and seeds.
        records: ``(n,)`` the records that copies may be planted of, and that the models are asked about.
        copies: ``(n,)`` copies of each in every model.
        labels: ``(n,)`` class of those copies.
        signals: what is read -> name that it is stored under; see ``POISON_READERS``.
        n_candidates: varied copies of each record that the models are asked for beside the record itself.
    """

    models: Sequence[int]
    records: NDArray[np.int64]
    copies: NDArray[np.int64]
    labels: NDArray[np.int64]
    signals: Mapping[str, str]
    n_candidates: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Keep:
    """Ask for what was decided about some records to be stored with models, in place of what stood there.

    Attributes:
        models: their rows in the design.
        records: ``(n,)`` the records.
        values: name of a signal -> ``(n, n_queries)``.
        stale: names of signals that go with them: where what is stored differs from ``values``, they are forgotten as well.
    """

    models: Sequence[int]
    records: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    stale: Sequence[str] = ()


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
    """What a collector may know before it starts.

    Attributes:
        design: who is trained on what.
        record_shape: shape of one record.
        has_own_training: a function of the user's trains the models.
        n_trace_points: how often a model is read while it is trained, if it is.
        wanted: names of the signals that attacks read, or ``None`` for all that there are.
        diverged: rows of models that diverged before an earlier collector; they need not be asked for again.
        labels: ``(n_records,)`` class of each record.
        n_classes: number of classes.
        is_filtered: a filter stands between the models and their users.
    """

    design: AuditDesign
    record_shape: tuple[int, ...]
    has_own_training: bool
    n_trace_points: int
    wanted: frozenset[str] | None = None
    diverged: frozenset[int] = frozenset()
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    n_classes: int = 2
    is_filtered: bool = False

    @property
    def trained(self) -> list[int]:
        """Rows of the models that the audit trains, but for those that diverged."""
        return [row for row in np.flatnonzero(self.design.is_trained).tolist() if row not in self.diverged]


def refuse_filter(signal: str) -> NoReturn:
    """Refuse a signal that is read off the models themselves where a filter stands between them and their users.

    Raises:
        UnsupportedError: names the signal.
    """
    raise UnsupportedError(
        f"signal {signal.partition('@')[0]} is read while models are trained, past the filter on their answers (output). Leave "
        "out the attack that needs it, or the filter."
    )


Request = Train | Query | TrainPoisoned | Keep
Stages = Generator[Request, Measured, None]


class Collector(Protocol):
    """Trains and queries in stages; what it decides between them is a pure function kept with its attack."""

    name: ClassVar[str]
    produces: ClassVar[frozenset[str]]

    def check(self, context: CollectContext) -> None:
        """Raise `UnsupportedError` if this audit cannot give the signals; called before anything is trained."""
        ...

    def stages(self, context: CollectContext) -> Stages:
        """Yield requests and receive what was measured."""
        ...
