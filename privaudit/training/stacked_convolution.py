"""Convolutions of K models at once.

A convolution is a matrix product of its weights with the patches of the input. Patches are what the gradient of a
record is made of, so they are cut out once and serve forward pass, norms and sums alike, where that is cheaper than the
library's convolution (the first layer: few channels, and nobody needs the gradient at the input).

Source: Rochette, Manoel and Tramel, "Efficient Per-Example Gradient Computations in Convolutional Neural Networks",
2019 (gradients of single records as products of patches); Bu, Mao and Xu, NeurIPS 2022 (norms from Gram matrices).
"""

import torch
from torch import nn
from torch.nn.grad import conv2d_weight

from privaudit.training.stacked_layers import NotBatchableError, StackedLayer, sequence_norms, squares


class StackedConvolution(StackedLayer):
    """``nn.Conv1d`` or ``nn.Conv2d`` of K models, on ``(n_models * n_records, n_channels, ..., width)``."""

    kind = "convolution"

    def __init__(self, single: nn.Conv1d | nn.Conv2d, n_models: int) -> None:
        """See the base."""
        super().__init__(single, n_models)
        if single.padding_mode != "zeros":
            raise NotBatchableError(f"a convolution with padding_mode {single.padding_mode}")
        self.is_flat = isinstance(single, nn.Conv1d)  # run as a picture of height 1
        self.groups = single.groups
        self.window = self._pair(single.kernel_size, 1)
        self.stride = self._pair(single.stride, 1)
        self.dilation = self._pair(single.dilation, 1)
        self.padding = self._padding(single.padding)
        self._patches: torch.Tensor | None = None
        self._of_records: torch.Tensor | None = None
        self._from_patches = False

    def _pair(self, numbers: tuple[int, ...], first: int) -> tuple[int, int]:
        return (first, numbers[0]) if self.is_flat else (numbers[0], numbers[1])

    def _padding(self, padding: str | tuple[int, ...]) -> tuple[int, int]:
        if padding == "valid":
            return (0, 0)
        if not isinstance(padding, str):
            return self._pair(padding, 0)
        sums = [step * (size - 1) for step, size in zip(self.dilation, self.window, strict=True)]
        if any(total % 2 for total in sums):
            raise NotBatchableError('a convolution with padding "same" and an even window')
        return (sums[0] // 2, sums[1] // 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Convolve each model's records with its weights."""
        images = inputs.unsqueeze(2) if self.is_flat else inputs
        self._from_patches = not inputs.requires_grad and self.groups == 1
        output = self._by_patches(images) if self._from_patches else self._by_library(images)
        return output.squeeze(2) if self.is_flat else output

    def _by_patches(self, images: torch.Tensor) -> torch.Tensor:
        patches = self._cut(images)
        rows = patches.view(self.n_models, -1, patches.shape[2])
        weight = self._weight_rows().mT
        output = rows @ weight if self.bias is None else torch.baddbmm(self.bias[:, None, :], rows, weight)
        self.keep(patches, output)
        return output.view(len(images), *self._output_size(images), -1).permute(0, 3, 1, 2)

    def _by_library(self, images: torch.Tensor) -> torch.Tensor:
        if images.device.type == "cpu" or self.n_models == 1:
            output = self._one_by_one(images)
        else:
            output = self._grouped(images)
        self.keep(images, output)
        return output

    def _one_by_one(self, images: torch.Tensor) -> torch.Tensor:
        parts = images.view(self.n_models, -1, *images.shape[1:])
        biases = [None] * self.n_models if self.bias is None else list(self.bias)
        outputs = [
            nn.functional.conv2d(part, weight, bias, self.stride, self.padding, self.dilation, self.groups)
            for part, weight, bias in zip(parts, self._kernels(), biases, strict=True)
        ]
        return outputs[0] if self.n_models == 1 else torch.cat(outputs)

    def _grouped(self, images: torch.Tensor) -> torch.Tensor:
        """Run one convolution with a group of channels per model: one kernel launch on an accelerator."""
        parts = images.view(self.n_models, -1, *images.shape[1:]).transpose(0, 1)
        side_by_side = parts.reshape(parts.shape[0], -1, *images.shape[2:])
        bias = None if self.bias is None else self.bias.reshape(-1)
        groups = self.n_models * self.groups
        output = nn.functional.conv2d(
            side_by_side, self._kernels().flatten(0, 1), bias, self.stride, self.padding, self.dilation, groups
        )
        unfolded = output.view(parts.shape[0], self.n_models, -1, *output.shape[2:]).transpose(0, 1)
        return unfolded.reshape(len(images), -1, *output.shape[2:])

    def _kernels(self) -> torch.Tensor:
        """Return ``(n_models, n_outputs, n_inputs, height, width)``."""
        return self.weight.unsqueeze(3) if self.is_flat else self.weight

    def _weight_rows(self) -> torch.Tensor:
        """Return ``(n_models, n_outputs, height * width * n_inputs)``, in the order of the patches."""
        return self._kernels().permute(0, 1, 3, 4, 2).flatten(2)

    def _output_size(self, images: torch.Tensor) -> tuple[int, int]:
        height, width = (
            (size + 2 * pad - step * (window - 1) - 1) // stride + 1
            for size, pad, step, window, stride in zip(
                images.shape[2:], self.padding, self.dilation, self.window, self.stride, strict=True
            )
        )
        return height, width

    def _cut(self, images: torch.Tensor) -> torch.Tensor:
        """Return ``(n_images * groups, n_places, height * width * n_channels / groups)`` patches."""
        images = images.detach()
        height, width = self._output_size(images)
        if any(self.padding):
            images = nn.functional.pad(images, (self.padding[1], self.padding[1], self.padding[0], self.padding[0]))
        n, n_channels = images.shape[:2]
        of_image, of_channel, of_row, of_column = images.stride()
        steps = (of_row * self.stride[0], of_column * self.stride[1], of_row * self.dilation[0])
        strides = (of_image, *steps, of_column * self.dilation[1], of_channel)
        cut = images.as_strided((n, height, width, *self.window, n_channels), strides, images.storage_offset())
        if self.groups == 1:
            return cut.reshape(n, height * width, -1).contiguous()  # a reshaped window may still be a view
        grouped = cut.reshape(n, height * width, -1, self.groups, n_channels // self.groups)
        return grouped.permute(0, 3, 1, 2, 4).reshape(n * self.groups, height * width, -1)

    def _outer(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient as ``(n_records * groups, n_places, n_outputs / groups)``."""
        gradient = gradient.to(self.weight.dtype)
        n_outputs = self.weight.shape[1]
        if self._from_patches:
            return gradient.reshape(*self.taken().shape[:2], n_outputs)
        rows = gradient.permute(0, 2, 3, 1).reshape(len(gradient), -1, n_outputs)
        if self.groups == 1:
            return rows
        grouped = rows.view(*rows.shape[:2], self.groups, -1)
        return grouped.transpose(1, 2).reshape(-1, rows.shape[1], n_outputs // self.groups)

    def _inner(self) -> torch.Tensor:
        """Return the patches, cut at most once per forward pass."""
        if self._from_patches:
            return self.taken()
        if self._patches is None:
            self._patches = self._cut(self.taken())
        return self._patches

    def forget(self) -> None:
        """See the base."""
        super().forget()
        self._patches = self._of_records = None

    def square_norms(self, gradient: torch.Tensor) -> torch.Tensor:
        """See the base; keeps the gradients of the records where that is the cheaper way."""
        outer, inner = self._outer(gradient), self._inner()
        if 2 * outer.shape[1] ** 2 <= outer.shape[2] * inner.shape[2]:
            total = sequence_norms(outer, inner)
        else:
            self._of_records = (outer.mT @ inner).flatten(1)
            total = squares(self._of_records, 1)
        if self.bias is not None:
            total = total + squares(outer.sum(dim=1), 1)
        return total.view(self.n_models, -1, self.groups).sum(dim=2)

    def add_sums(self, gradient: torch.Tensor, factors: torch.Tensor | None, beta: float) -> None:
        """See the base."""
        if factors is None and not self._from_patches:
            self._add_by_library(gradient.to(self.weight.dtype), beta)
            return
        outer = self._outer(gradient)
        if factors is not None:
            factors = factors.repeat_interleave(self.groups, dim=1) if self.groups > 1 else factors
        self._put("weight", self._as_kernels(self._sums(outer, factors)), beta)
        if self.bias is not None:
            of_records = outer.sum(dim=1) if factors is None else outer.sum(dim=1) * factors.reshape(-1, 1)
            self._put("bias", of_records.view(self.n_models, -1, self.weight.shape[1]).sum(dim=1), beta)

    def _sums(self, outer: torch.Tensor, factors: torch.Tensor | None) -> torch.Tensor:
        """Return the weighted sums over records, ``(n_models, n_outputs, height * width * n_inputs)``."""
        inner = self._inner()
        if self._of_records is not None and factors is not None and self.groups == 1:
            rows = self._of_records.view(self.n_models, -1, self._of_records.shape[1])
            return (factors[:, None, :] @ rows).view(self.n_models, outer.shape[2], inner.shape[2])
        scaled = outer if factors is None else outer * factors.reshape(-1, 1, 1)
        shape = (self.n_models, -1, self.groups)
        left, right = (
            part.view(*shape, *part.shape[1:]).transpose(1, 2).flatten(2, 3).flatten(0, 1) for part in (scaled, inner)
        )
        return (left.mT @ right).view(self.n_models, -1, inner.shape[2])

    def _as_kernels(self, sums: torch.Tensor) -> torch.Tensor:
        """Put gradients of `_weight_rows` into the weights' own order."""
        kernels = sums.view(*sums.shape[:2], *self.window, -1).permute(0, 1, 4, 2, 3)
        return kernels.reshape(self.weight.shape)

    def _add_by_library(self, gradient: torch.Tensor, beta: float) -> None:
        """Sum over records by the library's own backward pass."""
        images = self.taken()
        if images.device.type == "cpu" or self.n_models == 1:
            sums = self._sums_one_by_one(images, gradient)
        else:
            sums = self._sums_grouped(images, gradient)
        self._put("weight", sums.view(self.weight.shape), beta)
        if self.bias is not None:
            self._put("bias", self._per_model(gradient).sum(dim=(1, 3, 4)), beta)

    def _per_model(self, values: torch.Tensor) -> torch.Tensor:
        return values.view(self.n_models, -1, *values.shape[1:])

    def _sums_one_by_one(self, images: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        shape = self._kernels().shape[1:]
        parts = zip(self._per_model(images), self._per_model(gradient), strict=True)
        return torch.stack([self._library_sums(part, shape, outer, self.groups) for part, outer in parts])

    def _sums_grouped(self, images: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Take one launch for all models, each a group of channels; see `_grouped`."""
        side_by_side = [self._per_model(part).transpose(0, 1).flatten(1, 2) for part in (images, gradient)]
        kernels = self._kernels()
        sums = self._library_sums(
            side_by_side[0], kernels.flatten(0, 1).shape, side_by_side[1], self.n_models * self.groups
        )
        return sums.view(kernels.shape)

    def _library_sums(
        self, images: torch.Tensor, shape: torch.Size, gradient: torch.Tensor, groups: int
    ) -> torch.Tensor:
        sums: torch.Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            images, shape, gradient, self.stride, self.padding, self.dilation, groups
        )
        return sums
