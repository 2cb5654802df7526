"""Heads trained together against plain loops, one head and one record at a time."""

import numpy as np
import pytest
import torch

from privaudit.errors import ConfigError, ShapeError
from privaudit.training import linear_grid
from privaudit.training.linear_grid import Heads, draw_batches, train_heads, with_constant

N_RECORDS, N_CLASSES, STEPS, SIZE = 23, 3, 12, 11.5


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, N_CLASSES, N_RECORDS)
    labels[:N_CLASSES] = range(N_CLASSES)
    return with_constant(rng.normal(size=(N_RECORDS, 4))), labels


def make_heads(n=5, *, private=False, **changes):
    rng = np.random.default_rng(6)
    heads = Heads(
        is_in=rng.random((n, N_RECORDS)) < 0.5,
        learning_rate=10 ** rng.uniform(-3, -1, n),
        sample_rate=rng.choice([0.3, 0.6, 1.0], n),
        clip=rng.uniform(0.3, 1.5, n) if private else None,
        noise_multiplier=rng.uniform(0.5, 2.0, n) if private else None,
    )
    return heads._replace(**changes)


def one_head(features, labels, heads, row, batches, noises):
    """Train one head by autograd, one gradient per record, with torch's own Adam."""
    inputs, classes = torch.from_numpy(features), torch.from_numpy(labels)
    weights = torch.zeros(features.shape[1], N_CLASSES, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=heads.learning_rate[row])
    for batch, noise in zip(batches, noises, strict=True):
        total = torch.zeros_like(weights)
        for record in np.flatnonzero(batch[:, row]):
            loss = torch.nn.functional.cross_entropy(inputs[record] @ weights, classes[record])
            (gradient,) = torch.autograd.grad(loss, weights)
            if heads.clip is not None:
                gradient = gradient * min(1.0, heads.clip[row] / float(gradient.norm()))
            total += gradient
        if heads.clip is not None:
            total += heads.noise_multiplier[row] * heads.clip[row] * noise[..., row]
        weights.grad = total / (heads.sample_rate[row] * SIZE)
        optimizer.step()
    return weights.detach().numpy()


@pytest.mark.parametrize("private", [False, True])
def test_heads_together_equal_an_autograd_loop_over_heads_and_records(data, private):
    features, labels = data
    heads = make_heads(private=private)
    trained = train_heads(features, labels, heads, steps=STEPS, expected_size=SIZE, seed=3)
    generator = torch.Generator().manual_seed(3)
    batches, noises = [], []
    for _ in range(STEPS):
        batches.append(draw_batches(heads, generator).numpy())
        shape = (features.shape[1], N_CLASSES, len(heads.is_in))
        noises.append(torch.randn(shape, generator=generator, dtype=torch.float64) if private else None)
    wanted = np.stack([one_head(features, labels, heads, row, batches, noises) for row in range(len(heads.is_in))])
    np.testing.assert_allclose(trained, wanted, rtol=0, atol=1e-9)
    assert np.abs(trained).max() > 0.05


def test_clipped_sums_equal_a_loop_over_records(data):
    features, labels = data
    heads = make_heads(private=True)
    rng = np.random.default_rng(7)
    weights = rng.normal(size=(features.shape[1], N_CLASSES, 5))
    batches = draw_batches(heads, torch.Generator().manual_seed(1))
    found = linear_grid._summed(
        torch.from_numpy(features),
        torch.from_numpy(labels),
        torch.from_numpy(weights),
        batches,
        torch.from_numpy(heads.clip),
    ).numpy()
    n_clipped = 0
    for head in range(5):
        total = np.zeros((features.shape[1], N_CLASSES))
        for record in np.flatnonzero(batches[:, head].numpy()):
            logits = features[record] @ weights[..., head]
            error = np.exp(logits) / np.exp(logits).sum() - np.eye(N_CLASSES)[labels[record]]
            gradient = np.outer(features[record], error)
            n_clipped += np.linalg.norm(gradient) > heads.clip[head]
            total += gradient * min(1.0, heads.clip[head] / np.linalg.norm(gradient))
        np.testing.assert_allclose(found[..., head], total, rtol=0, atol=1e-12)
    assert 0 < n_clipped < batches.sum()


def test_same_seed_same_bytes_and_another_seed_another_head(data):
    features, labels = (data[0].astype(np.float32), data[1])
    first, again, other = (
        train_heads(features, labels, make_heads(private=True), steps=4, expected_size=SIZE, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first.dtype == np.float32 and first.tobytes() == again.tobytes() != other.tobytes()


def test_batches_hold_members_only_at_the_sample_rate(data):
    """1,000 batches: each rate within 5 standard deviations, which a correct draw misses once in a million."""
    heads = make_heads()
    generator = torch.Generator().manual_seed(0)
    drawn = sum(draw_batches(heads, generator).double() for _ in range(1000)).numpy().T / 1000
    assert not drawn[~heads.is_in].any()
    for row, rate in enumerate(heads.sample_rate):
        members = drawn[row, heads.is_in[row]]
        assert abs(members.mean() - rate) <= 5 * np.sqrt(rate * (1 - rate) / (1000 * members.size))


def test_a_record_outside_a_head_leaves_no_trace(data):
    features, labels = data
    heads = make_heads(2, is_in=np.ones((2, N_RECORDS), dtype=bool))
    heads.is_in[1, 5] = False
    changed = features.copy()
    changed[5] += 3.0
    before, after = (train_heads(x, labels, heads, steps=5, expected_size=SIZE, seed=0) for x in (features, changed))
    np.testing.assert_allclose(before[1], after[1], rtol=0, atol=1e-14)
    assert np.abs(before[0] - after[0]).max() > 1e-3


def test_a_record_without_gradient_is_not_divided_by_zero(data):
    features, labels = (np.zeros_like(data[0]), data[1])
    heads = make_heads(private=True, noise_multiplier=np.zeros(5))
    assert not train_heads(features, labels, heads, steps=2, expected_size=SIZE, seed=0).any()


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"is_in": np.ones((5, 3), dtype=bool)}, ShapeError, "is_in"),
        ({"learning_rate": np.ones(4)}, ShapeError, "learning_rate"),
        ({"sample_rate": np.full(5, 1.5)}, ConfigError, "sample_rate"),
        ({"sample_rate": np.full(5, np.nan)}, ConfigError, "sample_rate"),
        ({"clip": np.ones(5)}, ConfigError, "noise_multiplier"),
        ({"clip": np.zeros(5), "noise_multiplier": np.ones(5)}, ConfigError, "clip"),
    ],
)
def test_mistakes_are_named(data, changes, error, match):
    with pytest.raises(error, match=match):
        train_heads(*data, make_heads(**changes), steps=1, expected_size=SIZE, seed=0)


def test_a_feature_that_is_no_number_is_refused(data):
    features = data[0].copy()
    features[0, 0] = np.nan
    with pytest.raises(ConfigError, match="finite"):
        train_heads(features, data[1], make_heads(), steps=1, expected_size=SIZE, seed=0)
