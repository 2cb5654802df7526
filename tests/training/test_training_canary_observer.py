"""Gradient canaries in the batched trainer: what enters the sums, what is seen, and that nothing else changes."""

import numpy as np
import pytest
import torch

from privaudit.config import OptimizerConfig
from privaudit.data.gradient_canaries import make_gradient_canaries
from privaudit.errors import ShapeError, UnsupportedError
from privaudit.training.canary_observer import CanaryObserver, idle_coordinates
from privaudit.training.ensemble import ModelStream, train_ensemble
from privaudit.training.networks import mlp
from privaudit.training.recipe import DpRecipe, Recipe

N, D_IN, N_CLASSES, N_MODELS = 24, 6, 3, 3
WEIGHTS = {"1.weight": (4, D_IN), "1.bias": (4,), "3.weight": (N_CLASSES, 4), "3.bias": (N_CLASSES,)}
N_WEIGHTS = sum(int(np.prod(shape)) for shape in WEIGHTS.values())


def recipe(*, noise=0.0, rate=1.0, steps=5, clip=0.5, lr=0.1):
    return Recipe(
        steps=steps,
        sample_rate=rate,
        epochs=None,
        batch_size=None,
        expected_batch_size=rate * N,
        schedule_steps=steps,
        optimizer=OptimizerConfig(name="sgd", lr=lr),
        dp=DpRecipe(noise_multiplier=noise, max_grad_norm=clip, delta=1e-5),
    )


def trained(settings, canaries=None, is_in=None, **options):
    rng = np.random.default_rng(0)
    features = torch.tensor(rng.normal(size=(N, D_IN)), dtype=torch.float32)
    features[:, 0] = 0.0  # the weights of this input are idle
    labels = torch.tensor(rng.integers(0, N_CLASSES, N))
    networks = []
    for model in range(N_MODELS):
        torch.manual_seed(model)
        networks.append(mlp(D_IN, N_CLASSES, hidden=(4,)))
    streams = [ModelStream(members=np.arange(N), batches=model, noise=100 + model) for model in range(N_MODELS)]
    observer = None
    if canaries is not None:
        observer = CanaryObserver(canaries, is_in, recipe=settings, seeds=list(range(N_MODELS)), **options)
    train_ensemble(networks, features, labels, streams=streams, recipe=settings, observer=observer)
    flat = torch.stack([torch.cat([w.detach().reshape(-1) for w in n.parameters()]) for n in networks])
    return flat.numpy(), observer


def coins(m, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (N_MODELS, m), dtype=np.uint8)


def test_names_and_shapes_are_those_of_the_network():
    assert {name: tuple(w.shape) for name, w in mlp(D_IN, N_CLASSES, hidden=(4,)).named_parameters()} == WEIGHTS


def test_without_canaries_the_weights_are_the_same_to_the_bit():
    settings = recipe(noise=1.0)
    plain, _ = trained(settings)
    canaries = make_gradient_canaries("coordinate", weights=WEIGHTS, n_canaries=5)
    watched, _ = trained(settings, canaries, np.zeros((N_MODELS, 5), dtype=np.uint8))
    np.testing.assert_array_equal(plain, watched)


@pytest.mark.parametrize("norm", [100.0, 1.0, 0.25])
def test_without_noise_projections_are_the_coins_times_the_clipped_length(norm):
    canaries = make_gradient_canaries("coordinate", weights=WEIGHTS, n_canaries=8, norm=norm, seed=1)
    is_in = coins(8)
    _, observer = trained(recipe(), canaries, is_in)
    for seen in observer.projections:
        np.testing.assert_allclose(seen, is_in * min(norm, 1.0), atol=1e-5)


def test_a_canary_moves_the_weights_by_one_clip_over_the_expected_batch_size():
    canaries = make_gradient_canaries("spread", weights=WEIGHTS, seed=2)
    settings = recipe(steps=1, lr=1.0)
    without, _ = trained(settings, canaries, np.zeros((N_MODELS, 1), dtype=np.uint8))
    with_it, _ = trained(settings, canaries, np.ones((N_MODELS, 1), dtype=np.uint8))
    expected = np.broadcast_to(canaries.directions[0] * 0.5 / N, with_it.shape)
    np.testing.assert_allclose(without - with_it, expected, atol=1e-6)


