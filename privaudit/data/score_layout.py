"""What a file of saved scores says, and which of its columns say it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, DataError, DegenerateScoresError, ShapeError
from privaudit.types.frozen import set_array
from privaudit.validate import check_finite_features, nearest

Layout = Literal["records", "models", "trainings"]
Quantity = Literal["score", "loss"]

QUANTITIES: tuple[Quantity, ...] = ("score", "loss")
MEMBERSHIP_NAMES = ("member", "is_member", "membership")
SEMICOLON = "is ';' the separator? Save it with commas."
TRUTH_WORDS = {"true": 1, "1": 1, "1.0": 1, "false": 0, "0": 0, "0.0": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedColumns:
    """Which columns (or arrays) the user named; what is not named is looked for under its usual name.

    Attributes:
        score: holds scores, higher = more member-like.
        loss: holds losses, higher = less member-like.
        member: holds the membership.
        features: what the blind baseline may see.
    """

    score: str | None = None
    loss: str | None = None
    member: str | None = None
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two readings of one file."""
        if self.score is not None and self.loss is not None:
            raise ConfigError(
                f"one of --score and --loss names the column to audit; got {self.score!r} and {self.loss!r}. Give one.",
                key="score",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedColumns:
    """What is read from a file.

    Attributes:
        quantity: whether ``value`` holds scores or losses.
        value: name of the column audited.
        member: name of the membership column.
    """

    quantity: Quantity
    value: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreFile:
    """What a file of saved scores says.

    Attributes:
        name: the file's name without its ending.
        digest: sha256 of the file.
        layout: ``records`` (one model), ``models`` (many models of the same records) or ``trainings`` (one canary,
            one row per independent training).
        quantity: whether ``values`` are scores or losses.
        columns: which columns were read.
        values: ``(n_models, n_records)`` float64 as in the file, never NaN.
        member: ``(n_models, n_records)`` uint8, 1 where the record was in the model's training set.
        model_names: the name of each model.
        features: ``(n_records, d)`` float64, ``None`` if the file has none.

    Raises:
        ShapeError: if the arrays do not fit together.
        DegenerateScoresError: if a value is NaN.
    """

    name: str
    digest: str
    layout: Layout
    quantity: Quantity
    columns: Mapping[str, Any] = field(default_factory=dict)
    values: NDArray[np.float64]
    member: NDArray[np.uint8]
    model_names: tuple[str, ...]
    features: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        values = set_array(self, "values", self.values, np.float64)
        member = set_array(self, "member", self.member, np.uint8)
        if values.ndim != 2 or member.shape != values.shape or len(self.model_names) != len(values):
            raise ShapeError(
                f"{self.quantity} and membership must have one shape (n_models, n_records); got {values.shape} and "
                f"{member.shape} for {len(self.model_names)} models."
            )
        bad = np.argwhere(np.isnan(values))
        if len(bad):
            model, record = bad[0].tolist()
            raise DegenerateScoresError(
                f"{self.quantity} must not be NaN; {len(bad)} of {values.size} are (first: model "
                f"{self.model_names[model]}, record {record}). Drop these records, or mend what scored them."
            )
        if self.features is not None:
            features = set_array(self, "features", self.features, np.float64)
            if features.ndim != 2 or len(features) != values.shape[1]:
                raise ShapeError(f"features must have shape ({values.shape[1]}, d); got {features.shape}.")
            check_finite_features(features)

    @property
    def scores(self) -> NDArray[np.float64]:
        """``(n_models, n_records)``, higher = more member-like: losses are negated."""
        return self.values if self.quantity == "score" else -self.values


def named_columns(path: Path, wanted: WantedColumns, known: Sequence[str]) -> NamedColumns:
    """Decide which columns hold the scores or losses and the membership.

    Args:
        path: the file, for messages.
        wanted: what the user named.
        known: what the file has.

    Raises:
        ConfigError: if a named column is not there, or two would do.
        DataError: if none would do.
    """
    option: Quantity = "score" if wanted.score is not None else "loss"
    value = wanted.score if wanted.score is not None else wanted.loss
    if value is None:
        option = value = _the_one_of(path, QUANTITIES, known, options="--score or --loss")
    member = wanted.member
    if member is None:
        member = _the_one_of(path, MEMBERSHIP_NAMES, known, options="--member")
    check_named(path, option, [value], known)
    check_named(path, "member", [member], known)
    if value == member:
        raise ConfigError(f"{path}: {value!r} cannot be both the {option} and the membership.", key="member")
    return NamedColumns(quantity=option, value=value, member=member)


def _the_one_of(path: Path, usual: Sequence[Any], known: Sequence[str], *, options: str) -> Any:
    found = [name for name in usual if name in known]
    if len(found) > 1:
        raise ConfigError(f"{path} has {' and '.join(map(repr, found))}; say which one to read by {options}.")
    if not found:
        hints = "".join(dict.fromkeys(nearest(name, known) for name in usual))
        raise DataError(
            f"{path}: no column {' or '.join(map(repr, usual))}; name it by {options}.{hints} {listed(known)}"
        )
    return found[0]


def check_named(path: Path, option: str, names: Iterable[str], known: Sequence[str]) -> None:
    """Refuse an option that names what the file does not have.

    Raises:
        ConfigError: names the nearest.
    """
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{path}: --{option} names {name!r}, which it does not have.{nearest(name, known)} {listed(known)}",
                key=option,
            )


def listed(known: Sequence[str]) -> str:
    """Return what a file has, in a few words.

    >>> listed(["loss", "member"])
    'It has loss, member.'
    >>> listed(["loss;member"])
    "It has loss;member; is ';' the separator? Save it with commas."
    """
    if not known:
        return "It has nothing."
    if len(known) == 1 and ";" in known[0]:
        return f"It has {known[0]}; {SEMICOLON}"
    return f"It has {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}."


def as_membership(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return membership of any spelling as 0 and 1.

    Args:
        path: the file, for messages.
        name: the column.
        values: numbers, booleans or the texts true and false, of any shape.

    Raises:
        DataError: names the first value that is neither.
    """
    if values.dtype.kind in "biuf":
        is_known, member = np.isin(values, (0, 1)), values
    else:
        words, place = np.unique(np.char.lower(np.char.strip(values.astype(np.str_))), return_inverse=True)
        codes = np.array([TRUTH_WORDS.get(word, -1) for word in words.tolist()], dtype=np.int8)
        member = codes[place].reshape(values.shape)
        is_known = member >= 0
    if not is_known.all():
        place = np.argwhere(~is_known)[0]
        where = f"row {place[0]}, counted from 0" if len(place) == 1 else f"model {place[0]}, record {place[1]}"
        raise DataError(
            f"{path}: {name} must be 1 or true (member), 0 or false; got {values[tuple(place)]!s} ({where}). Recode it."
        )
    return np.asarray(member, dtype=np.uint8)
