"""The batches of many models, step by step, padded to one size.

Each model's batches are exactly those that `privaudit.training.batches` draws for it alone, from the same generator;
they are only drawn many steps at a time.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.training.batches import batches_per_epoch
from privaudit.training.recipe import Recipe

BLOCK_NUMBERS = 2**21  # uniform numbers drawn at a time: 16 MiB
TABLE_NUMBERS = 2**16  # places in a model's table, about: half a MiB


class StepTable(NamedTuple):
    """Batches of one model in consecutive steps.

    Attributes:
        rows: ``(n_steps, width)`` int64 positions among the model's records; 0 where a batch is shorter.
        sizes: ``(n_steps,)`` records in each batch.
    """

    rows: NDArray[np.int64]
    sizes: NDArray[np.int64]


def poisson_tables(n: int, *, sample_rate: float, steps: int, rng: np.random.Generator) -> Iterator[StepTable]:
    """Yield Poisson batches, many steps at a time; see `poisson_batches` for the meaning.

    Args:
        n: number of records.
        sample_rate: the probability of each record in each step.
        steps: number of batches.
        rng: source of randomness.
    """
    block = max(1, min(BLOCK_NUMBERS, int(TABLE_NUMBERS / sample_rate)) // n)
    for start in range(0, steps, block):
        taken = rng.random((min(block, steps - start), n)) < sample_rate
        step, row = np.nonzero(taken)
        sizes = np.count_nonzero(taken, axis=1)
        place = np.arange(len(step)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = np.zeros((len(sizes), int(sizes.max(initial=0))), dtype=np.int64)
        rows[step, place] = row
        yield StepTable(rows, sizes)


def shuffled_tables(n: int, *, batch_size: int, epochs: int, rng: np.random.Generator) -> Iterator[StepTable]:
    """Yield shuffled batches, many epochs at a time; see `shuffled_batches` for the meaning.

    Args:
        n: number of records.
        batch_size: records in every batch but the last.
        epochs: passes over the records.
        rng: source of randomness.
    """
    n_batches = batches_per_epoch(n, batch_size)
    n_full = (n_batches - 1) * batch_size
    last = n - n_full
    sizes = np.array([*[batch_size] * (n_batches - 1), last], dtype=np.int64)
    block = max(1, TABLE_NUMBERS // n)
    for start in range(0, epochs, block):
        orders = np.stack([rng.permutation(n) for _ in range(min(block, epochs - start))])
        rows = np.zeros((len(orders), n_batches, int(sizes.max())), dtype=np.int64)
        if n_full:  # a single batch may be narrower than batch_size
            rows[:, :-1, :batch_size] = orders[:, :n_full].reshape(len(orders), n_batches - 1, batch_size)
        rows[:, -1, :last] = orders[:, n_full:]
        yield StepTable(rows.reshape(-1, rows.shape[2]), np.tile(sizes, len(orders)))


def recipe_tables(recipe: Recipe, n: int, rng: np.random.Generator) -> Iterator[StepTable]:
    """Return a recipe's batches for a model of n records."""
    if recipe.steps is not None and recipe.sample_rate is not None:
        return poisson_tables(n, sample_rate=recipe.sample_rate, steps=recipe.steps, rng=rng)
    assert recipe.epochs is not None and recipe.batch_size is not None
    return shuffled_tables(n, batch_size=recipe.batch_size, epochs=recipe.epochs, rng=rng)


class GroupBatches(NamedTuple):
    """Batches of a group of models in consecutive steps.

    Attributes:
        rows: ``(n_steps, n_models, width)`` int64 records; one of the model's where a batch is shorter or it has ended.
        sizes: ``(n_steps, n_models)`` records in each batch.
        is_last: ``(n_steps, n_models)`` True in a model's last step.
    """

    rows: NDArray[np.int64]
    sizes: NDArray[np.int64]
    is_last: NDArray[np.bool_]

    def ending(self, step: int) -> list[int]:
        """Return the models whose last step this is."""
        return np.flatnonzero(self.is_last[step]).tolist()


def group_batches(
    members: Sequence[NDArray[np.int64]], tables: Sequence[Iterator[StepTable]], n_steps: Sequence[int]
) -> Iterator[GroupBatches]:
    """Yield the batches of models that train side by side, block after block.

    Models with fewer batches than others end earlier: from then on their batches are empty.

    Args:
        members: the records of each model.
        tables: the batches of each model, as positions among its records.
        n_steps: number of batches of each model.
    """
    queues = [_Queue(rows, table) for rows, table in zip(members, tables, strict=True)]
    ends = np.array(n_steps, dtype=np.int64)
    done = 0
    while done < ends.max():
        length = min(queue.available() for queue, end in zip(queues, ends, strict=True) if end > done)
        parts = [queue.take(length) for queue in queues]
        width = max(part.rows.shape[1] for part in parts)
        # padding is a record of the model's own: what another record's overflow would do, it must not feel
        first = np.array([queue.first for queue in queues])
        rows = np.broadcast_to(first[:, None], (length, len(parts), width)).copy()
        sizes = np.zeros((length, len(parts)), dtype=np.int64)
        for model, part in enumerate(parts):
            rows[: len(part.sizes), model, : part.rows.shape[1]] = part.rows
            sizes[: len(part.sizes), model] = part.sizes
        yield GroupBatches(rows, sizes, np.arange(done + 1, done + length + 1)[:, None] == ends)
        done += length


class _Queue:
    """Steps of one model that were drawn and not yet taken."""

    def __init__(self, members: NDArray[np.int64], tables: Iterator[StepTable]) -> None:
        self._members, self._tables = members, tables
        self.first = members[0]
        self._table = StepTable(np.zeros((0, 0), dtype=np.int64), np.zeros(0, dtype=np.int64))

    def available(self) -> int:
        """Number of steps that are there; draws more when none is, and is 0 when the model has ended."""
        if not len(self._table.sizes):
            self._table = next(self._tables, self._table)
        return len(self._table.sizes)

    def take(self, n_steps: int) -> StepTable:
        """Return the next steps, at most those available, as records; the padding too is among the members."""
        table = self._table
        self._table = StepTable(table.rows[n_steps:], table.sizes[n_steps:])
        return StepTable(self._members[table.rows[:n_steps]], table.sizes[:n_steps])
