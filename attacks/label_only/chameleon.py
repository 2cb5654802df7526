"""Chameleon: how many of a record's neighbours a poisoned target answers with the record's true class.

Copies of a record with a wrong class are planted in the training set, as many as it takes until models without the record
answer wrongly; models with it still hold out. How many, and which neighbours to ask for, was decided on shadow models while
the signals were collected. Source: Chaudhari, Severi, Oprea, Ullman, ICLR 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.chameleon_settings import ChameleonSettings, named_settings
from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.results import check_targets
from privaudit.errors import ConfigError, DataError, MissingSignalError, ShapeError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access
from privaudit.types.report import POISONED

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

AGREEMENT, KEPT = "poisoned_agreement", "kept_neighbour"
COPIES, CONFIDENCE = "poison_copies", "poisoned_out_confidence"
TIE_WEIGHT = 1e-3  # of the share that orders records of equal score
NEAR_ONE_PERCENT = (0.005, 0.02)  # non-members at the top score: a few more of them, and the floor rule falls to 0
WORTH_A_NOTE = 0.05  # share of the records that are poisoned too little or too much
FEWEST_HOLDING = 4  # targets with a record before it is called poisoned too much
FEWEST_FOR_ONE_PERCENT = 100  # non-members of a target
MOST_COPIES = 0.1  # of a model's records
DEFAULT_CHALLENGE, FEWEST_CHALLENGE = 100, 10
TWIN_NOTE = (
    "the model attacked is a twin of the audited one, trained with planted copies beside the same records, from the same initial "
    "weights and noise: where a bound's assumptions speak of the released model, read the twin; the bound is about the training "
    "procedure with the copies in its data"
)


def signal_names(settings: str, n_challenge: int) -> tuple[str, str, str, str]:
    """Return the names under which answers, neighbourhoods, copies and last confidences are stored: other settings, other names.

    Args:
        settings: name of the settings.
        n_challenge: records attacked.

    >>> signal_names("calibrated", 100)[0]
    'poisoned_agreement@calibrated-100'
    """
    agreement, kept, copies, confidence = (
        f"{name}@{settings}-{n_challenge}" for name in (AGREEMENT, KEPT, COPIES, CONFIDENCE)
    )
    return agreement, kept, copies, confidence


def asked_queries(kept: Bools, *, n_queries: int | None = None, has_rest: bool = False) -> Bools:
    """Return which queries are sent to the target: the first kept ones, then, if the rest counts, the first others.

    Args:
        kept: ``(n, n_all)`` the neighbourhood of each record; its first column is the record itself.
        n_queries: most queries per record, ``None`` = no limit.
        has_rest: whether candidates outside the neighbourhood are asked for as well.

    >>> asked_queries(np.array([[True, False, True, True]]), n_queries=2).tolist()
    [[True, False, True, False]]
    """
    within = np.cumsum(kept, axis=1) - 1
    beyond = kept.sum(axis=1, keepdims=True) + np.cumsum(~kept, axis=1) - 1
    place = np.where(kept, within, beyond)
    asked = np.ones(kept.shape, dtype=np.bool_) if n_queries is None else place < n_queries
    return asked if has_rest else asked & kept


def agreement_scores(
    agreement: Floats, kept: Bools, *, n_queries: int | None = None, tie_break: bool = False
) -> Floats:
    """Return the share of asked neighbours that the target answers with the true class.

    Args:
        agreement: ``(n_targets, n, n_all)`` 1 where the target answers the true class, else 0; the record itself first.
        kept: ``(n, n_all)`` the neighbourhoods, the record itself in each.
        n_queries: most queries per record.
        tie_break: add ``TIE_WEIGHT`` times the share over all queries, neighbours or not: it orders records of equal score.

    Returns:
        ``(n_targets, n)``, higher = more member-like.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if an answer is neither 0 nor 1, or a record is missing in its own neighbourhood.

    >>> agreement_scores(np.array([[[1.0, 1.0, 0.0, 0.0]]]), np.array([[True, True, True, False]])).round(4).tolist()
    [[0.6667]]
    """
    if agreement.ndim != 3 or agreement.shape[1:] != kept.shape:
        raise ShapeError(
            f"agreement must have shape (n_targets, n, n_queries) and kept (n, n_queries); got {agreement.shape}, {kept.shape}."
        )
    if not np.isin(agreement, (0.0, 1.0)).all():
        raise DataError(
            "agreement must be 1 where the target answers the true class and 0 elsewhere; got other values."
        )
    if not kept[:, 0].all():
        raise DataError("every record must be in its own neighbourhood (first column of kept); some are not.")
    counted = asked_queries(kept, n_queries=n_queries)
    scores = (agreement * counted).sum(axis=2) / counted.sum(axis=1)
    if tie_break:
        asked = asked_queries(kept, n_queries=n_queries, has_rest=True)
        scores = scores + TIE_WEIGHT * (agreement * asked).sum(axis=2) / asked.sum(axis=1)
    return np.asarray(scores)


class _Collected(NamedTuple):
    """What was stored: of the targets, and of the rounds before them."""

    records: NDArray[np.int64]
    agreement: Floats
    kept: Bools
    copies: Floats
    confidence: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Chameleon:
    """Share of a record's neighbours that keep the true class although the training set was poisoned against it.

    Scores challenge records alone: those that copies were planted of. The models attacked are trained for this game, with
    the copies in them; of a model without them it says nothing.

    Attributes:
        settings: name of the settings that the signals are collected with.
        n_challenge: records that copies are planted of, drawn by the seed among those with coins; about a twentieth of a
            model's records at most, or the copies spoil the model. A rate at 1 % takes 100 non-members of a target: about 250.
        tie_break: order records of equal score by the share over all candidates.
        n_queries: most labels asked per record, ``None`` = whatever the neighbourhood holds.

    Source: Chaudhari, Severi, Oprea, Ullman, "Chameleon: Increasing Label-Only Membership Leakage with Adaptive
    Poisoning", ICLR 2024. The tie-break is ours.
    """

    name: ClassVar[str] = "chameleon"
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = POISONED
    access: ClassVar[Access] = "label"
    measured_on: ClassVar[str] = "targets"
    settings: str = "calibrated"
    n_challenge: int = DEFAULT_CHALLENGE
    tie_break: bool = False
    n_queries: int | None = None

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        ladder = self.query_ladder
        if self.n_challenge < FEWEST_CHALLENGE:
            raise ConfigError(
                f"n_challenge must be at least {FEWEST_CHALLENGE}; got {self.n_challenge!r}.", key="n_challenge"
            )
        if self.n_queries is not None and self.n_queries not in ladder:
            raise ConfigError(
                f"n_queries must be one of {', '.join(map(str, ladder))}; got {self.n_queries!r}.", key="n_queries"
            )

    @property
    def chosen(self) -> ChameleonSettings:
        """The settings of the name."""
        return named_settings(self.settings)

    @property
    def signals(self) -> frozenset[str]:
        """Names of the signals, which say with which settings they were collected."""
        return frozenset(signal_names(self.settings, self.n_challenge))

    @property
    def collected_with(self) -> dict[str, dict[str, Any]]:
        """Parameters of the collector."""
        return {"chameleon": {"settings": self.settings, "n_challenge": self.n_challenge}}

    @property
    def query_ladder(self) -> tuple[int, ...]:
        """Numbers of queries per record that ``n_queries`` may have: powers of 2, and all."""
        most = self.chosen.n_queries
        return (*(2**power for power in range(most.bit_length()) if 2**power < most), most)

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score the challenge records of every target.

        Args:
            inputs: design, labels and signals; the signals cover targets and challenge records alone.
            targets: numbers of the models to attack.

        Raises:
            MissingSignalError: if a target was not poisoned and asked.
            ShapeError: if the signals are not of one set of records.
        """
        check_targets(inputs, targets)
        found = _collected(inputs, targets, signal_names(self.settings, self.n_challenge))
        options: dict[str, Any] = {"n_queries": self.n_queries, "tie_break": self.tie_break}
        scores = agreement_scores(found.agreement, found.kept, **options)
        label = inputs.design.is_in[np.ix_(np.asarray(targets, dtype=np.int64), found.records)]
        asked = asked_queries(found.kept, n_queries=self.n_queries, has_rest=self.tie_break)
        params = {
            "settings": self.settings,
            "n_challenge": self.n_challenge,
            **options,
            "mean_queries": float(asked.sum(axis=1).mean()),
            "mean_kept": float(found.kept.sum(axis=1).mean()),
            "mean_copies": float(found.copies.mean()),
            "share_above_threshold": float((found.confidence > self.chosen.poison_threshold).mean()),
        }
        notes = (
            TWIN_NOTE,
            *_swamp_notes(found.copies, inputs.design.is_in[np.asarray(targets, dtype=np.int64)]),
            *_poison_notes(found, label, threshold=self.chosen.poison_threshold),
            *_top_notes(scores, label),
        )
        return tuple(
            AttackResult(
                attack=self.name,
                game=self.game,
                access=self.access,
                params={**params, "share_at_top_score": float((row == row.max()).mean())},
                target=int(target),
                scores=row,
                label=of_target,
                unit_ids=found.records,
                notes=(*notes, *constant_note(answers[:, 0], inputs.labels[found.records])),
            )
            for target, row, of_target, answers in zip(targets, scores, label, found.agreement, strict=True)
        )


