"""Draw which model is trained on which record."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError
from privaudit.types import AuditDesign
from privaudit.types.design import CONTROL, FIRST_CONTROL, SHADOW, TARGET, DesignKind, model_name


def make_design(
    *,
    kind: DesignKind,
    n_models: int,
    n_records: int,
    targets: Sequence[int] | Literal["all"],
    population: float,
    seed: int,
    record_codes: ArrayLike,
    n_control_models: int = 0,
) -> AuditDesign:
    """Draw the coins of an audit.

    Paired: every record but the population is in model 2j by a fair coin, and in model 2j+1 by the opposite coin; the
    coins of a pair do not depend on the number of pairs. Balanced: every such record is in a random half of the models.

    Args:
        kind: ``paired`` or ``balanced``.
        n_models: number of targets and shadows, even, at least 4.
        n_records: number of records.
        targets: numbers of the attacked models, or ``all``.
        population: share of the records held out of every model, in [0, 1).
        seed: root seed.
        record_codes: ``(n_records,)`` each record's row in the source.
        n_control_models: number of control models appended with coins of their own, 0 or even and at least 4.

    Returns:
        The design, with ``n_models + n_control_models`` models.

    Raises:
        ConfigError: if the numbers allow no audit, or a model would have nothing to train on.
    """
    role = _roles(kind, n_models, targets, n_control_models)
    is_population = draw_population(population, n_records, seed)
    is_in, pair = _throw_coins(kind, n_models, n_control_models, is_population, seed)
    return AuditDesign(
        kind=kind,
        is_in=is_in,
        pair=pair,
        role=role,
        variant=(role == CONTROL).astype(np.int64),
        is_population=is_population,
        record_codes=np.asarray(record_codes, dtype=np.int64),
        seed=seed,
    )


def draw_population(share: float, n_records: int, seed: int) -> NDArray[np.bool_]:
    """Choose the records that are held out of every model.

    Args:
        share: of the records, in [0, 1).
        n_records: number of records.
        seed: root seed.

    Returns:
        ``(n_records,)`` True for the records held out.

    Raises:
        ConfigError: if the share is out of range, or fewer than two records remain.
    """
    if not 0.0 <= share < 1.0:
        raise ConfigError(f"population must lie in [0, 1); got {share}.", key="design.population")
    n_held_out = round(share * n_records)
    if n_records - n_held_out < 2:
        raise ConfigError(
            f"at least 2 records must be left to draw members from; got {n_records} records and {n_held_out} held out. "
            "Add records or lower design.population.",
            key="design.population",
        )
    held_out = np.zeros(n_records, dtype=np.bool_)
    held_out[stream_generator(seed, "population").choice(n_records, n_held_out, replace=False)] = True
    return held_out


def paired_coins(n_models: int, n_records: int, seed: int, stream: str = "coins") -> NDArray[np.uint8]:
    """Fair coins for models 2j and their opposites for models 2j+1.

    Args:
        n_models: number of models, even.
        n_records: number of records.
        seed: root seed.
        stream: named stream; pair j draws from its j-th generator.

    Returns:
        ``(n_models, n_records)`` uint8.

    >>> coins = paired_coins(4, 10, seed=0)
    >>> coins.shape, bool((coins[0] + coins[1] == 1).all())
    ((4, 10), True)
    """
    coins = [_one_of_a_pair(model, n_records, seed, stream) for model in range(n_models)]
    return np.array(coins, dtype=np.uint8).reshape(n_models, n_records)


def coins_of_number(number: int, *, n_records: int, is_population: NDArray[np.bool_], seed: int) -> NDArray[np.uint8]:
    """Coins of one model of a paired design by its number, also of models that a design does not hold yet.

    Args:
        number: the model's (see `AuditDesign.numbers`).
        n_records: number of records.
        is_population: ``(n_records,)`` True for the records held out of every model.
        seed: root seed.

    Returns:
        ``(n_records,)`` uint8; a few records may leave a model with none.
    """
    is_control = number >= FIRST_CONTROL
    stream, place = ("control_coins", number - FIRST_CONTROL) if is_control else ("coins", number)
    coins = _one_of_a_pair(place, n_records, seed, stream)
    coins[is_population] = 0
    return coins


def _one_of_a_pair(model: int, n_records: int, seed: int, stream: str) -> NDArray[np.uint8]:
    coins = stream_generator(seed, stream, model // 2).integers(0, 2, size=n_records, dtype=np.uint8)
    return coins ^ np.uint8(model % 2)


def balanced_coins(n_models: int, n_records: int, seed: int) -> NDArray[np.uint8]:
    """Put every record in a uniformly random half of the models.

    Args:
        n_models: number of models, even.
        n_records: number of records.
        seed: root seed.

    Returns:
        ``(n_models, n_records)`` uint8.
    """
    half = np.repeat(np.array([1, 0], dtype=np.uint8), n_models // 2)
    columns = np.broadcast_to(half[:, None], (n_models, n_records))
    return stream_generator(seed, "balanced").permuted(columns, axis=0)


def _roles(
    kind: str, n_models: int, targets: Sequence[int] | Literal["all"], n_control_models: int
) -> NDArray[np.str_]:
    _check_kind(kind, n_control_models)
    _check_even("n_models", n_models)
    is_target = np.isin(np.arange(n_models), _target_numbers(targets, n_models))
    return np.concatenate([np.where(is_target, TARGET, SHADOW), np.full(n_control_models, CONTROL)])


def _throw_coins(
    kind: str, n_models: int, n_control_models: int, is_population: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Coins and partners of all models, controls last; the population's coins are all 0."""
    n_records = len(is_population)
    if kind == "paired":
        coins, pair = paired_coins(n_models, n_records, seed, "coins"), _partners(n_models)
    else:
        coins, pair = balanced_coins(n_models, n_records, seed), np.full(n_models, -1, dtype=np.int64)
    coins = np.vstack([coins, paired_coins(n_control_models, n_records, seed, "control_coins")])
    coins[:, is_population] = 0
    _check_training_sets(coins, n_models)
    return coins, np.concatenate([pair, n_models + _partners(n_control_models)])


