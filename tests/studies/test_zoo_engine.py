"""The engine of the zoo against plain loops, its mechanisms against their stated sensitivity, and some of its audits."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from privaudit.errors import TrainingError
from privaudit.studies.zoo import mechanisms
from privaudit.studies.zoo.engine import Training, background, canary_of, play
from privaudit.studies.zoo.gradient_variants import VARIANTS
from privaudit.studies.zoo.record_gradients import LAYERS, N_WEIGHTS, initial_weights, layer_of, record_gradients
from privaudit.studies.zoo.sensitivity_table import PROBED, probe_sensitivity
from privaudit.studies.zoo.white_box_audit import Claim
from privaudit.types import DpSgdParams

FULL = DpSgdParams(noise_multiplier=2.0, sample_rate=1.0, steps=6)
BARE = DpSgdParams(noise_multiplier=0.0, sample_rate=1.0, steps=20)
SIX_STEPS = Training(steps=6)
BY_NAME = {variant.name: variant for variant in VARIANTS}


def network_of(weights):
    network = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    for layer, name in zip(network.parameters(), LAYERS, strict=True):
        layer.data = layer_of(weights, name).clone()
    return network


def gradient_of(network, features, label):
    network.zero_grad()
    functional.cross_entropy(network(features[None]), label[None]).backward()
    return torch.cat([weights.grad.flatten() for weights in network.parameters()])


def test_stacked_gradients_are_those_of_autograd():
    features, labels = background(5, seed=0)
    generator = torch.Generator().manual_seed(0)
    weights = torch.stack([initial_weights(generator) for _ in range(3)])
    found = torch.full((3, 5, N_WEIGHTS), torch.nan)
    record_gradients(weights, features, labels, found)
    wanted = [
        torch.stack([gradient_of(network_of(own), *record) for record in zip(features, labels, strict=True)])
        for own in weights
    ]
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-5, atol=1e-6)


def plain_loop(training, accounted, seed):
    """Train one run with the canary, record by record, and return every noisy sum."""
    features, labels = background(training.n_records, seed)
    canary = torch.tensor(canary_of(training, seed).directions[0]) * training.canary_norm * training.clip
    generator = torch.Generator().manual_seed(seed)
    weights, sums = initial_weights(generator), []
    for _ in range(training.steps):
        network = network_of(weights)
        rows = [gradient_of(network, *record) for record in zip(features, labels, strict=True)]
        total = sum(row * min(1.0, training.clip / float(row.norm())) for row in [*rows, canary])
        noise = torch.randn((1, N_WEIGHTS), generator=generator)[0]
        sums.append(total + accounted.noise_multiplier * training.clip * noise)
        weights = weights - training.learning_rate * sums[-1] / training.n_records
    return torch.stack(sums)


@pytest.mark.parametrize("clip", [1.0, 0.3])
def test_the_correct_mechanism_is_a_plain_loop(clip):
    training, kept = Training(steps=6, clip=clip), []

    def watched(step):
        released = mechanisms.correct(step)
        kept.extend([] if step.generator is None else [released[0]])
        return released

    play(watched, training, FULL, np.array([True]), seed=4)
    torch.testing.assert_close(torch.stack(kept), plain_loop(training, FULL, 4), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("canary", ["coordinate", "spread", "bias", "alternating"])
def test_without_noise_the_auditor_sees_exactly_whether_the_canary_is_in(canary):
    is_in = np.array([True, False, True])
    seen = play(mechanisms.correct, Training(steps=20, canary=canary), BARE, is_in, seed=1)
    np.testing.assert_allclose(seen.projections, np.broadcast_to(is_in, (20, 3)), atol=1e-5)
    np.testing.assert_allclose(seen.energy, 0.0, atol=1e-5)


def test_poisson_batches_hold_the_canary_at_the_sample_rate():
    accounted = DpSgdParams(noise_multiplier=0.0, sample_rate=0.25, steps=20)
    is_in = np.arange(400) % 2 == 1
    seen = play(mechanisms.correct, Training(), accounted, is_in, seed=2).projections
    np.testing.assert_allclose(seen[:, ~is_in], 0.0, atol=1e-5)
    held = seen[:, is_in]
    np.testing.assert_allclose(held, np.rint(held), atol=1e-5)
    # 4,000 fair draws of rate 1/4: 5 standard deviations, 6e-7
    assert abs(np.rint(held).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / held.size)


def test_noise_has_the_deviation_of_the_mechanism():
    none_in = np.zeros(2, dtype=bool)
    for mechanism, wanted in ((mechanisms.correct, 2.0), (mechanisms.noise_halved, 1.0)):
        seen = play(mechanism, Training(steps=6, clip=3.0), FULL, none_in, seed=3, keep_residuals=True)
        n = seen.residuals.size  # 14,520 draws: 5 standard deviations of a sample's, 6e-7
        assert abs(seen.residuals.std() / wanted - 1.0) < 5 / np.sqrt(2 * n)
        np.testing.assert_allclose(
            seen.energy + np.square(seen.projections).sum(0), np.square(seen.residuals).sum((0, 2)), rtol=1e-5
        )


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not():
    first, again, other = (
        play(mechanisms.correct, SIX_STEPS, FULL, np.array([True, False]), seed=seed).projections.tobytes()
        for seed in (7, 7, 8)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("mechanism", "shape", "wanted"),
    [
        ("correct", "coordinate", 1.0),
        ("correct", "spread", 1.0),
        ("correct", "layer", 1.0),
        ("correct", "bias", 1.0),
        ("clipped per layer", "coordinate", 1.0),
        ("clipped per layer", "spread", 2.0),
        ("one layer unclipped", "coordinate", 1.0),
        ("one layer unclipped", "layer", 100.0),
        ("biases outside the norm", "layer", 1.0),
        ("biases outside the norm", "bias", 100.0),
    ],
)
def test_the_sensitivity_is_the_stated_one(mechanism, shape, wanted):
    assert probe_sensitivity(PROBED[mechanism], seed=6).ratios[shape] == pytest.approx(wanted, rel=1e-4)


def test_clipping_the_mean_leaves_a_sensitivity_of_about_n():
    assert 31.0 < probe_sensitivity(mechanisms.batch_mean_clipped, seed=6).ratios["coordinate, 100 N C"] < 64.0


@pytest.mark.parametrize(
    "mechanism",
    [mechanisms.noise_once_per_epoch, mechanisms.noise_not_scaled],
    ids=lambda mechanism: mechanism.__name__,
)
def test_what_is_no_defect_at_full_batches_and_clip_1_is_the_correct_mechanism(mechanism):
    seen, wanted = (
        play(one, SIX_STEPS, FULL, np.array([True, False]), seed=5) for one in (mechanism, mechanisms.correct)
    )
    np.testing.assert_array_equal(seen.projections, wanted.projections)


def test_momentum_gathers_the_canary():
    seen = play(mechanisms.momentum_before_noise, SIX_STEPS, BARE, np.array([True, False]), seed=5)
    np.testing.assert_allclose(seen.projections[:, 0], 10 * (1 - 0.9 ** np.arange(1, 7)), rtol=1e-5)
    np.testing.assert_allclose(seen.projections[:, 1], 0.0, atol=1e-5)


def test_a_training_that_diverges_is_an_error():
    with pytest.raises(TrainingError, match="learning rate"):
        play(mechanisms.correct, Training(learning_rate=1e38), FULL, np.array([True]), seed=0)


def test_a_claim_is_the_accounted_mechanism():
    assert Claim(epsilon=4.0, steps=20).params.noise_multiplier == pytest.approx(4.835, abs=0.006)


@pytest.mark.parametrize(
    "name",
    [
        "noise-not-scaled-clip-4",
        "noise-halved-probe",
        "same-noise-probe",
        "first-batch-unnoised-probe",
    ],
)
def test_defects_are_flagged(name):
    assert BY_NAME[name].judge(11).is_flagged


@pytest.mark.parametrize(
    "name",
    [
        "correct",
        "correct-noise-probe-pooled",
        "correct-noise-probe-worst-step",
        "correct-noise-probe-step-differences",
        "same-noise-constant",
    ],
)
def test_correct_mechanisms_at_fixed_seeds_are_not(name):
    judgement = BY_NAME[name].judge(11)
    assert not judgement.is_flagged
    assert judgement.lower <= judgement.claim_epsilon
