"""Who was trained on what, what was measured, and what an attack said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import DataError, ShapeError
from privaudit.types.frozen import set_array
from privaudit.validate import check_both_worlds, check_scores

DesignKind = Literal["paired", "balanced"]
Unit = Literal["record", "model"]
Access = Literal["score", "label", "white_box"]

SHADOW, TARGET, REFERENCE, CONTROL = "shadow", "target", "reference", "control"
FIRST_CONTROL = 2**31  # number of the first control model: beyond every row, and one 32-bit word of a seed
RELEASED = FIRST_CONTROL - 1  # number of a released model
NOT_TRAINED = -1  # variant of a released model, which the audit did not train


def model_name(number: int) -> str:
    """Return what users call the model of a number.

    >>> model_name(17), model_name(FIRST_CONTROL + 3)
    ('model 17', 'control 3')
    """
    if number == RELEASED:
        return "the released model"
    return f"model {number}" if number < FIRST_CONTROL else f"control {number - FIRST_CONTROL}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditDesign:
    """Which model was trained on which record.

    Attributes:
        kind: ``paired`` (fair coins, models 2j and 2j+1 complementary) or ``balanced`` (every record in exactly half
            of the models).
        is_in: ``(n_models, n_records)`` uint8, 1 where the record was in the model's training set (the coins).
        pair: ``(n_models,)`` the number of the model with the opposite coins, -1 = none.
        role: ``(n_models,)`` one of ``shadow``, ``target``, ``reference``, ``control``.
        variant: ``(n_models,)`` row of the parameter table the model was trained with (0 = the recipe itself); -1 for
            a released model, whose row of ``is_in`` is what its owner says and no coins.
        is_population: ``(n_records,)`` True for records held out of every model.
        record_codes: ``(n_records,)`` int64, each record's row in the data source.
        seed: the root seed.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a population record is in a model, or a pair is not complementary.
    """

    kind: DesignKind
    is_in: NDArray[np.uint8]
    pair: NDArray[np.int64]
    role: NDArray[np.str_]
    variant: NDArray[np.int64]
    is_population: NDArray[np.bool_]
    record_codes: NDArray[np.int64]
    seed: int

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        is_in = set_array(self, "is_in", self.is_in, np.uint8)
        if is_in.ndim != 2:
            raise ShapeError(f"is_in must have shape (n_models, n_records); got {is_in.shape}.")
        n_models, n_records = is_in.shape
        pair = set_array(self, "pair", self.pair, np.int64)
        population = set_array(self, "is_population", self.is_population, np.bool_)
        for name, dtype, length in (("role", np.str_, n_models), ("variant", np.int64, n_models)):
            self._check_length(name, set_array(self, name, getattr(self, name), dtype), length)
        self._check_length("pair", pair, n_models)
        self._check_length("is_population", population, n_records)
        self._check_length("record_codes", set_array(self, "record_codes", self.record_codes, np.int64), n_records)
        if is_in[:, population].any():
            raise DataError("population records must be in no model; is_in says that some are.")
        if (~self.is_trained).sum() > 1:
            raise DataError("a design holds one released model at most.")
        paired = np.flatnonzero(pair >= 0)
        if self.kind == "paired" and (is_in[paired] + is_in[pair[paired]] != ~population).any():
            raise DataError("in a paired design models 2j and 2j+1 must hold opposite coins; some pairs do not.")

    @staticmethod
    def _check_length(name: str, array: NDArray[Any], length: int) -> None:
        if array.shape != (length,):
            raise ShapeError(f"{name} must have shape ({length},); got {array.shape}.")

    @property
    def n_models(self) -> int:
        """Number of models, controls included."""
        return int(self.is_in.shape[0])

    @property
    def n_records(self) -> int:
        """Number of records, population included."""
        return int(self.is_in.shape[1])

    @property
    def numbers(self) -> NDArray[np.int64]:
        """``(n_models,)`` the number that names each row's seed and files, the same however many models are added.

        A target's or shadow's is its row; the j-th control's is ``FIRST_CONTROL + j``; a released model's ``RELEASED``.
        """
        numbers = np.arange(self.n_models, dtype=np.int64)
        numbers[~self.is_trained] = RELEASED
        controls = self.models_with_role(CONTROL)
        numbers[controls] = FIRST_CONTROL + np.arange(len(controls))
        return numbers

    @property
    def is_trained(self) -> NDArray[np.bool_]:
        """``(n_models,)`` True for the models that the audit trains, by coins of its own; False for a released model."""
        return np.asarray(self.variant != NOT_TRAINED)

    @property
    def coin_records(self) -> NDArray[np.int64]:
        """Records whose membership was drawn by a coin (all but the population)."""
        return np.flatnonzero(~self.is_population)

    def models_with_role(self, *roles: str) -> NDArray[np.int64]:
        """Rows of the models that have one of ``roles``."""
        return np.flatnonzero(np.isin(self.role, roles))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalTable:
    """One number per model, record and query, read off the models.

    Attributes:
        name: the signal's name, e.g. ``logit_margin``.
        values: ``(n_measured, n_measured_records, n_queries)`` float64, higher = more member-like, never NaN.
        model_index: ``(n_measured,)`` which models were measured.
        record_index: ``(n_measured_records,)`` which records were measured.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a value is NaN.
    """

    name: str
    values: NDArray[np.float64]
    model_index: NDArray[np.int64]
    record_index: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        values = set_array(self, "values", self.values, np.float64)
        models = set_array(self, "model_index", self.model_index, np.int64)
        records = set_array(self, "record_index", self.record_index, np.int64)
        if values.ndim != 3 or values.shape[:2] != (len(models), len(records)):
            raise ShapeError(
                f"values of {self.name} must have shape ({len(models)}, {len(records)}, n_queries); got {values.shape}."
            )
        bad = np.argwhere(np.isnan(values).any(axis=2))
        if len(bad):
            model, record = models[bad[0, 0]], records[bad[0, 1]]
            raise DataError(
                f"signal {self.name} must not be NaN; {len(bad)} values are (first: model {model}, record {record}). "
                "Look at that model's training, or drop the record."
            )

    def covers(self, n_models: int, n_records: int) -> bool:
        """Whether every model and record was measured, in the design's order."""
        return np.array_equal(self.model_index, np.arange(n_models)) and np.array_equal(
            self.record_index, np.arange(n_records)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttackResult:
    """What one attack said about one target.

    Attributes:
        attack: the attack's registered name.
        params: its parameters, as JSON-able values.
        target: number of the attacked model, -1 where the unit is a model.
        scores: ``(n,)`` float64, higher = more member-like.
        label: ``(n,)`` uint8, the truth: 1 for members (or for world 1 where the unit is a model).
        unit_ids: ``(n,)`` int64, positions of the records (or models) in the design.
        unit: what one score is about.
        game: the privacy game played, e.g. ``membership``.
        access: what the attacker sees of the target.
        notes: what a reader must know, e.g. that a variance was pooled for want of shadows.
        depends_on_coins: the scores depend on the target's coins by another way than the target (its complement, or
            the counts of a balanced design, served among the shadows); no bound may be made from them.
        has_fair_coins: the membership was drawn by fair coins of the audit; not that of a released model, of which no
            bound may be made either.

    Raises:
        ShapeError: if the lengths differ.
        DegenerateScoresError: if a score is NaN or one world is empty.
    """

    attack: str
    params: Mapping[str, Any] = field(default_factory=dict)
    target: int
    scores: NDArray[np.float64]
    label: NDArray[np.uint8]
    unit_ids: NDArray[np.int64]
    unit: Unit = "record"
    game: str = "membership"
    access: Access = "score"
    notes: tuple[str, ...] = ()
    depends_on_coins: bool = False
    has_fair_coins: bool = True

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        scores = set_array(self, "scores", self.scores, np.float64)
        label = set_array(self, "label", self.label, np.uint8)
        ids = set_array(self, "unit_ids", self.unit_ids, np.int64)
        if not scores.shape == label.shape == ids.shape:
            raise ShapeError(
                f"scores, label and unit_ids must have one shape; got {scores.shape}, {label.shape}, {ids.shape}."
            )
        check_scores(scores, name=f"scores of {self.attack}")
        check_both_worlds(label)
