"""Holds Opacus's gradients of single records against plain automatic differentiation, before it trains anything.

Opacus computes them by a rule for each kind of layer. Where a rule errs, the model trained is not the one that the
recipe describes: in version 1.6 convolutions on images in channels_last order, and the padding row of embeddings.
"""

import warnings

import torch
from torch import nn

from privaudit.data.dataset import Dataset
from privaudit.errors import UnsupportedError
from privaudit.training.batchable import PROBED, fresh_network
from privaudit.training.loss import classification_loss
from privaudit.training.model_spec import ModelSpec
from privaudit.training.randomness import isolated_random_state, one_thread
from privaudit.training.recipe import Recipe
from privaudit.training.record_gradients import largest, record_gradients, same_numbers
from privaudit.training.without_dropout import without_dropout


def check_opacus_gradients(spec: ModelSpec, dataset: Dataset, recipe: Recipe) -> None:
    """Refuse a model for which Opacus computes other gradients than automatic differentiation.

    Args:
        spec: which model.
        dataset: the records; a few are used.
        recipe: how to train.

    Raises:
        UnsupportedError: names the weight.
    """
    n = min(PROBED, dataset.n_records)
    features, labels = torch.tensor(dataset.features[:n]).double(), torch.tensor(dataset.labels[:n])
    network = fresh_network(spec, dataset, 0).double().train()
    with one_thread(), without_dropout(), isolated_random_state(0, features.device):
        try:
            wanted = record_gradients(network, features, labels, recipe.label_smoothing)
            got = _by_opacus(network, features, labels, recipe.label_smoothing)
        except Exception:  # noqa: BLE001 - a forward() that cannot run float64 cannot be compared; training tells the rest
            return
    scale = largest(part for record in wanted for part in record.values())
    for name, of_records in got.items():
        if not same_numbers(of_records, torch.stack([record[name] for record in wanted]), scale=scale):
            raise UnsupportedError(
                f"Opacus computes another gradient of {name} than automatic differentiation, so DP-SGD would train another "
                "model. Known causes: images in channels_last order before a convolution (call .contiguous()), an Embedding "
                "with padding_idx; or make the model one that can be trained side by side, which needs no Opacus."
            )


def _by_opacus(
    network: nn.Module, features: torch.Tensor, labels: torch.Tensor, label_smoothing: float
) -> dict[str, torch.Tensor]:
    from opacus import GradSampleModule

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Opacus's notes on hooks
        private = GradSampleModule(network, loss_reduction="sum")
        classification_loss(private(features), labels, label_smoothing).backward()  # type: ignore[no-untyped-call]
    trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    found: dict[str, torch.Tensor] = {name: getattr(weight, "grad_sample") for name, weight in trained.items()}  # noqa: B009
    private.remove_hooks()
    return found
