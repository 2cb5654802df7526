"""Normalisation layers of K models at once; only those that look at one record at a time."""

import torch
from torch import nn

from privaudit.training.stacked_layers import StackedLayer, squares


class StackedScale(StackedLayer):
    """The affine part of a normalisation layer of K models; the normalisation itself has no weights."""

    def _stretched(self, name: str, inputs: torch.Tensor) -> torch.Tensor:
        """Return weights shaped to be multiplied with ``(n_models, n_records, ...)``."""
        raise NotImplementedError

    def _summed(self, product: torch.Tensor) -> torch.Tensor:
        """Sum ``(n_models, n_records, ...)`` over all but models, records and weights."""
        raise NotImplementedError

    def scaled(self, normalised: torch.Tensor) -> torch.Tensor:
        """Multiply and shift ``(n_models * n_records, ...)``."""
        folded = normalised.view(self.n_models, -1, *normalised.shape[1:])
        weight = self._stretched("weight", folded)
        output = (
            folded * weight if self.bias is None else torch.addcmul(self._stretched("bias", folded), folded, weight)
        )
        self.keep(folded, output)
        return output.view(normalised.shape)

    def _of_records(self, gradient: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return ``(n_models, n_records, n_weights)`` gradients of every record; they are small."""
        gradient = gradient.to(self.weight.dtype)
        parts = {"weight": self._summed(gradient * self.taken())}
        return parts if self.bias is None else {**parts, "bias": self._summed(gradient)}

    def square_norms(self, gradient: torch.Tensor) -> torch.Tensor:
        """See the base."""
        return torch.stack([squares(part, 2) for part in self._of_records(gradient).values()]).sum(dim=0)

    def add_sums(self, gradient: torch.Tensor, factors: torch.Tensor | None, beta: float) -> None:
        """See the base."""
        for name, part in self._of_records(gradient).items():
            sums = part.sum(dim=1) if factors is None else (factors[:, None, :] @ part).squeeze(1)
            self._put(name, sums.view(self.gradients[name].shape), beta)


class StackedLayerNorm(StackedScale):
    """``nn.LayerNorm`` with weights, of K models."""

    kind = "LayerNorm"

    def __init__(self, single: nn.LayerNorm, n_models: int) -> None:
        """See the base."""
        super().__init__(single, n_models)
        self.normalized_shape, self.eps = single.normalized_shape, single.eps

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalise, then scale with each model's weights."""
        return self.scaled(nn.functional.layer_norm(inputs, self.normalized_shape, eps=self.eps).contiguous())

    def _stretched(self, name: str, inputs: torch.Tensor) -> torch.Tensor:
        n_between = inputs.ndim - 1 - len(self.normalized_shape)
        return self.values[name].view(self.n_models, *(1,) * n_between, *self.normalized_shape)

    def _summed(self, product: torch.Tensor) -> torch.Tensor:
        n_models, n_records = product.shape[:2]
        return product.reshape(n_models, n_records, -1, self.values["weight"][0].numel()).sum(dim=2)


class StackedGroupNorm(StackedScale):
    """``nn.GroupNorm`` with weights, of K models."""

    kind = "GroupNorm"

    def __init__(self, single: nn.GroupNorm, n_models: int) -> None:
        """See the base."""
        super().__init__(single, n_models)
        self.num_groups, self.eps = single.num_groups, single.eps

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalise, then scale with each model's weights."""
        return self.scaled(nn.functional.group_norm(inputs, self.num_groups, eps=self.eps))

    def _stretched(self, name: str, inputs: torch.Tensor) -> torch.Tensor:
        return self.values[name].view(self.n_models, 1, -1, *(1,) * (inputs.ndim - 3))

    def _summed(self, product: torch.Tensor) -> torch.Tensor:
        return product.flatten(3).sum(dim=3) if product.ndim > 3 else product