def _partners(n_models: int) -> NDArray[np.int64]:
    return np.arange(n_models, dtype=np.int64) ^ 1  # 2j <-> 2j+1


def _check_kind(kind: str, n_control_models: int) -> None:
    if kind not in ("paired", "balanced"):
        raise ConfigError(f"design.kind must be paired or balanced; got {kind!r}.", key="design.kind")
    if n_control_models:
        _check_even("n_control_models", n_control_models)
        if kind == "balanced":
            raise ConfigError(
                "a balanced design has no control models; choose design.kind paired, or control.n_models 0.",
                key="design.kind",
            )


def _check_even(name: str, number: int) -> None:
    key = "control.n_models" if name == "n_control_models" else f"design.{name}"
    if number < 4 or number % 2:
        raise ConfigError(
            f"{key} must be even and at least 4 (every model has a complement, and needs shadows); got {number}.",
            key=key,
        )


def _target_numbers(targets: Sequence[int] | Literal["all"], n_models: int) -> list[int]:
    if isinstance(targets, str):
        if targets != "all":
            raise ConfigError(f"targets must be model numbers or 'all'; got {targets!r}.", key="design.targets")
        return list(range(n_models))
    chosen = [int(target) for target in targets]
    bad = [target for target in chosen if not 0 <= target < n_models]
    if bad or not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError(
            f"targets must be distinct model numbers in 0..{n_models - 1}, at least one; got {chosen}.",
            key="design.targets",
        )
    return chosen


def _check_training_sets(coins: NDArray[np.uint8], n_models: int) -> None:
    empty = np.flatnonzero(~coins.any(axis=1))
    if empty.size:
        first = int(empty[0])
        name = model_name(first if first < n_models else FIRST_CONTROL + first - n_models)
        raise ConfigError(
            f"every model must train on at least one record; the coins leave {empty.size} with none "
            f"(first: {name}). Add records, or choose another seed."
        )
