"""Layers that hold the weights of K models at once, and keep what the gradients of single records are made of.

The model axis is folded into the batch axis: a layer sees ``(n_models * n_records, ...)``, as all other code of the
network does, and unfolds it for its own product. In the forward pass it keeps its input and marks its output; one
backward pass through the network gives the gradient at every mark, and the layer makes of both what training needs:
squared gradient norms of each record (for clipping) and sums over records. No weight gradient is computed twice.

Source: Goodfellow, "Efficient Per-Example Gradient Computations", 2015 (norms of fully connected layers); Li et al.,
"Large Language Models Can Be Strong Differentially Private Learners", ICLR 2022, section 4 (norms of sequences).
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge


class NotBatchableError(Exception):
    """A network, or what it does with a batch, that must be trained one model at a time; the text says why."""


class StackedLayer(nn.Module):
    """One layer of K models; subclasses know the product.

    Attributes:
        single: the layer of one model that this one stands for.
        n_models: K.
        edge: the mark: where in the autograd graph the gradient at the output is found.
    """

    kind: ClassVar[str]

    def __init__(self, single: nn.Module, n_models: int) -> None:
        """Take the settings of one model's layer; weights come by `bind`."""
        super().__init__()
        self.n_models = n_models
        self.is_trained = all(weight.requires_grad for weight in single.parameters())
        self.values: dict[str, torch.Tensor] = {}
        self.gradients: dict[str, torch.Tensor] = {}
        self.edge: GradientEdge | None = None
        self._kept: torch.Tensor | None = None
        self._version = 0

    def bind(self, values: Mapping[str, torch.Tensor], gradients: Mapping[str, torch.Tensor]) -> None:
        """Give the layer its weights ``(n_models, ...)`` and where their gradients go: views of the flat buffers."""
        # a mark needs a node in the graph, in the first layer too: an input that requires a gradient makes one. Nobody
        # asks for that gradient, so it is never computed.
        self.values = {name: value.detach().requires_grad_(self.is_trained) for name, value in values.items()}
        self.gradients = dict(gradients)

    @property
    def weight(self) -> torch.Tensor:
        """``(n_models, ...)`` in PyTorch's own layout of one model."""
        return self.values["weight"]

    @property
    def bias(self) -> torch.Tensor | None:
        """``(n_models, n_outputs)``, or None."""
        return self.values.get("bias")

    def keep(self, kept: torch.Tensor, output: torch.Tensor) -> None:
        """Mark the output and remember what its gradients will need; once per forward pass."""
        if not self.is_trained or not torch.is_grad_enabled():
            return
        if self.edge is not None:
            raise NotBatchableError(f"a {self.kind} layer is used twice in one forward pass")
        self._kept, self._version = kept.detach(), kept._version
        self.edge = get_gradient_edge(output)  # stays right where later code changes the output in place

    def taken(self) -> torch.Tensor:
        """Return what was kept, if nothing changed it since."""
        if self._kept is None or self._kept._version != self._version:
            raise NotBatchableError(f"the input of a {self.kind} layer is changed in place")
        return self._kept.to(self.weight.dtype)  # activations may be in reduced precision

    def forget(self) -> None:
        """Make ready for the next forward pass."""
        self.edge = self._kept = None

    def square_norms(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return ``(n_models, n_records)`` squared norms of the records' gradients in this layer.

        Args:
            gradient: at the mark.
        """
        raise NotImplementedError

    def add_sums(self, gradient: torch.Tensor, factors: torch.Tensor | None, beta: float) -> None:
        """Make the gradients beta times what they hold plus the sum over records, each times its factor.

        Args:
            gradient: at the mark.
            factors: ``(n_models, n_records)``, or None for 1.
            beta: 0 or 1.
        """
        raise NotImplementedError

    def scratch_numbers(self) -> int:
        """Numbers per record that `square_norms` and `add_sums` need beside what is kept; after a forward pass."""
        return 0

    def _put(self, name: str, sums: torch.Tensor, beta: float) -> None:
        if beta:
            self.gradients[name].add_(sums)
        else:
            self.gradients[name].copy_(sums)


class StackedLinear(StackedLayer):
    """``nn.Linear`` of K models, on ``(n_models * n_records, ..., n_inputs)``."""

    kind = "Linear"

    def __init__(self, single: nn.Linear, n_models: int) -> None:
        """See the base."""
        super().__init__(single, n_models)
        self.input_norms: torch.Tensor | None = None  # (n_models, n_records), where somebody knows them already
        self._length = 1

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Multiply each model's rows by its weights."""
        weight, bias = self.weight, self.bias
        rows = inputs.reshape(self.n_models, -1, inputs.shape[-1])
        self._length = rows.shape[1] * self.n_models // max(1, len(inputs))
        output = rows @ weight.mT if bias is None else torch.baddbmm(bias[:, None, :], rows, weight.mT)
        self.keep(rows, output)
        return output.view(*inputs.shape[:-1], weight.shape[1])

    def forget(self) -> None:
        """See the base."""
        super().forget()
        self.input_norms = None

    def reads(self, records: torch.Tensor) -> bool:
        """Tell whether the input is these very numbers, perhaps in another shape."""
        rows = self._kept
        if rows is None or self._length != 1:
            return False
        return rows.data_ptr() == records.data_ptr() and rows.numel() == records.numel()

    def scratch_numbers(self) -> int:
        """See the base."""
        n_outputs, n_inputs = self.weight.shape[1:]
        return self._length * n_outputs + min(2 * self._length**2, n_outputs * n_inputs)

    def square_norms(self, gradient: torch.Tensor) -> torch.Tensor:
        """See the base; for sequences by the cheaper of the two exact ways."""
        inner, outer = self.taken(), gradient.to(self.weight.dtype)
        if self._length == 1:
            of_inputs = squares(inner, 2) if self.input_norms is None else self.input_norms
            return squares(outer, 2) * (of_inputs if self.bias is None else of_inputs + 1.0)
        inner, outer = (part.reshape(-1, self._length, part.shape[2]) for part in (inner, outer))
        total = sequence_norms(outer, inner)
        if self.bias is not None:
            total += squares(outer.sum(dim=1), 1)
        return total.view(self.n_models, -1)

    def add_sums(self, gradient: torch.Tensor, factors: torch.Tensor | None, beta: float) -> None:
        """See the base."""
        outer = gradient.to(self.weight.dtype)
        if factors is not None:
            spread = factors if self._length == 1 else factors.repeat_interleave(self._length, dim=1)
            outer = outer * spread[:, :, None]
        self.gradients["weight"].baddbmm_(outer.mT, self.taken(), beta=beta)
        if self.bias is not None:
            self._put("bias", outer.sum(dim=1), beta)


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
        return ((rows @ rows.mT) * same).sum(dim=(1, 2)).view(self.n_models, -1)

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


def squares(values: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the sums of squares along an axis."""
    return torch.linalg.vecdot(values, values, dim=dim)


def sequence_norms(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Return the squared norm of every record's ``outer.T @ inner``, by the cheaper of two exact ways.

    Either through the Gram matrices of the positions, or by the gradient itself.

    Args:
        outer: ``(n_records, length, n_outputs)``.
        inner: ``(n_records, length, n_inputs)``.
    """
    length, n_weights = outer.shape[1], outer.shape[2] * inner.shape[2]
    if 2 * length**2 <= n_weights:
        return ((outer @ outer.mT) * (inner @ inner.mT)).sum(dim=(1, 2))
    return squares((outer.mT @ inner).flatten(1), 1)
