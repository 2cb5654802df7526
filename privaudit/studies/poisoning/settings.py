"""What the study trains: trainings, ratios and shares of poison."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from privaudit.types.worlds import Poison

# most women have it, and models are sure of it: the shift is largest where e^phi is small beside c
TRUE_CLASS, PLANTED_CLASS = 0, 1
SHARES, QUICK_SHARES = (0.0, 0.01, 0.02), (0.0, 0.02)
NEAR, RARE = (0.5, 0.4, 0.6), (0.01, 0.035, 0.11)
CLIPPED, LONG, NETWORK = "clipped, 40 steps", "not clipped, 60 steps", "small network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How models are trained.

    Attributes:
        name: in words.
        build: built-in network.
        params: of it.
        recipe: as in an audit's config.
    """

    name: str
    build: str
    params: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One set of worlds.

    Attributes:
        training: of all models.
        ratios: shares of the records with the property, the base first.
        shares: of poison; the first one is 0, as all are compared with it.
        n_records: training records of each model before poison.
        n_shadows: shadow models of each world.
        n_victims: victims of each world.
        n_queries: records of each world that models are asked about.
        has_control: whether there is a second world of the base's ratio.
    """

    training: Training
    ratios: tuple[float, ...] = NEAR
    shares: tuple[float, ...] = SHARES
    n_records: int = 1000
    n_shadows: int = 30
    n_victims: int = 60
    n_queries: int = 1000
    has_control: bool = True

    @property
    def is_rare(self) -> bool:
        """Whether hardly any record has the property."""
        return max(self.ratios) < 0.2


def poison_of(share: float) -> Poison:
    """Return the poison of a share: records of the frequent class, called the rare one."""
    return Poison(share=share, true_class=TRUE_CLASS, planted_class=PLANTED_CLASS)


TRAININGS = (
    Training(
        name=NETWORK,
        build="mlp",
        params={"hidden": [32]},
        recipe={"epochs": 10, "batch_size": 64, "optimizer": {"name": "adam", "lr": 1e-3}},
    ),
    Training(
        name=LONG,
        build="linear",
        recipe={
            "steps": 60,
            "sample_rate": 1.0,
            "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
        },
    ),
    Training(
        name=CLIPPED,
        build="linear",
        recipe={
            "steps": 40,
            "sample_rate": 1.0,
            "optimizer": {"name": "sgd", "lr": 1.0},
            "dp": {"max_grad_norm": 1.0, "noise_multiplier": 0.0},
        },
    ),
)
SETTINGS = (  # the longest first, so that workers end at the same time
    *(Setting(training=training) for training in TRAININGS),
    *(Setting(training=training, ratios=RARE, has_control=False) for training in TRAININGS),
)


def quick(setting: Setting) -> Setting:
    """Return a setting with few models and one share of poison."""
    return replace(setting, shares=QUICK_SHARES, n_shadows=8, n_victims=20, n_queries=500)


QUICK_SETTINGS = tuple(quick(one) for one in SETTINGS if one.training.name != NETWORK and not one.is_rare)
