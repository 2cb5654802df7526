"""One setting and seed, played with every share of poison."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from privaudit.attacks.distribution.snap_shift import poisoned_log_odds
from privaudit.studies.distribution.contest import others
from privaudit.studies.distribution.population import Population
from privaudit.studies.distribution.trained import Outputs
from privaudit.studies.leaderboard.intervals import Mean, mean_of
from privaudit.studies.poisoning.contest import Groups, accuracies, task_accuracies, victims_log_odds
from privaudit.studies.poisoning.settings import TRUE_CLASS, Setting
from privaudit.studies.poisoning.trained import train


class Turn(NamedTuple):
    """A setting and a seed."""

    setting: Setting
    seed: int


class Shift(NamedTuple):
    """How far poison moved the log-odds of the victims of one world, over queries of the true class with the property.

    Attributes:
        measured: mean over queries.
        theory: of the Bayes-optimal classifier whose log-odds without poison are those of the victims without poison.
    """

    measured: float
    theory: float


class Figures(NamedTuple):
    """What came of one share of poison.

    Attributes:
        accuracy: ratio -> attack -> accuracy against the base.
        control: attack -> accuracy on a second world of the base's ratio, empty without one.
        task: accuracies of the base's victims.
        shift: ratio, the base's included -> what poison did, empty without poison.
    """

    accuracy: Mapping[float, Mapping[str, float]]
    control: Mapping[str, float]
    task: Groups
    shift: Mapping[float, Shift]


class Played(NamedTuple):
    """What a turn gave: figures for each share of poison."""

    setting: Setting
    seed: int
    figures: Mapping[float, Figures]

    def accuracy(self, attack: str, share: float, *ratios: float) -> float:
        """Return an attack's mean accuracy over ratios, all if none is named."""
        found = self.figures[share].accuracy
        return float(np.mean([found[ratio][attack] for ratio in ratios or found]))


def play(population: Population, turn: Turn) -> Played:
    """Train the models of a turn with every share of poison and attack them.

    Args:
        population: the records.
        turn: setting and seed.
    """
    setting, figures = turn.setting, {}
    clean = train(population, setting, setting.shares[0], turn.seed)
    for share in setting.shares:
        outputs = train(population, setting, share, turn.seed) if share else clean
        figures[share] = _figures(population, outputs, clean)
    return Played(setting, turn.seed, figures)


def _figures(population: Population, outputs: Outputs, clean: Outputs) -> Figures:
    design = outputs.design
    assert design.ratios is not None
    return Figures(
        accuracy={design.ratios[world]: accuracies(population, outputs, world) for world in others(design)},
        control={} if design.control is None else accuracies(population, outputs, design.control),
        task=task_accuracies(population, outputs),
        shift={} if design.poison is None else shifts(population, outputs, clean),
    )


def shifts(population: Population, outputs: Outputs, clean: Outputs) -> dict[float, Shift]:
    """Compare victims with poison to those without.

    Args:
        population: the records.
        outputs: what models with poison say.
        clean: what models of the same draws without poison say.

    Returns:
        ratio -> shift, of every world but the control.
    """
    design, found = outputs.design, {}
    assert design.ratios is not None and design.poison is not None
    pi_v = float((population.labels == TRUE_CLASS).mean())  # the same in both groups: class balance is fixed
    for world in (0, *others(design)):
        before, after = (victims_log_odds(population, each, world) for each in (clean, outputs))
        wanted = poisoned_log_odds(before, design.poison.share, design.ratios[world], pi_v)
        found[design.ratios[world]] = Shift(float((after - before).mean()), float((wanted - before).mean()))
    return found


def mean_accuracy(played: Sequence[Played], attack: str, share: float, *ratios: float) -> Mean:
    """Return an attack's accuracy, mean over ratios, with the t-interval over seeds.

    Args:
        played: seeds of one setting.
        attack: which.
        share: of poison.
        ratios: of the other worlds, all if none is named.
    """
    return mean_of([one.accuracy(attack, share, *ratios) for one in played])


def gain(played: Sequence[Played], share: float, better: str, worse: str) -> Mean:
    """Return what an attack with poison gains on another without, mean over ratios with the t-interval over seeds.

    Args:
        played: seeds of one setting.
        share: of poison.
        better: attack on poisoned victims.
        worse: attack on victims without poison.
    """
    clean = played[0].setting.shares[0]
    return mean_of([one.accuracy(better, share) - one.accuracy(worse, clean) for one in played])
