"""A network of K models at once, with all weights in one flat buffer and all gradients in another.

In the buffers the K models' values of one weight lie together, weight after weight: batched products write straight
into such a block, and the optimizer, which works number by number, sees one long vector.
"""

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from privaudit.training.stacked_convolution import StackedConvolution
from privaudit.training.stacked_embedding import StackedEmbedding
from privaudit.training.stacked_layers import NotBatchableError, StackedLayer, StackedLinear
from privaudit.training.stacked_normalisation import StackedGroupNorm, StackedLayerNorm

STACKED: Mapping[type[nn.Module], type[StackedLayer]] = {
    nn.Linear: StackedLinear,
    nn.Conv1d: StackedConvolution,
    nn.Conv2d: StackedConvolution,
    nn.Embedding: StackedEmbedding,
    nn.LayerNorm: StackedLayerNorm,
    nn.GroupNorm: StackedGroupNorm,
}


class StackedNetwork:
    """K networks of one shape, run as one.

    Args:
        networks: K models of the same class with weights of their own; they are left as they are until `write_back`.
        compiled: run the code between the layers with weights through torch.compile.

    Attributes:
        values: ``(n_models * n_weights,)`` all trained weights, in the order of ``named_parameters()``.
        gradients: like ``values``.
        blocks: name of a weight -> its ``(n_models, ...)`` part of the gradients.
        layers: the layers with trained weights.
        template: the network with its layers replaced; the code of the first model runs all.

    Raises:
        NotBatchableError: if a layer has weights of a kind that cannot be stacked.
    """

    def __init__(self, networks: Sequence[nn.Module], *, compiled: bool = False) -> None:
        """Copy the weights into the buffers."""
        self.networks = list(networks)
        first = self.networks[0]
        names = [name for name, weight in first.named_parameters() if weight.requires_grad]
        self.values = torch.cat([stacked_weight(self.networks, name).reshape(-1) for name in names])
        self.gradients = torch.zeros_like(self.values)
        self._values = self._split(names, self.values)
        self.blocks = self._split(names, self.gradients)
        self.layers: list[StackedLayer] = []
        self.template = copy.deepcopy(first).train()
        self._replace_layers()
        self._run = self._compiled() if compiled else self.template

    def _compiled(self) -> Callable[..., object]:
        """Compile the code between the stacked layers; these keep things, and run as they are."""
        for layer in self.template.modules():
            if isinstance(layer, StackedLayer):
                setattr(layer, "forward", torch.compiler.disable(layer.forward))  # type: ignore[no-untyped-call]  # noqa: B010
        return torch.compile(self.template, dynamic=True)

    @property
    def n_models(self) -> int:
        """K."""
        return len(self.networks)

    def _replace_layers(self) -> None:
        """Swap every layer with weights of its own for its stacked twin, bound to its part of the buffers."""
        _check_weights(self.networks[0])
        for path, layer in list(self.template.named_modules()):
            own = [name for name, _ in layer.named_parameters(recurse=False)]
            if not own:
                continue
            stacked = stacked_twin(layer, path, self.n_models)
            stacked.bind(*self._parts(path, own))
            stacked.train(layer.training)
            if stacked.is_trained:
                self.layers.append(stacked)
            if not path:
                self.template = stacked
            else:
                parent, _, name = path.rpartition(".")
                setattr(self.template.get_submodule(parent), name, stacked)

    def _parts(self, path: str, own: Sequence[str]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return a layer's weights and gradients as views of the buffers; weights that stay fixed have no gradient."""
        full = {name: f"{path}.{name}" if path else name for name in own}
        values = {
            name: self._values[at] if at in self._values else stacked_weight(self.networks, at)
            for name, at in full.items()
        }
        return values, {name: self.blocks[at] for name, at in full.items() if at in self.blocks}

    def _split(self, names: Sequence[str], flat: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return each weight's part of a flat buffer as a view ``(n_models, ...)``."""
        shapes = [self.networks[0].get_parameter(name).shape for name in names]
        parts = torch.split(flat, [self.n_models * shape.numel() for shape in shapes])
        return {name: part.view(-1, *shape) for name, part, shape in zip(names, parts, shapes, strict=True)}

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Run ``(n_models * n_records, ...)`` records, model after model, and return the outputs in that order."""
        for layer in self.layers:
            layer.forget()
        output = self._run(features)
        if not isinstance(output, torch.Tensor) or output.shape[:1] not in (features.shape[:1], torch.Size([])):
            raise NotBatchableError("its outputs are not one row per record")
        return output

    def marks(self) -> list[StackedLayer]:
        """Return the layers that took part in the last forward pass."""
        return [layer for layer in self.layers if layer.edge is not None]

    def backward(self, output: torch.Tensor, gradient: torch.Tensor) -> list[tuple[StackedLayer, torch.Tensor]]:
        """Return the layers that took part with the gradient at their marks.

        Args:
            output: of `forward`.
            gradient: of the loss with respect to it.
        """
        layers = self.marks()
        edges = [layer.edge for layer in layers if layer.edge is not None]
        found = torch.autograd.grad(output, edges, gradient, allow_unused=True)
        return [(layer, part) for layer, part in zip(layers, found, strict=True) if part is not None]

    def write_back(self, model: int) -> nn.Module:
        """Put the weights of one of the models, as they are now, into its own network and return it."""
        network = self.networks[model]
        with torch.no_grad():
            for name, values in self._values.items():
                network.get_parameter(name).copy_(values[model])
        return network


def stacked_twin(layer: nn.Module, path: str, n_models: int) -> StackedLayer:
    """Return the stacked layer for one with weights of its own.

    Raises:
        NotBatchableError: if there is none, or the layer is not plain.
    """
    kind = STACKED.get(type(layer))
    where = f"{type(layer).__name__}{f' ({path})' if path else ''}"
    if kind is None:
        raise NotBatchableError(f"{where} has weights that cannot be stacked")
    if _hooks(layer):
        raise NotBatchableError(f"{where} has hooks")
    if len({weight.requires_grad for weight in layer.parameters()}) > 1:
        raise NotBatchableError(f"{where} is frozen in part")
    return kind(layer, n_models)


def _hooks(layer: nn.Module) -> bool:
    return any(
        getattr(layer, name)
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    )


def _check_weights(network: nn.Module) -> None:
    """Refuse shared weights, and hooks on weights, which would change gradients that nobody computes here."""
    if any(weight._backward_hooks or weight._post_accumulate_grad_hooks for weight in network.parameters()):
        raise NotBatchableError("a weight has hooks")
    paths = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    if len(paths) != len(list(network.parameters())):
        raise NotBatchableError("a weight or layer has two places in the network")


def stacked_weight(networks: Sequence[nn.Module], name: str) -> torch.Tensor:
    """Return one weight of all networks, ``(n_models, ...)``.

    Raises:
        NotBatchableError: if they do not all have it, in one shape.
    """
    try:
        return torch.stack([network.get_parameter(name).detach() for network in networks])
    except (AttributeError, RuntimeError):
        raise NotBatchableError(f"its models differ in their weights ({name})") from None
