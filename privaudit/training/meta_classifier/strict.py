"""The strictly invariant form: every permutation of hidden units that keeps the network's function keeps its codes.

A neuron's code is ``phi_l([row, sum_i psi(w_ji, code_i)])`` with ``psi(w, code) = (w code, |w| code)``; its row is made of paths
from the inputs, see `weight_paths`. A hidden layer gives the mean of its neurons' codes. The last layer's neurons are classes,
which have an order, and their codes are put side by side.
"""

import torch
from torch import Tensor

from privaudit.training.meta_classifier.blocks import NeuronCodes, Streams
from privaudit.training.meta_classifier.inputs import MetaInputs

HIDDEN, CODE = 16, 8


class StrictNetworks:
    """Several meta-classifiers that differ in their first weights.

    Attributes:
        parameters: all that is trained in the codes.
        n_codes: length of what `codes` returns.
    """

    def __init__(self, inputs: MetaInputs, streams: Streams, device: torch.device) -> None:
        """Draw the weights.

        Args:
            inputs: of any models, for their sizes.
            streams: one generator per network.
            device: where the weights go.
        """
        sizes = [rows.shape[2] for rows in inputs.rows]
        self._blocks = [
            NeuronCodes(streams, size + (2 * CODE if place else 0), HIDDEN, CODE, device)
            for place, size in enumerate(sizes)
        ]
        self.parameters = [weight for block in self._blocks for weight in block.parameters]
        self.n_codes = CODE * (len(sizes) - 1 + inputs.rows[-1].shape[1])

    def codes(self, inputs: MetaInputs) -> Tensor:
        """Return ``(n_networks, n_models, n_codes)``: the hidden layers' means, then the classes' codes."""
        codes = self._blocks[0](inputs.rows[0])
        found = []
        for block, rows, edges in zip(self._blocks[1:], inputs.rows[1:], inputs.edges, strict=True):
            found.append(codes.mean(dim=2))
            codes = block(rows, summed(edges, codes))
        return torch.cat([*found, codes.flatten(2)], dim=2)


def summed(edges: Tensor, codes: Tensor) -> Tensor:
    """Return the sums over the units before, ``(n_networks, n_models, n_units, 2 code)``.

    Args:
        edges: ``(n_models, 2, n_units, n_before)`` weights and absolute weights.
        codes: ``(n_networks, n_models, n_before, code)``.
    """
    n_networks, n_models, n_before, code = codes.shape
    side_by_side = codes.permute(1, 2, 0, 3).reshape(n_models, n_before, n_networks * code)
    n_units = edges.shape[2]
    sums = (edges.reshape(n_models, 2 * n_units, n_before) @ side_by_side).reshape(
        n_models, 2, n_units, n_networks, code
    )
    return sums.permute(3, 0, 2, 1, 4).reshape(n_networks, n_models, n_units, 2 * code)
