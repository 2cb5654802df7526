"""From scores of the records to the result of one target."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import DataError, UnsupportedError
from privaudit.interfaces import Attack, AuditInputs
from privaudit.types import AttackResult

LARGEST_SIGNAL = 1e60  # squares of it, and their sums, stay finite


def coin_result(
    attack: Attack,
    inputs: AuditInputs,
    target: int,
    scores: NDArray[np.float64],
    *,
    params: Mapping[str, Any],
    left_out: Sequence[int] = (),
    notes: tuple[str, ...] = (),
) -> AttackResult:
    """Keep the scores of the records with a coin and put the target's coins beside them.

    Args:
        attack: the attack, which says its name, game and access.
        inputs: what the attack saw.
        target: number of the target.
        scores: ``(n_coin_records,)`` scores of the records with a coin, or ``(n_records,)`` of all records, of which those
            of the population are dropped.
        params: the attack's parameters.
        left_out: models that did not serve as shadows; empty for an attack without shadows.
        notes: what a reader must know.
    """
    # the coins of complete pairs of shadows say nothing about a released model: it has no complement, and no coins
    is_ours = bool(inputs.design.is_trained[target])
    betrayed = count_notes(left_out) if left_out and is_ours else ()
    records = inputs.design.coin_records
    return AttackResult(
        attack=attack.name,
        game=attack.game,
        access=attack.access,
        params=params,
        target=int(target),
        scores=scores if len(scores) == len(records) else scores[records],
        label=inputs.design.is_in[target, records],
        unit_ids=records,
        notes=(*notes, *betrayed),
        depends_on_coins=bool(betrayed),
        has_fair_coins=is_ours,
    )


def check_targets(inputs: AuditInputs, targets: Sequence[int]) -> None:
    """Refuse targets that are not among the usable models.

    Raises:
        UnsupportedError: names them.
    """
    missing = sorted(set(map(int, targets)) - set(inputs.usable.tolist()))
    if missing:
        raise UnsupportedError(f"targets must be models that were measured; {missing} are not among them.")


def finite_signal(inputs: AuditInputs, name: str) -> NDArray[np.float64]:
    """Return a signal as `AuditInputs.dense` does, refusing values that no arithmetic can use.

    Raises:
        MissingSignalError: if it was not collected for every usable model and record.
        DataError: if a value is infinite or beyond ``LARGEST_SIGNAL``.
    """
    return finite_queries(inputs, name, n_queries=1)[:, :, 0]


def finite_queries(inputs: AuditInputs, name: str, *, n_queries: int | None = None) -> NDArray[np.float64]:
    """Return ``(n_models, n_records, n_queries)`` values of a signal, refusing what no arithmetic can use.

    Args:
        inputs: what was measured; rows of unusable models are NaN.
        name: the signal.
        n_queries: how many queries per record it must have, ``None`` = any number.

    Raises:
        MissingSignalError: if it was not collected for every usable model and record.
        ShapeError: if it has another number of queries.
        DataError: if a value is infinite or beyond ``LARGEST_SIGNAL``.
    """
    values = inputs.dense(name)[:, :, None] if n_queries == 1 else inputs.dense_queries(name)
    used = values if len(inputs.usable) == len(values) else values[inputs.usable]
    if max(used.max(initial=0.0), -used.min(initial=0.0)) <= LARGEST_SIGNAL:
        return values
    bad = np.argwhere(np.abs(values[inputs.usable]) > LARGEST_SIGNAL)
    if len(bad):
        model, record = inputs.usable[bad[0, 0]], bad[0, 1]
        raise DataError(
            f"signal {name} must be finite, up to {LARGEST_SIGNAL:g}; {len(bad)} values are not (first: model {model}, "
            f"record {record}). Look at that model's training."
        )
    return values


def count_notes(left_out: Sequence[int]) -> tuple[str, ...]:
    """Say so where the shadows betray the target's coins: the target was left out without its complement.

    Args:
        left_out: models that did not serve as shadows of the target.
    """
    note = (
        "the target was left out of the shadows without its complement: how many of them hold a record depends on the "
        "target's own coins, so the scores depend on membership even where the model gives nothing away"
    )
    return () if len(left_out) > 1 else (note,)
