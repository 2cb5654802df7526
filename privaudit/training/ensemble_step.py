"""One step of K models: from their batches to the gradients in the flat buffer, clipped record by record or plain."""

import torch

from privaudit.training.groups import Precision
from privaudit.training.loss import class_first_gradient
from privaudit.training.recipe import Recipe
from privaudit.training.stacked_layers import StackedLayer, StackedLinear, squares
from privaudit.training.stacked_network import StackedNetwork

OPACUS_EPSILON = 1e-6  # keeps the factor of a zero gradient finite


class EnsembleStep:
    """Puts the gradients of one step's batches into the buffer of a stacked network.

    Args:
        stacked: the networks.
        features: ``(n_records, ...)`` all records.
        labels: ``(n_records,)`` their classes.
        recipe: clip, divisor and label smoothing.
        most_records: records per model in one pass, or None for whole batches.
        precision: of the products in forward and backward pass; norms, sums, noise and weights are float32 always.
    """

    def __init__(
        self,
        stacked: StackedNetwork,
        features: torch.Tensor,
        labels: torch.Tensor,
        *,
        recipe: Recipe,
        most_records: int | None = None,
        precision: Precision = "float32",
    ) -> None:
        """Lay the records' squared norms by: the first layer of a private model needs them in every step."""
        self.stacked, self.recipe, self.most_records = stacked, recipe, most_records
        self._features, self._labels = features, labels
        self._is_reduced = precision == "bfloat16"
        self._square_norms = squares(features.flatten(1), 1) if recipe.dp is not None else None

    def add_gradients(self, rows: torch.Tensor, sizes: torch.Tensor | None, *, keep: bool) -> None:
        """Write the mean gradients of the batches, each record's clipped under DP, into the buffer.

        Args:
            rows: ``(n_models, width)`` records.
            sizes: ``(n_models,)`` how many of them count, or None for all.
            keep: add to what the buffer holds.
        """
        width = rows.shape[1]
        if not width and not keep:
            self.stacked.gradients.zero_()
        weights = self._weights(rows, sizes)
        chunk = self.most_records or max(1, width)
        for start in range(0, width, chunk):
            part = slice(start, start + chunk)
            of_part = weights if isinstance(weights, float) else weights[:, part]
            self._add_pass(rows[:, part], of_part, keep=keep or start > 0)

    def _weights(self, rows: torch.Tensor, sizes: torch.Tensor | None) -> torch.Tensor | float:
        """Return what each record counts in its model's mean: ``(n_models, width)``, or one number for all."""
        expected = self.recipe.expected_batch_size
        if sizes is None:
            return 1.0 / (expected or max(1, rows.shape[1]))
        counts = torch.arange(rows.shape[1], device=rows.device) < sizes[:, None]
        divisor = expected or sizes.clamp(min=1)[:, None].to(self.stacked.values.dtype)
        return counts.to(self.stacked.values.dtype) / divisor

    def _add_pass(self, rows: torch.Tensor, weights: torch.Tensor | float, *, keep: bool) -> None:
        places = rows.reshape(-1)
        inputs = self._features.index_select(0, places)
        output = self._forward(inputs)
        gradient = self._output_gradient(output, places, weights)
        parts = self.stacked.backward(output, gradient)
        factors = self._factors(parts, inputs, places, weights) if self.recipe.dp is not None else None
        if len(parts) < len(self.stacked.layers) and not keep:  # a layer without part in this pass has no gradient
            self.stacked.gradients.zero_()
            keep = True
        for layer, part in parts:
            layer.add_sums(part, factors, 1.0 if keep else 0.0)

    def _forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self._is_reduced:
            return self.stacked.forward(inputs)
        with torch.autocast(inputs.device.type, torch.bfloat16):
            return self.stacked.forward(inputs)

    def _output_gradient(
        self, output: torch.Tensor, places: torch.Tensor, weights: torch.Tensor | float
    ) -> torch.Tensor:
        """Return the gradient at the outputs: of the weighted loss, or of every record's own, to be clipped first."""
        n_models = self.stacked.n_models
        labels = self._labels.index_select(0, places).view(n_models, -1)
        # class axis not last: 20 times faster on a CPU
        logits = output.detach().to(self.stacked.values.dtype).reshape(n_models, labels.shape[1], -1).mT
        gradient = class_first_gradient(logits, labels, self.recipe.label_smoothing)
        if self.recipe.dp is None:
            gradient *= weights if isinstance(weights, float) else weights[:, None, :]
        return gradient.mT.reshape(output.shape).to(output.dtype)

    def _factors(
        self,
        parts: list[tuple[StackedLayer, torch.Tensor]],
        inputs: torch.Tensor,
        places: torch.Tensor,
        weights: torch.Tensor | float,
    ) -> torch.Tensor:
        """Return ``(n_models, n_records)`` clipping factors, times what each record counts: 0 for padding."""
        assert self.recipe.dp is not None and self._square_norms is not None
        n_models = self.stacked.n_models
        total = self.stacked.values.new_zeros(n_models, len(places) // n_models)
        for layer, part in parts:
            if isinstance(layer, StackedLinear) and layer.reads(inputs):
                layer.input_norms = self._square_norms.index_select(0, places).view(total.shape)
            total += layer.square_norms(part)
        return self.clip_factors(total.sqrt_()).mul_(weights)

    def clip_factors(self, norms: torch.Tensor) -> torch.Tensor:
        """Return what gradients of these norms are multiplied by; whatever enters a sum goes through here.

        Args:
            norms: of any shape.
        """
        assert self.recipe.dp is not None
        return clip_factors(norms, self.recipe.dp.max_grad_norm)


def clip_factors(norms: torch.Tensor, clip: float) -> torch.Tensor:
    """Return what gradients of these norms are multiplied by, so that none is longer than the clip: Opacus's factor."""
    return (clip / (norms + OPACUS_EPSILON)).clamp_(max=1.0)