def _collected(inputs: AuditInputs, targets: Sequence[int], names: tuple[str, str, str, str]) -> _Collected:
    tables = {name: inputs.signal(name) for name in names}
    agreement, *of_rounds = names
    records = tables[agreement].record_index
    values = {}
    for name, table in tables.items():
        missing = sorted(set(map(int, targets)) - set(table.model_index.tolist()))
        if missing:
            raise MissingSignalError(
                f"signal {name} does not cover model {missing[0]}: only targets that were poisoned and asked can be attacked."
            )
        if not np.array_equal(table.record_index, records):
            raise ShapeError(
                f"signal {name} must cover the challenge records that {agreement} covers; it covers others."
            )
        place = {int(model): row for row, model in enumerate(table.model_index)}
        values[name] = table.values[[place[int(target)] for target in targets]]
    if any((values[name] != values[name][:1]).any() for name in of_rounds):
        raise MissingSignalError(
            "the targets were poisoned by different plans, since the targets of the audit changed and not all were trained anew. Run the "
            "same `privaudit run` command again; it goes on from there."
        )
    kept, copies, confidence = (values[name][0] for name in of_rounds)  # the same for every target
    return _Collected(records, np.asarray(values[agreement]), kept > 0.5, copies[:, 0], confidence[:, 0])


