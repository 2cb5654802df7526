"""The small network that turns a neuron's numbers into its code, for several meta-classifiers at once."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from privaudit.training.meta_classifier.inputs import MetaInputs

Streams = Sequence[np.random.Generator]


def first_weights(streams: Streams, n_in: int, n_out: int, device: torch.device) -> Tensor:
    """Draw ``(n_networks, n_in, n_out)`` normal first weights of variance 1 / n_in, each network's from its own stream.

    Args:
        streams: one generator per network; numbers are the same on every device.
        n_in: number of inputs.
        n_out: number of outputs.
        device: where they go.
    """
    drawn = np.stack([stream.normal(0.0, n_in**-0.5, (n_in, n_out)) for stream in streams])
    return torch.from_numpy(drawn.astype(np.float32)).to(device).requires_grad_()


class MetaNetworks(Protocol):
    """Several meta-classifiers of one form, which differ in their first weights.

    Attributes:
        parameters: all that is trained in the codes.
        n_codes: length of what `codes` returns.
    """

    parameters: list[Tensor]
    n_codes: int

    def codes(self, inputs: MetaInputs) -> Tensor:
        """Return ``(n_networks, n_models, n_codes)``."""
        ...


class NeuronCodes:
    """Two ReLU layers, one copy per network: ``x -> relu(relu(x A + a) B + b)``.

    Attributes:
        parameters: all that is trained.
    """

    def __init__(self, streams: Streams, n_in: int, hidden: int, code: int, device: torch.device) -> None:
        """Draw the weights; biases begin at 0.

        Args:
            streams: one generator per network.
            n_in: numbers of a neuron.
            hidden: width.
            code: length of a code.
            device: where the weights go.
        """
        self._first = first_weights(streams, n_in, hidden, device)
        self._second = first_weights(streams, hidden, code, device)
        self._biases = [
            torch.zeros(len(streams), 1, width, device=device, requires_grad=True) for width in (hidden, code)
        ]
        self.parameters = [self._first, self._second, *self._biases]

    def __call__(self, rows: Tensor, more: Tensor | None = None) -> Tensor:
        """Return codes of all neurons.

        Args:
            rows: ``(n_models, n_units, n_numbers)``, the same for all networks.
            more: ``(n_networks, n_models, n_units, n_more)``, each network's own numbers, or none.

        Returns:
            ``(n_networks, n_models, n_units, code)``.
        """
        n_networks, (n_models, n_units, n_numbers) = len(self._first), rows.shape
        within = rows.reshape(n_models * n_units, n_numbers) @ self._first[:, :n_numbers]
        if more is not None:
            within = within + more.reshape(n_networks, n_models * n_units, -1) @ self._first[:, n_numbers:]
        codes = torch.relu(torch.relu(within + self._biases[0]) @ self._second + self._biases[1])
        return codes.reshape(n_networks, n_models, n_units, -1)
