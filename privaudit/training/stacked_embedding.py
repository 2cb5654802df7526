"""Embeddings of K models at once."""

import torch
from torch import nn

from privaudit.training.stacked_layers import NotBatchableError, StackedLayer, gram_norms


class StackedEmbedding(StackedLayer):
    """``nn.Embedding`` of K models, on ``(n_models * n_records, ...)`` whole numbers."""

    kind = "Embedding"

    def __init__(self, single: nn.Embedding, n_models: int) -> None:
        """See the base."""
        super().__init__(single, n_models)
        if single.max_norm is not None or single.scale_grad_by_freq or single.sparse:
            raise NotBatchableError("an Embedding with max_norm, scale_grad_by_freq or sparse")
        self.padding_idx = single.padding_idx

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Look each model's numbers up in its own table."""
        n_rows, width = self.weight.shape[1:]
        folded = inputs.reshape(self.n_models, -1)
        first = torch.arange(self.n_models, device=inputs.device) * n_rows
        # a number out of range must fail as in a single model, not read another model's row
        is_row = (folded >= 0) & (folded < n_rows)
        places = torch.where(is_row, folded + first[:, None], self.n_models * n_rows)
        output = nn.functional.embedding(places, self.weight.view(-1, width))
        self.keep(inputs, output)
        return output.view(*inputs.shape, width)

    def _rows(self, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``(n_records of all models, length)`` numbers and their gradients; padding has none."""
        numbers = self.taken().long()
        numbers = numbers.reshape(len(numbers), -1)
        rows = gradient.reshape(*numbers.shape, -1).to(self.weight.dtype)
        if self.padding_idx is not None:
            rows = rows * (numbers != self.padding_idx).unsqueeze(-1)
        return numbers, rows

    def square_norms(self, gradient: torch.Tensor) -> torch.Tensor:
        """See the base: places with the same number add up before they are squared."""
        numbers, rows = self._rows(gradient)
        same = (numbers[:, :, None] == numbers[:, None, :]).to(rows.dtype)
        return gram_norms(rows @ rows.mT, same).view(self.n_models, -1)

    def add_sums(self, gradient: torch.Tensor, factors: torch.Tensor | None, beta: float) -> None:
        """See the base."""
        numbers, rows = self._rows(gradient)
        if factors is not None:
            rows = rows * factors.reshape(-1, 1, 1)
        n_rows, width = self.weight.shape[1:]
        first = torch.arange(self.n_models, device=numbers.device) * n_rows
        places = (numbers.view(self.n_models, -1) + first[:, None]).reshape(-1)
        table = rows.new_zeros(self.n_models * n_rows, width).index_add_(0, places, rows.reshape(-1, width))
        self._put("weight", table.view(self.n_models, n_rows, width), beta)
