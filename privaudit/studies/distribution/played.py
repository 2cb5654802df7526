"""One setting and seed, played: what attacks reached on every world, and what tells worlds apart without a model."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from privaudit.data.world_channels import WorldChannel, world_channels
from privaudit.pipeline.distribution.channels import channel_warnings
from privaudit.studies.distribution.contest import Figures, contest, contests, task_accuracy
from privaudit.studies.distribution.population import Population
from privaudit.studies.distribution.settings import Setting
from privaudit.studies.distribution.trained import train
from privaudit.studies.leaderboard.intervals import Mean, mean_of


class Turn(NamedTuple):
    """A setting and a seed."""

    setting: Setting
    seed: int


class Played(NamedTuple):
    """What a turn gave.

    Attributes:
        setting: what was trained.
        seed: of all draws.
        task_accuracy: of victims of the base.
        figures: ratio -> attack -> figures.
        control: attack -> figures on a second world of the base's ratio, empty without one.
        channels: numbers of training sets that differ between models.
        warnings: those that give the worlds away, in words.
    """

    setting: Setting
    seed: int
    task_accuracy: float
    figures: Mapping[float, Mapping[str, Figures]]
    control: Mapping[str, Figures]
    channels: tuple[WorldChannel, ...]
    warnings: tuple[str, ...]

    def accuracy(self, attack: str, *ratios: float) -> float:
        """Return an attack's mean accuracy over ratios, all if none is named."""
        return float(np.mean([self.figures[ratio][attack].accuracy for ratio in ratios or self.figures]))


def play(population: Population, turn: Turn) -> Played:
    """Train the models of a turn and attack them.

    Args:
        population: the records.
        turn: setting and seed.
    """
    outputs = train(population, *turn)
    design = outputs.design
    channels = tuple(one for one in world_channels(design, population.labels, 2) if not one.is_constant)
    return Played(
        setting=turn.setting,
        seed=turn.seed,
        task_accuracy=task_accuracy(outputs),
        figures=contests(outputs),
        control={} if design.control is None else contest(outputs, design.control),
        channels=channels,
        warnings=channel_warnings(channels, design.names),
    )


def mean_accuracy(played: Sequence[Played], attack: str, *ratios: float) -> Mean:
    """Return an attack's accuracy, mean over ratios, with the t-interval over seeds.

    Args:
        played: seeds of one setting.
        attack: which.
        ratios: of the other worlds, all if none is named.
    """
    return mean_of([one.accuracy(attack, *ratios) for one in played])


def by_setting(played: Sequence[Played]) -> dict[str, list[Played]]:
    """Return name of each setting -> its seeds, in their order."""
    names = dict.fromkeys(one.setting.name for one in played)
    return {name: [one for one in played if one.setting.name == name] for name in names}
