"""How much of the machine's matrix-multiply rate a training reaches."""

import torch
from torch import nn

from tests.benchmarks.training_measure import seconds
from tests.benchmarks.training_rivals import new_network
from tests.benchmarks.training_workloads import records_per_model

SIDE, BATCH = 1024, 8


def multiply_rate(device):
    """Return floating-point operations per second of large float32 products, plain and batched; the better counts."""
    left = torch.randn(BATCH, SIDE, SIDE, device=device)
    right = torch.randn(BATCH, SIDE, SIDE, device=device)
    rates = []
    for _ in range(4):
        for product, n in ((lambda: torch.bmm(left, right), BATCH), (lambda: torch.mm(left[0], right[0]), 1)):
            cpu, wall, _ = seconds(product, device)
            rates.append(2 * n * SIDE**3 / (cpu if device == "cpu" else wall))
    return max(rates)


def operations(job):
    """Return the floating-point operations of a model's matrix products, or None with other than linear layers.

    Forward, weights' gradient and inputs' gradient take two per weight and record each; the first layer's inputs need
    no gradient.
    """
    layers = [layer for layer in new_network(job, 0).modules() if list(layer.parameters(recurse=False))]
    recipe = job.recipe(0)
    if recipe.dp is not None or not all(isinstance(layer, nn.Linear) for layer in layers):
        return None
    per_record = 6 * sum(layer.weight.numel() for layer in layers) - 2 * layers[0].weight.numel()
    return per_record * records_per_model(job) * recipe.epochs
