"""The peak of a step's memory, against steps whose peak is known."""

import pytest
import torch

from privaudit.training.step_memory import SHRINK, step_memory

NUMBER = 8 // SHRINK  # bytes of a float64 that stands for a float32


def test_what_is_alive_at_once_counts_and_what_was_freed_does_not():
    def step(rows):
        for _ in range(3):  # one after the other
            first = torch.zeros(rows.numel(), 100, dtype=torch.float64)
            second = first + 1
            del first, second

    found = step_memory(step, n_models=2, n_records=5)
    assert found.per_record == 2 * 100 * NUMBER
    assert found.per_model == 0


def test_what_does_not_grow_with_the_batch_is_each_models():
    def step(rows):
        table = torch.zeros(len(rows), 1000, dtype=torch.float64)
        table.add_(torch.zeros(rows.shape[1], 1, 10, dtype=torch.float64).sum())  # 10 numbers per record of all models

    found = step_memory(step, n_models=2, n_records=50)
    assert found.per_model == pytest.approx(1000 * NUMBER, rel=0.05)
    assert found.per_record == pytest.approx(10 * NUMBER / 2, rel=0.2)


def test_views_and_changes_in_place_take_nothing():
    def step(rows):
        values = torch.zeros(rows.numel(), 64, dtype=torch.float64)
        values.view(-1).add_(1).view(8, -1).relu_()

    assert step_memory(step, n_models=1, n_records=8).per_record == 64 * NUMBER


def test_the_figure_is_the_same_each_time():
    weight = torch.zeros(30, 20, dtype=torch.float64, requires_grad=True)

    def step(rows):
        torch.autograd.grad((torch.ones(rows.numel(), 30, dtype=torch.float64) @ weight).relu().sum(), weight)

    assert len({step_memory(step, 2, 9) for _ in range(5)}) == 1