def test_a_sign_that_alternates_is_taken_out_of_the_projections():
    canaries = make_gradient_canaries("alternating", weights=WEIGHTS, seed=3)
    settings = recipe(steps=4, lr=1.0)
    _, observer = trained(settings, canaries, np.ones((N_MODELS, 1), dtype=np.uint8))
    np.testing.assert_allclose(np.stack(observer.projections), 1.0, atol=1e-5)


def test_idle_noise_is_the_noise_of_the_sum_in_clips():
    canaries = make_gradient_canaries("coordinate", weights=WEIGHTS, n_canaries=5, seed=4)
    idle = idle_coordinates(canaries)
    assert not canaries.directions[:, idle].any() and len(idle) == N_WEIGHTS - 5
    _, observer = trained(recipe(noise=3.0, steps=400, lr=1e-6), canaries, coins(5), idle=idle)
    noise = np.stack(observer.idle_noise)  # (steps, models, idle)
    # 400 x 3 x 38 deviates: the relative error of the deviation is .0033; P[6 of it] < 1e-8
    assert noise.std() == pytest.approx(3.0, rel=0.02)  # in clips, whatever the clip is (.5 here)


def test_projections_are_one_apart_at_the_noise_of_the_claim():
    canaries = make_gradient_canaries("coordinate", weights=WEIGHTS, n_canaries=10, seed=5)
    is_in = coins(10)
    _, observer = trained(recipe(noise=2.0, steps=500, lr=1e-6), canaries, is_in)
    seen = np.stack(observer.projections) - is_in
    assert seen.std() == pytest.approx(2.0, rel=0.04)  # 15,000 deviates: 7 deviations of the estimate
    assert abs(seen.mean()) < 6 * 2.0 / np.sqrt(seen.size)


def test_the_final_weights_hold_the_sum_of_all_steps_where_nothing_disturbs():
    # an observation of the trainer's own result, not of its buffers
    first_input = [D_IN * unit for unit in range(4)]
    canaries = make_gradient_canaries("coordinate", weights=WEIGHTS, n_canaries=4, coordinates=first_input)
    settings = recipe(noise=1.0, steps=7, lr=0.1)
    start = torch.stack([_initial(model) for model in range(N_MODELS)]).numpy()
    weights, observer = trained(settings, canaries, coins(4, 7))
    moved = (start - weights)[:, first_input] / 0.1 * N / 0.5
    np.testing.assert_allclose(moved, np.sum(observer.projections, axis=0), rtol=1e-3, atol=2e-3)


def _initial(model):
    torch.manual_seed(model)
    return torch.cat([w.detach().reshape(-1) for w in mlp(D_IN, N_CLASSES, hidden=(4,)).parameters()])


def test_sampled_steps_hold_a_canary_at_the_rate_and_only_where_it_is_in():
    canaries = make_gradient_canaries("coordinate", weights=WEIGHTS, n_canaries=10, seed=8)
    is_in = coins(10, 8)
    _, observer = trained(recipe(rate=0.3, steps=400), canaries, is_in)
    sampled = np.stack(observer.sampled)
    assert not sampled[:, is_in == 0].any()
    n_drawn = sampled[:, is_in == 1].size
    share = sampled[:, is_in == 1].mean()
    assert abs(share - 0.3) < 6 * np.sqrt(0.21 / n_drawn)  # P[a miss] < 2e-9
    np.testing.assert_allclose(np.stack(observer.projections), sampled, atol=1e-4)


def test_what_does_not_fit_is_refused():
    canaries = make_gradient_canaries("coordinate", weights={"w": (7,)}, n_canaries=2)
    with pytest.raises(ShapeError, match="models by canaries"):
        CanaryObserver(canaries, np.ones((2, 3), dtype=np.uint8), recipe=recipe(), seeds=[0, 1])
    with pytest.raises(ShapeError, match="one number per weight"):
        trained(recipe(), canaries, np.ones((N_MODELS, 2), dtype=np.uint8))
    with pytest.raises(UnsupportedError, match="no dp"):
        CanaryObserver(canaries, np.ones((1, 2), dtype=np.uint8), recipe=recipe().without_privacy(), seeds=[0])
