"""One correct training by Opacus with canaries in it: what the controls of the zoo audit."""

import gc
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit.data.bundled import load_digits_dataset
from privaudit.estimators.calibrate import noise_for_epsilon
from privaudit.pipeline.canary_audit import CanaryAudit
from privaudit.training.networks import mlp
from privaudit.training.randomness import isolated_random_state
from privaudit.types import DpSgdParams

DELTA, STEPS, LEARNING_RATE = 1e-5, 20, 0.1


def opacus_outcome(
    *, epsilon: float, seed: int, n_canaries: int, hidden: int, n_records: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], DpSgdParams, NDArray[np.float64]]:
    """Train once, full batches, and return what the audit saw.

    Args:
        epsilon: the claimed one, at delta 1e-5.
        seed: of weights, noise, canaries and coins.
        n_canaries: coordinate canaries, 100 clips long before the clip.
        hidden: width of the hidden layer.
        n_records: digits beside the canaries.

    Returns:
        scores, coins, the claimed mechanism, and the noise of idle coordinates.
    """
    audit = CanaryAudit("coordinate", n_canaries=n_canaries, seed=seed)
    with warnings.catch_warnings(), isolated_random_state(seed, torch.device("cpu")):
        warnings.simplefilter("ignore")  # Opacus's notes on secure mode and on hooks
        network = mlp(64, 10, hidden=(hidden,))
        _train(network, audit, noise_for_epsilon(epsilon, delta=DELTA, sample_rate=1.0, steps=STEPS), seed, n_records)
    audit.detach()
    gc.collect()  # hooks on modules are cycles that hold tensors
    (outcome,) = audit.outcomes()
    return np.array(outcome.scores), outcome.is_in.astype(bool), audit.claimed(), audit.idle_noise()


def _train(network: nn.Module, audit: CanaryAudit, noise: float, seed: int, n_records: int) -> None:
    digits = load_digits_dataset()
    data = TensorDataset(torch.tensor(digits.features[:n_records]), torch.tensor(digits.labels[:n_records]))
    engine = PrivacyEngine()
    model, optimizer, loader = engine.make_private(
        module=network.train(),
        optimizer=torch.optim.SGD(network.parameters(), lr=LEARNING_RATE),
        data_loader=DataLoader(data, batch_size=n_records),
        noise_multiplier=noise,
        max_grad_norm=1.0,
        noise_generator=torch.Generator().manual_seed(seed),
    )
    audit.attach(engine, model, optimizer, loader)
    for _ in range(STEPS):
        for features, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(features), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
