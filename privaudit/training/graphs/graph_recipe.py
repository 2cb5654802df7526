"""How a network on graphs is trained."""

from dataclasses import dataclass
from typing import Literal, get_args

from privaudit.errors import ConfigError

GraphNetworkName = Literal["gcn", "sgc"]
GraphOptimizerName = Literal["adam", "sgd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRecipe:
    """Full-batch training: each step takes the mean cross-entropy of all training nodes.

    Attributes:
        network: ``gcn`` or ``sgc``.
        hidden: width of the hidden layer of ``gcn``.
        n_hops: k of ``sgc``.
        steps: how many.
        optimizer: ``adam`` or ``sgd`` (without momentum).
        lr: learning rate.
        weight_decay: times the weights, added to the gradient.

    Raises:
        ConfigError: if a name is unknown or a number out of range.
    """

    network: GraphNetworkName = "gcn"
    hidden: int = 16
    n_hops: int = 2
    steps: int = 100
    optimizer: GraphOptimizerName = "adam"
    lr: float = 0.01
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        for name, value, known in (
            ("network", self.network, get_args(GraphNetworkName)),
            ("optimizer", self.optimizer, get_args(GraphOptimizerName)),
        ):
            if value not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}; got {value!r}.", key=name)
        for name, least in (("hidden", 1), ("n_hops", 0), ("steps", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}; got {getattr(self, name)}.", key=name)
        if not 0.0 < self.lr < float("inf"):
            raise ConfigError(f"lr must be finite and above 0; got {self.lr}.", key="lr")
        if not 0.0 <= self.weight_decay < float("inf"):
            raise ConfigError(
                f"weight_decay must be finite and at least 0; got {self.weight_decay}.", key="weight_decay"
            )
