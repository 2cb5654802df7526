import math

import numpy as np
import pytest
import torch
from torch import nn

from privaudit.errors import DataError, ShapeError
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import SIGNALS, signals_from_logits

ROWS = torch.from_numpy(np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32))


def test_values():
    logits = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 1.0, 5.0]])
    labels = np.array([0, 1, 0])
    signals = signals_from_logits(logits, labels)
    assert tuple(signals) == SIGNALS
    for row, label in enumerate(labels):
        p = math.exp(logits[row, label]) / sum(math.exp(z) for z in logits[row])
        assert signals["logit_margin"][row, 0] == pytest.approx(math.log(p / (1 - p)))
        assert signals["negative_loss"][row, 0] == pytest.approx(math.log(p))
        softened = math.exp(logits[row, label] / 2) / sum(math.exp(z / 2) for z in logits[row])
        assert signals["negative_loss_t2"][row, 0] == pytest.approx(math.log(softened))
        others = [math.exp(z) for z in np.delete(logits[row], label)]
        shares = [q / (math.exp(logits[row, label]) + sum(others)) for q in others]
        entropy = -(1 - p) * math.log(p) - sum(q * math.log(1 - q) for q in shares)
        assert signals["negative_log_modified_entropy"][row, 0] == pytest.approx(-math.log(entropy))
    assert signals["correct"][:, 0].tolist() == [1.0, 1.0, 0.0]
    assert all(values.shape == (3, 1) and values.dtype == np.float64 for values in signals.values())


def test_one_output_counts_as_two_logits():
    labels = np.array([1, 0, 1])
    one = signals_from_logits(np.array([[0.7], [-3.0], [-1.0]]), labels)
    two = signals_from_logits(np.array([[0.0, 0.7], [0.0, -3.0], [0.0, -1.0]]), labels)
    assert all(np.array_equal(one[name], two[name]) for name in SIGNALS)
    assert one["logit_margin"][:, 0].tolist() == pytest.approx([0.7, 3.0, -1.0])


def test_higher_is_more_member_like_and_nothing_saturates():
    own = np.linspace(-400, 400, 41)
    signals = signals_from_logits(np.stack([own, np.zeros(41)], axis=1), np.zeros(41, dtype=np.int64))
    assert (np.diff(signals["logit_margin"][:, 0]) > 0).all()
    for name in ("negative_loss", "negative_loss_t2", "negative_log_modified_entropy"):
        assert (np.diff(signals[name][:, 0]) > 0).all()
    assert (np.diff(signals["correct"][:, 0]) >= 0).all()
    assert (signals["negative_loss"] <= 0).all()


def test_float32_extremes_stay_finite():
    largest = float(np.finfo(np.float32).max)
    signals = signals_from_logits(np.array([[largest, -largest], [-largest, largest]]), np.array([0, 0]))
    assert all(np.isfinite(values).all() for values in signals.values())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite(bad):
    with pytest.raises(DataError, match="logits must be finite; 1 records"):
        signals_from_logits(np.array([[0.0, 1.0], [bad, 1.0]]), np.array([0, 1]))


def test_a_label_without_a_column():
    with pytest.raises(ShapeError, match="labels must lie in"):
        signals_from_logits(np.zeros((2, 2)), np.array([0, 2]))


@pytest.mark.parametrize("batch_size", [1, 2, 4, 8, 9, 4096])
def test_batches_give_what_one_forward_gives(batch_size):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 4))
    logits = query_logits(network, ROWS, batch_size=batch_size)
    with torch.no_grad():
        wanted = network.eval()(ROWS).double().numpy()
    assert logits.shape == (9, 4)
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [4, 9])
def test_one_output_with_and_without_an_axis(batch_size):
    class Squeezed(nn.Module):
        def forward(self, x):
            return x[:, :1].squeeze()  # drops the record axis of a last batch of one as well

    for network in (Squeezed(), nn.Identity()):
        rows = ROWS[:, :1]
        assert query_logits(network, rows, batch_size=batch_size).tolist() == rows.double().tolist()
