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

ROUNDINGS = 8  # of a float in a sum of products, taken generously


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

    def __setattr__(self, name: str, value: object) -> None:
        """Set a plain attribute: there are no parameters and submodules here, and looking for them costs microseconds."""
        object.__setattr__(self, name, value)

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
        """Tell whether the input is these very numbers, perhaps in another shape, and nobody changed them since."""
        rows = self._kept
        if rows is None or self._length != 1 or records._version:
            return False
        return rows.data_ptr() == records.data_ptr() and rows.numel() == records.numel()

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


def squares(values: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the sums of squares along an axis."""
    total: torch.Tensor = torch.linalg.vecdot(values, values, dim=dim)
    return total


def sequence_norms(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Return the squared norm of every record's ``outer.T @ inner``, by the cheaper of two exact ways.

    Either through the Gram matrices of the positions, or by the gradient itself.

    Args:
        outer: ``(n_records, length, n_outputs)``.
        inner: ``(n_records, length, n_inputs)``.
    """
    length, n_weights = outer.shape[1], outer.shape[2] * inner.shape[2]
    if 2 * length**2 <= n_weights:
        return gram_norms(outer @ outer.mT, inner @ inner.mT)
    return squares((outer.mT @ inner).flatten(1), 1)


def gram_norms(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Return the sums of a product of Gram matrices, raised by what cancellation may hide.

    Terms of both signs may be far larger than their sum, which would then be too small, and a record's gradient would
    pass the clip. By the Cauchy-Schwarz inequality the terms' absolute values sum to at most the square of
    ``sum_t |outer_t| |inner_t|``, which the diagonals give; a few roundings of that are
    added: enough in every simulation, not the worst case of very long products.

    Args:
        outer: ``(n_records, length, length)``
        inner: likewise, or its 0 and 1 of equal numbers.
    """
    largest = (outer.diagonal(dim1=1, dim2=2) * inner.diagonal(dim1=1, dim2=2)).clamp(min=0.0).sqrt().sum(dim=1)
    margin = ROUNDINGS * torch.finfo(outer.dtype).eps * largest.square()
    return (outer * inner).sum(dim=(1, 2)).clamp(min=0.0) + margin
