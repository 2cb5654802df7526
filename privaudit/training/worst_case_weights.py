"""Initial weights from which ordinary records have tiny gradients, so that a canary's stands out."""

import torch
from torch import nn

from privaudit.training.loss import classification_loss
from privaudit.training.randomness import isolated_random_state


def worst_case_weights(
    network: nn.Module,
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int = 5,
    lr: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
) -> None:
    """Pre-train a network in place on records that take no part in the audited training.

    DP-SGD's guarantee holds from any public initial weights, so an auditor may choose the worst; from these an audit that
    sees the final model alone comes near the guarantee.

    Args:
        network: on the device of the records.
        features: ``(n, ...)`` records that the audited training does not hold, e.g. the other half of the data.
        labels: ``(n,)`` their classes.
        epochs: passes over them.
        lr: of Adam.
        batch_size: of shuffled batches.
        seed: of the order, and of dropout.

    Source: Annamalai, De Cristofaro, "Nearly Tight Black-Box Auditing of Differentially Private Machine Learning",
        NeurIPS 2024, section 4.
    """
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    with isolated_random_state(seed, features.device):
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(features)), batch_size):
                optimizer.zero_grad()
                at = rows.to(features.device)
                classification_loss(network(features[at]), labels[at], 0.0).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
