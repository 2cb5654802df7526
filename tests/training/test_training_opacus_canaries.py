"""Canaries around a real Opacus optimizer: nothing else changes, what enters is clipped, what is seen is right."""

import warnings

import numpy as np
import pytest
import torch
from opacus import PrivacyEngine
from opacus.utils.batch_memory_manager import BatchMemoryManager
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit.data.gradient_canaries import make_gradient_canaries
from privaudit.errors import ShapeError, UnsupportedError
from privaudit.training.opacus_canaries import OpacusCanaries

N, D_IN = 40, 5
ADAPTIVE = {  # read by adaptive clipping alone
    "target_unclipped_quantile": 0.5,
    "clipbound_learning_rate": 0.2,
    "max_clipbound": 10.0,
    "min_clipbound": 0.1,
    "unclipped_num_std": 3.0,
}


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(D_IN, 6), nn.ReLU(), nn.Linear(6, 3))


def records():
    rng = np.random.default_rng(0)
    features = torch.tensor(rng.normal(size=(N, D_IN)), dtype=torch.float32)
    return TensorDataset(features, torch.tensor(rng.integers(0, 3, N)))


class Script:
    """A user's own training script."""

    def __init__(self, *, noise=1.0, batch=N, clip=0.5, clipping="flat", mode="hooks", poisson=True):
        self.model, torch_seed = network(), 7
        torch.manual_seed(torch_seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.engine = PrivacyEngine()
            made = self.engine.make_private(
                module=self.model,
                optimizer=torch.optim.SGD(self.model.parameters(), lr=0.1),
                data_loader=DataLoader(records(), batch_size=batch),
                noise_multiplier=noise,
                max_grad_norm=[clip] * 4 if clipping == "per_layer" else clip,
                clipping=clipping,
                grad_sample_mode=mode,
                criterion=nn.CrossEntropyLoss(),
                poisson_sampling=poisson,
                **ADAPTIVE,
                noise_generator=torch.Generator().manual_seed(3),
            )
        self.private, self.optimizer = made[0], made[1]
        self.loader = made[-1]

    def attach(self, canaries=None, is_in=(), *, rate=1.0):
        weights = {name.removeprefix("_module."): weight for name, weight in self.private.named_parameters()}
        return OpacusCanaries(
            self.optimizer,
            weights,
            canaries=canaries,
            is_in=np.array(is_in, dtype=np.uint8),
            sample_rate=rate,
            seed=1,
        )

    def train(self, steps, loader=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = 0
            while done < steps:
                for features, labels in loader or self.loader:
                    self.optimizer.zero_grad()
                    nn.functional.cross_entropy(self.private(features), labels).backward()
                    self.optimizer.step()
                    done += 1
                    if done == steps:
                        break
        return torch.cat([weight.detach().reshape(-1) for weight in self.model.parameters()]).numpy()


def canaries(m=8, shape="coordinate", norm=100.0):
    weights = {name: tuple(weight.shape) for name, weight in network().named_parameters()}
    return make_gradient_canaries(shape, weights=weights, n_canaries=m, norm=norm, seed=2)


def test_with_all_coins_0_the_training_is_the_same_to_the_bit():
    plain = Script().train(5)
    watched = Script()
    watched.attach(canaries(), [0] * 8)
    np.testing.assert_array_equal(plain, watched.train(5))


def test_without_noise_projections_are_the_coins():
    script, coins = Script(noise=0.0), [1, 0, 1, 1, 0, 0, 1, 0]
    seen = script.attach(canaries(), coins)
    script.train(4)
    np.testing.assert_allclose(np.stack(seen.projections), np.tile(coins, (4, 1)), atol=1e-5)


@pytest.mark.parametrize(("norm", "length"), [(100.0, 1.0), (1.0, 1.0), (0.5, 0.5)])
def test_a_canary_goes_through_the_optimizers_own_clip(norm, length):
    script = Script(noise=0.0)
    seen = script.attach(canaries(1, "spread", norm), [1])
    script.train(2)
    np.testing.assert_allclose(np.stack(seen.projections), length, atol=1e-5)


def test_what_is_left_on_idle_coordinates_is_the_noise_of_the_sum():
    script = Script(noise=2.0)
    seen = script.attach(canaries(4), [1, 0, 1, 0])
    script.train(400)
    noise = np.stack(seen.idle_noise)
    assert noise.shape[1] == 57 - 4
    assert noise.std() == pytest.approx(2.0, rel=0.035)  # 21,200 deviates: 7 deviations of the estimate


def test_sampled_steps_hold_a_canary_at_the_rate():
    script, coins = Script(noise=0.0, batch=8), [1] * 10 + [0] * 10
    seen = script.attach(canaries(20), coins, rate=0.2)
    script.train(200)
    sampled = np.stack(seen.sampled)
    assert not sampled[:, 10:].any()
    assert abs(sampled[:, :10].mean() - 0.2) < 6 * np.sqrt(0.16 / 2000)  # P[a miss] < 2e-9
    np.testing.assert_allclose(np.stack(seen.projections), sampled, atol=1e-4)


def test_virtual_steps_hold_canaries_once_and_their_whole_batch_is_subtracted():
    script = Script(noise=0.0, batch=N)
    seen = script.attach(canaries(4), [1, 1, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with BatchMemoryManager(
            data_loader=script.loader, max_physical_batch_size=6, optimizer=script.optimizer
        ) as loader:
            script.train(14, loader)
    assert 1 <= len(seen.sampled) <= 2
    np.testing.assert_allclose(np.stack(seen.projections), np.tile([1, 1, 0, 0], (len(seen.sampled), 1)), atol=1e-5)


def test_a_step_with_an_empty_batch_holds_its_canaries():
    script, coins = Script(noise=0.0, batch=1), [1] * 10 + [0] * 10
    seen = script.attach(canaries(20), coins, rate=0.5)
    sizes = []
    script.private.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    script.train(60)
    assert sizes.count(0) >= 5  # 60 steps of an expected size of 1: fewer with probability 1e-6
    np.testing.assert_allclose(np.stack(seen.projections), np.stack(seen.sampled), atol=1e-5)


def test_a_clip_that_changes_on_the_way_is_followed():
    script = Script(noise=2.0)
    seen = script.attach(canaries(4), [1, 0, 1, 0])
    for clip in (0.5, 5.0):
        script.optimizer.max_grad_norm = clip
        script.train(200)
    first, second = np.split(np.stack(seen.idle_noise), 2)
    for half in (first, second):  # 10,600 deviates each: 6 deviations of the estimate
        assert half.std() == pytest.approx(2.0, rel=0.042)


def test_the_final_weights_hold_the_sum_of_all_steps_where_no_record_disturbs():
    script = Script(noise=1.0)
    script.loader.dataset.tensors[0][:, 0] = 0.0  # the six weights of this input have no gradient
    weights = {name: tuple(weight.shape) for name, weight in network().named_parameters()}
    undisturbed = make_gradient_canaries(
        "coordinate", weights=weights, n_canaries=6, coordinates=[D_IN * unit for unit in range(6)]
    )
    seen = script.attach(undisturbed, [1, 0, 1, 1, 0, 0])
    script.train(7)
    moved = seen.final_projections() / 0.1 * N / 0.5  # learning rate, batch size, clip
    np.testing.assert_allclose(moved, np.sum(seen.projections, axis=0), rtol=1e-4, atol=1e-4)
    seen.detach()
    script.train(1)
    np.testing.assert_allclose(seen.final_projections() / 0.1 * N / 0.5, moved)


def test_a_sign_that_alternates_is_taken_out_of_the_projections():
    script = Script(noise=0.0)
    seen = script.attach(canaries(2, "alternating"), [1, 0])
    start = script.model[0].weight.detach().clone()
    script.train(4)
    np.testing.assert_allclose(np.stack(seen.projections), np.tile([1, 0], (4, 1)), atol=1e-5)
    assert (start != script.model[0].weight).any()


def test_the_sensitivity_of_flat_clipping_is_one_clip():
    script = Script()
    seen = script.attach()
    before = Script().train(2)
    np.testing.assert_array_equal(before, script.train(2))  # the probe leaves no trace
    assert set(seen.sensitivity.ratios) == {"coordinate", "spread", "bias"}
    assert not seen.sensitivity.is_refuted
    assert seen.sensitivity.ratios["spread"] == pytest.approx(1.0, abs=1e-4)


def test_layers_clipped_to_c_each_are_seen_by_the_probe():
    script = Script(clipping="flat")
    optimizer = script.optimizer

    def per_layer_at_c_each():
        for weight in optimizer.params:
            rows = optimizer._get_flat_grad_sample(weight)
            norms = rows.reshape(len(rows), -1).norm(dim=1)
            factors = (optimizer.max_grad_norm / (norms + 1e-6)).clamp(max=1.0)
            total = torch.einsum("i,i...", factors, rows)
            weight.summed_grad = total if weight.summed_grad is None else weight.summed_grad + total

    optimizer.clip_and_accumulate = per_layer_at_c_each
    seen = script.attach()
    script.train(1)
    assert seen.sensitivity.is_refuted
    assert seen.sensitivity.ratios["spread"] == pytest.approx(2.0, abs=1e-3)  # four tensors
    assert seen.sensitivity.ratios["coordinate"] == pytest.approx(1.0, abs=1e-3)


def test_opacus_per_layer_clipping_is_measured_by_its_total_clip():
    script = Script(clipping="per_layer")
    seen = script.attach()
    script.train(1)
    assert seen.clip == pytest.approx(0.5 * 2.0)
    assert not seen.sensitivity.is_refuted


def test_detached_the_optimizer_is_its_own_again():
    script = Script()
    seen = script.attach(canaries(), [1] * 8)
    seen.detach()
    np.testing.assert_array_equal(Script().train(3), script.train(3))
    assert not seen.sampled


def test_what_does_not_fit_is_refused():
    with pytest.raises(UnsupportedError, match="make_private"):
        OpacusCanaries(
            torch.optim.SGD(network().parameters()), {}, canaries=None, is_in=np.zeros(0), sample_rate=1, seed=0
        )
    with pytest.raises(UnsupportedError, match="ghost"):
        Script(mode="ghost").attach()
    with pytest.raises(UnsupportedError, match="adaptive"):
        Script(clipping="adaptive").attach()
    script = Script()
    script.attach()
    with pytest.raises(UnsupportedError, match="already"):
        script.attach()
    other = make_gradient_canaries("coordinate", weights={"w": (9,)}, n_canaries=1)
    with pytest.raises(ShapeError, match="57"):
        Script().attach(other, [1])


def test_accumulated_batches_are_refused_for_canaries_would_be_drawn_at_another_rate():
    script = Script(batch=20, poisson=False)
    script.attach(canaries(), [1] * 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for features, labels in script.loader:
            nn.functional.cross_entropy(script.private(features), labels).backward()
        with pytest.raises(UnsupportedError, match="accumulated"):
            script.optimizer.step()
