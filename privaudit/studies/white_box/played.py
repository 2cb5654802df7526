"""One task and seed, played: what attacks reached with each number of shadow models."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from privaudit.studies.distribution.contest import Figures, others, task_accuracy
from privaudit.studies.distribution.population import Population
from privaudit.studies.leaderboard.intervals import Mean, mean_of
from privaudit.studies.white_box.contest import contest, largest_change
from privaudit.studies.white_box.regressions import RatioFigures, regressions
from privaudit.studies.white_box.tasks import Task, Turn
from privaudit.studies.white_box.trained import train


class Played(NamedTuple):
    """What a turn gave with one number of shadow models.

    Attributes:
        task: what was trained.
        seed: of all draws.
        n_shadows: shadow models of each world.
        task_accuracy: of victims of the base.
        figures: ratio -> attack -> figures.
        control: attack -> figures on a second world of the base's ratio.
        regressions: attack -> figures.
        changes: form of the attack -> largest change of log-odds when hidden units are put in another order; empty without any.
    """

    task: Task
    seed: int
    n_shadows: int
    task_accuracy: float
    figures: Mapping[float, Mapping[str, Figures]]
    control: Mapping[str, Figures]
    regressions: Mapping[str, RatioFigures]
    changes: Mapping[str, float]

    @property
    def name(self) -> str:
        """Models and number of shadow models, in words."""
        return f"{self.task.name}, {self.n_shadows} shadow models"

    @property
    def base(self) -> float:
        """The ratio that others are compared with."""
        return self.task.setting.ratios[0]

    def accuracy(self, attack: str, *ratios: float) -> float:
        """Return an attack's mean accuracy over ratios, all if none is named."""
        return float(np.mean([self.figures[ratio][attack].accuracy for ratio in ratios or self.figures]))

    def regression_accuracy(self, attack: str, *ratios: float) -> float:
        """Return a regression's mean accuracy between the base and ratios, all if none is named."""
        pairs = [(min(ratio, self.base), max(ratio, self.base)) for ratio in ratios or self.figures]
        return float(np.mean([self.regressions[attack].accuracy[pair] for pair in pairs]))

    def squared_error(self, attack: str) -> float:
        """Return a regression's squared error, mean over ratios."""
        return float(np.mean(list(self.regressions[attack].squared_error.values())))


def play(population: Population, turn: Turn) -> list[Played]:
    """Train the models of a turn and attack them, once for each number of shadow models.

    Args:
        population: the records.
        turn: task and seed.
    """
    trained = train(population, *turn)
    design = trained.outputs.design
    assert design.ratios is not None and design.control is not None
    found = []
    for n_shadows in turn.task.n_shadows:
        found.append(
            Played(
                task=turn.task,
                seed=turn.seed,
                n_shadows=n_shadows,
                task_accuracy=task_accuracy(trained.outputs),
                figures={design.ratios[world]: contest(trained, world, n_shadows) for world in others(design)},
                control=contest(trained, design.control, n_shadows),
                regressions=regressions(trained, n_shadows),
                changes=largest_change(trained, 1, n_shadows) if turn.task.hidden else {},
            )
        )
    return found


def by_name(played: Sequence[Played]) -> dict[str, list[Played]]:
    """Return models and number of shadow models -> seeds, in their order."""
    names = dict.fromkeys(one.name for one in played)
    return {name: [one for one in played if one.name == name] for name in names}


def mean_accuracy(played: Sequence[Played], attack: str, *ratios: float) -> Mean:
    """Return an attack's accuracy, mean over ratios, with the t-interval over seeds.

    Args:
        played: seeds.
        attack: which.
        ratios: of the other worlds, all if none is named.
    """
    return mean_of([one.accuracy(attack, *ratios) for one in played])