def _poison_notes(found: _Collected, label: NDArray[np.uint8], *, threshold: float) -> tuple[str, ...]:
    """Name records whose copies were too few or too many; the second is seen by those who know the coins alone."""
    n, notes = len(found.records), list[str]()
    too_few = int((found.confidence > threshold).sum())
    if too_few > WORTH_A_NOTE * n:
        notes.append(
            f"{too_few} of {n} challenge records are poisoned too little: shadow models without them still give their class a "
            f"probability above {threshold:g}, at the end or because of other records' copies"
        )
    holds = label.astype(np.bool_)
    answered = (found.agreement[:, :, 0] > 0) & holds
    too_many = int(((holds.sum(axis=0) >= FEWEST_HOLDING) & ~answered.any(axis=0)).sum())
    if too_many > WORTH_A_NOTE * n:
        notes.append(
            f"{too_many} of {n} challenge records are poisoned too much: no target that holds them answers their class"
        )
    return tuple(notes)


def _swamp_notes(copies: Floats, is_in: NDArray[np.uint8]) -> tuple[str, ...]:
    """Say so where the copies are too many beside a model's own records: then they spoil the model, and hide members."""
    n_copies, n_members = int(copies.sum()), int(is_in.sum(axis=1).min())
    if n_copies <= MOST_COPIES * n_members:
        return ()
    note = (
        f"{n_copies} copies were planted beside {n_members} records of a model, more than {MOST_COPIES:.0%} of them: so many spoil the "
        "model, and the attack with it. Lower n_challenge, or raise data.n_records"
    )
    return (note,)


def _top_notes(scores: Floats, label: NDArray[np.uint8]) -> tuple[str, ...]:
    if ((label == 0).sum(axis=1) < FEWEST_FOR_ONE_PERCENT).any():
        return ()
    share = float((scores[label == 0] == scores.max()).mean()) if (label == 0).any() else 0.0
    low, high = NEAR_ONE_PERCENT
    if not low <= share <= high:
        return ()
    note = (
        f"{share:.2%} of the non-members, over all targets, have the highest score: near a false positive rate of 1 % the floor "
        "rule counts all members of that block or none. Read the expected rate beside it, or set tie_break"
    )
    return (note,)
