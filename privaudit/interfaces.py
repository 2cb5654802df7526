"""The protocols that attacks, estimators and executors keep; a plug-in needs no import of ours."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import MissingSignalError, ShapeError
from privaudit.types import AttackResult, AuditDesign, EpsilonEstimate, SignalTable
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditInputs:
    """All that an attack may look at: design, records and stored signals, no model and no torch.

    Attributes:
        design: who was trained on what.
        labels: ``(n_records,)`` int64 class of each record.
        groups: name -> ``(n_records,)`` group value of each record.
        signals: name -> measured table.
        usable: ``(n,)`` the models that may be used (targets and shadows); others must not be looked at.
        features: ``(n_records, ...)`` what the models see of each record; ``None`` unless an attack asks for
            ``features`` among its ``record_fields``.
    """

    design: AuditDesign
    labels: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    signals: Mapping[str, SignalTable]
    usable: NDArray[np.int64]
    features: NDArray[np.float32] | None = None

    def signal(self, name: str) -> SignalTable:
        """Return what was measured of a signal on the usable models; the table may cover a subset of them.

        Args:
            name: the signal.

        Raises:
            MissingSignalError: if it was not collected.
        """
        if name not in self.signals:
            raise MissingSignalError(
                f"signal {name} was not collected; got {sorted(self.signals)}. Run the audit with the collector that makes it."
            )
        table = self.signals[name]
        rows = np.isin(table.model_index, self.usable)
        if rows.all():
            return table  # large: no copy of it
        return replace(table, values=table.values[rows], model_index=table.model_index[rows])

    def dense(self, name: str) -> NDArray[np.float64]:
        """Return ``(n_models, n_records)`` values of a one-query signal, not to be written to; unusable rows are NaN.

        Args:
            name: the signal.

        Raises:
            MissingSignalError: if it was not collected, or not for every usable model and record.
            ShapeError: if it has several queries per record.
        """
        values = self.dense_queries(name)
        if values.shape[2] != 1:
            raise ShapeError(f"signal {name} must have one query per record; got {values.shape[2]}.")
        return values[:, :, 0]

    def dense_queries(self, name: str) -> NDArray[np.float64]:
        """Return ``(n_models, n_records, n_queries)`` values of a signal, not to be written to; unusable rows are NaN.

        Args:
            name: the signal.

        Raises:
            MissingSignalError: if it was not collected, or not for every usable model and record.
        """
        table = self.signal(name)
        if table.covers(*self.design.is_in.shape):
            return table.values
        dense = np.full((*self.design.is_in.shape, table.values.shape[2]), np.nan)
        dense[np.ix_(table.model_index, table.record_index)] = table.values
        if np.isnan(dense[self.usable]).any():
            raise MissingSignalError(f"signal {name} does not cover every model and record. Run the audit once more.")
        return dense

    def restricted_to(self, models: Sequence[int] | NDArray[np.int64]) -> "AuditInputs":
        """Return the same inputs with fewer usable models, e.g. without a target and its pair."""
        kept = np.intersect1d(self.usable, np.asarray(models, dtype=np.int64))
        return replace(self, usable=kept)


class Attack(Protocol):
    """A pure function of stored signals, with its parameters as frozen fields.

    Some members are optional, and looked at before anything is trained:

    - ``fewest_population`` (int, 0 where absent): held-out population records without which there is no score.
    - ``exclude`` (str, ``pair`` where absent): which models do not serve as a target's shadows. Anything but ``pair`` (the
      target and its complement) is refused in an audit.
    - ``measured_on`` (str, ``models`` where absent): ``targets`` where a signal is too dear to be measured on shadow models;
      then no shadow model can play the target.
    - ``query_ladder`` (tuple of int, empty where absent): numbers of queries per record that a field ``n_queries`` may have,
      ascending; the report shows what each of them reaches.
    - ``collected_with`` (mapping, empty where absent): name of a collector -> parameters that it is made with for this attack. Its
      signals then are named ``signal@settings``, so that what was measured with others is not taken for them.
    """

    name: ClassVar[str]
    record_fields: ClassVar[frozenset[str]]
    game: ClassVar[str]
    access: ClassVar[Access]

    @property
    def signals(self) -> frozenset[str]:
        """Names of the signals that are read; most attacks have them as a class variable."""
        ...

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target; higher = more member-like."""
        ...


class DistributionAttack(Protocol):
    """Asks which law a model was trained on: a pure function of what shadow models and victims said.

    ``answers`` is ``world`` (which of two, scores of at least 0 say world 1) or ``ratio`` (the share of records with the
    property itself). ``fewest_shadows`` counts models of each world. The world of a victim is never handed over.

    A member ``signals`` (frozenset, empty where absent) names what was computed from the victims' weights and is read, with access
    ``white_box`` alone.
    """

    name: ClassVar[str]
    game: ClassVar[str]
    answers: ClassVar[Literal["world", "ratio"]]
    fewest_shadows: ClassVar[int]

    @property
    def access(self) -> Access:
        """What the attacker sees of a victim; of its own models it sees everything."""
        ...

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim."""
        ...


class Estimator(Protocol):
    """From an attack's outcomes to a statement about epsilon."""

    name: ClassVar[str]

    def check(self, design: AuditDesign) -> None:
        """Raise `UnsupportedError` if outcomes of this design cannot become a bound; called before training."""
        ...

    def estimate(self, result: AttackResult, *, delta: float, confidence: float) -> EpsilonEstimate:
        """Turn one attack result into an estimate."""
        ...


class Executor(Protocol):
    """Runs independent tasks; the same tasks give the same results on every executor."""

    name: ClassVar[str]

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        lost: Callable[[Task, str], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield results as they come, in any order.

        Args:
            function: what to run; it may hold large arrays, a task should not.
            tasks: one call each; one whose worker died is tried once more on a fresh worker.
            lost: makes the result of a task that two workers died of, from the task and the reason in one line;
                ``None`` raises `TrainingError`.
        """
        ...

    def close(self) -> None:
        """End the workers, which are kept from one `map` to the next."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step of long work.

    Attributes:
        stage: what is being done, e.g. ``training``.
        done: units finished.
        total: units in all.
        note: what a user should know about this stage, in one sentence, or "".
        unit: what is counted.
    """

    stage: str
    done: int
    total: int
    note: str = ""
    unit: str = "models"


ProgressHook = Callable[[Progress], None]
JsonValue = Any
