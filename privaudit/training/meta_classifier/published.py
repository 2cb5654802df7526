"""The published form: invariant under permutations of the first hidden layer's rows alone.

A neuron's code is ``phi_l([w, b, all codes of the layer before, side by side])``, a layer gives the sum of its neurons' codes. The
columns of ``w`` and the codes side by side move when the hidden units before them are permuted, and ``phi_l`` is a plain network:
codes from the second layer on are not invariant.

Source: Ganju, Wang, Yang, Gunter, Borisov, "Property Inference Attacks on Fully Connected Neural Networks using Permutation
Invariant Representations", CCS 2018; Suri, Evans, "Formalizing and Estimating Distribution Inference Risks", PETS 2022.
"""

import torch
from torch import Tensor

from privaudit.training.meta_classifier.blocks import NeuronCodes, Streams
from privaudit.training.meta_classifier.inputs import MetaInputs

HIDDEN, CODE = 64, 8  # the published widths


class PublishedNetworks:
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
        widths = [0, *(rows.shape[1] for rows in inputs.rows[:-1])]
        self._blocks = [
            NeuronCodes(streams, rows.shape[2] + CODE * width, HIDDEN, CODE, device)
            for rows, width in zip(inputs.rows, widths, strict=True)
        ]
        self.parameters = [weight for block in self._blocks for weight in block.parameters]
        self.n_codes = CODE * len(inputs.rows)

    def codes(self, inputs: MetaInputs) -> Tensor:
        """Return ``(n_networks, n_models, n_codes)``: the sums of the layers' codes, the first layer's first."""
        codes = self._blocks[0](inputs.rows[0])
        found = [codes.sum(dim=2)]
        for block, rows in zip(self._blocks[1:], inputs.rows[1:], strict=True):
            before = codes.flatten(2)[:, :, None].expand(-1, -1, rows.shape[1], -1)
            codes = block(rows, before)
            found.append(codes.sum(dim=2))
        return torch.cat(found, dim=2)
