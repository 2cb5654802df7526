"""Tables of batches against the batches that one model's training draws."""

import math

import numpy as np
import pytest

from privaudit.config import OptimizerConfig
from privaudit.training import batch_tables
from privaudit.training.batch_tables import group_batches, poisson_tables, recipe_tables, shuffled_tables
from privaudit.training.batches import n_steps, poisson_batches, recipe_batches, shuffled_batches
from privaudit.training.recipe import Recipe


def rng(seed=0):
    return np.random.default_rng(seed)


def batches_of(tables):
    """Every step's batch, with its padding cut off."""
    return [rows[:size].tolist() for table in tables for rows, size in zip(table.rows, table.sizes, strict=True)]


def listed(batches):
    return [batch.tolist() for batch in batches]


def by_epoch(epochs, batch_size):
    return Recipe(
        steps=None,
        sample_rate=None,
        epochs=epochs,
        batch_size=batch_size,
        expected_batch_size=None,
        schedule_steps=1,
        optimizer=OptimizerConfig(),
        dp=None,
    )


@pytest.fixture(params=[2**21, 20, 1])
def block_numbers(request, monkeypatch):
    """Numbers drawn, or places filled, at a time; the last one makes a block of every step or epoch."""
    monkeypatch.setattr(batch_tables, "BLOCK_NUMBERS", request.param)
    monkeypatch.setattr(batch_tables, "TABLE_NUMBERS", request.param)
    return request.param


@pytest.mark.parametrize("rate", [1e-12, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_poisson_tables_hold_the_batches_of_one_model(block_numbers, n, rate):
    wanted = listed(poisson_batches(n, sample_rate=rate, steps=23, rng=rng()))
    tables = list(poisson_tables(n, sample_rate=rate, steps=23, rng=rng()))
    assert batches_of(tables) == wanted
    assert [len(table.sizes) for table in tables[:-1]] == [max(1, block_numbers // n)] * (len(tables) - 1)
    assert all(table.rows.shape == (len(table.sizes), table.sizes.max()) for table in tables)
    if rate == 1e-12:
        assert not any(wanted)
    if rate == 1.0:
        assert wanted == [list(range(n))] * 23


def test_a_generator_goes_on_after_a_table_as_after_its_batches(block_numbers):
    one, other = rng(), rng()
    list(poisson_batches(13, sample_rate=0.2, steps=9, rng=one))
    list(poisson_tables(13, sample_rate=0.2, steps=9, rng=other))
    assert one.random() == other.random()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 8, 100])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 10, 13, 17])
def test_shuffled_tables_hold_the_batches_of_one_model(block_numbers, n, batch_size):
    wanted = listed(shuffled_batches(n, batch_size=batch_size, epochs=3, rng=rng()))
    tables = list(shuffled_tables(n, batch_size=batch_size, epochs=3, rng=rng()))
    assert batches_of(tables) == wanted
    assert len(tables) == math.ceil(3 / max(1, block_numbers // n))
    assert all(table.rows.shape[1] == table.sizes.max() for table in tables)


@pytest.mark.parametrize("n", [1, 8, 9, 11])
def test_tables_of_a_recipe(recipe, n):
    for settings in (by_epoch(3, 4), recipe(steps=17, rate=0.2), recipe(steps=17, rate=0.2, dp=False)):
        wanted, count = recipe_batches(settings, n, rng())
        found = batches_of(recipe_tables(settings, n, rng()))
        assert found == listed(wanted)
        assert len(found) == count


def group_of(settings, sizes):
    """Members, tables and numbers of steps of models with these numbers of records; record 0 is in none of them."""
    members = [np.sort(rng(100 + n).choice(np.arange(1, 60), size=n, replace=False)) for n in sizes]
    tables = [recipe_tables(settings, n, rng(seed)) for seed, n in enumerate(sizes)]
    return members, tables, [n_steps(settings, n) for n in sizes]


GROUPS = {
    "shuffled, other numbers of steps": (by_epoch(3, 4), [9, 23, 1, 12, 40]),
    "shuffled, one model": (by_epoch(2, 4), [11]),
    "Poisson": ({"steps": 31, "rate": 0.1}, [9, 23, 1, 12, 40]),
    "Poisson, all empty": ({"steps": 5, "rate": 1e-12}, [9, 23]),
}


@pytest.mark.parametrize("case", GROUPS)
def test_batches_of_a_group(block_numbers, recipe, case):
    settings, sizes = GROUPS[case]
    settings = recipe(**settings) if isinstance(settings, dict) else settings
    members, tables, steps = group_of(settings, sizes)
    blocks = list(group_batches(members, tables, steps))
    assert sum(len(block.sizes) for block in blocks) == max(steps)
    for model, own in enumerate(members):
        batches, _ = recipe_batches(settings, len(own), rng(model))
        wanted = [own[batch].tolist() for batch in batches]
        rows = [row for block in blocks for row in block.rows[:, model]]
        found = [size for block in blocks for size in block.sizes[:, model].tolist()]
        # an ended model has empty batches
        assert found == [len(batch) for batch in wanted] + [0] * (max(steps) - len(wanted))
        assert [row[:size].tolist() for row, size in zip(rows, found, strict=True)][: len(wanted)] == wanted
        # padding too is of the model's own: a record of others, or of no one, is never run for it
        assert all(set(row.tolist()) <= set(own.tolist()) for row in rows)
        is_last = np.concatenate([block.is_last[:, model] for block in blocks])
        assert np.flatnonzero(is_last).tolist() == [len(wanted) - 1]


def test_models_that_end(block_numbers):
    settings, sizes = by_epoch(2, 4), [4, 12, 5, 12]
    members, tables, steps = group_of(settings, sizes)
    assert steps == [2, 6, 2, 6]
    done, ended = 0, {}
    for block in group_batches(members, tables, steps):
        for step in range(len(block.sizes)):
            done += 1
            ended |= dict.fromkeys(block.ending(step), done)
    assert ended == {0: 2, 2: 2, 1: 6, 3: 6}


def test_no_row_is_wider_than_the_widest_batch_of_its_block(block_numbers, recipe):
    members, tables, steps = group_of(recipe(steps=31, rate=0.1), [9, 23, 40])
    for block in group_batches(members, tables, steps):
        assert block.rows.shape[2] >= block.sizes.max()
        assert block.rows.shape[:2] == block.sizes.shape == block.is_last.shape
