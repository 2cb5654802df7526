"""One setting and seed, played: what attacks reached on every world, and the property of the victims' graphs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.studies.distribution.contest import Figures, others
from privaudit.studies.graphs.cora import BaseGraph
from privaudit.studies.graphs.graph_contest import draw_graph_worlds, graph_contest, task_accuracy_of, train_and_ask
from privaudit.studies.graphs.graph_settings import GraphSetting
from privaudit.studies.leaderboard.intervals import Mean, mean_of


class GraphTurn(NamedTuple):
    """A setting and a seed."""

    setting: GraphSetting
    seed: int


class GraphPlayed(NamedTuple):
    """What a turn gave.

    Attributes:
        setting: what was trained.
        seed: of all draws.
        task_accuracy: of victims of the base.
        figures: value of another world -> attack -> figures.
        control: attack -> figures on a second world of the base's law, empty without one.
        draws: value of a world, the base's first -> degrees, or clustering coefficients, of nodes of its victims' graphs.
    """

    setting: GraphSetting
    seed: int
    task_accuracy: float
    figures: Mapping[float, Mapping[str, Figures]]
    control: Mapping[str, Figures]
    draws: Mapping[float, NDArray[np.int64] | NDArray[np.float64]]

    def accuracy(self, attack: str, *values: float) -> float:
        """Return an attack's mean accuracy over worlds, all others than the base if none is named."""
        return float(np.mean([self.figures[value][attack].accuracy for value in values or self.figures]))


def play_graphs(cora: BaseGraph | None, turn: GraphTurn) -> GraphPlayed:
    """Train the models of a turn and attack them.

    Args:
        cora: the real graph, for settings of that theme.
        turn: setting and seed.
    """
    setting, seed = turn
    worlds = draw_graph_worlds(setting, seed, cora if setting.theme == "cora" else None)
    outputs = train_and_ask(setting, worlds)
    control = worlds.design.control
    return GraphPlayed(
        setting=setting,
        seed=seed,
        task_accuracy=task_accuracy_of(outputs),
        figures={setting.values[world]: graph_contest(outputs, world) for world in others(worlds.design)},
        control={} if control is None else graph_contest(outputs, control),
        draws=dict(zip(setting.values, worlds.draws, strict=False)),
    )


def mean_graph_accuracy(played: Sequence[GraphPlayed], attack: str, *values: float) -> Mean:
    """Return an attack's accuracy, mean over worlds, with the t-interval over seeds.

    Args:
        played: seeds of one setting.
        attack: which.
        values: of the other worlds, all if none is named.
    """
    return mean_of([one.accuracy(attack, *values) for one in played])


def control_mean(played: Sequence[GraphPlayed], attack: str) -> Mean:
    """Return an attack's accuracy on two worlds of one law, with the t-interval over seeds.

    Args:
        played: seeds of one setting that has a control.
        attack: which.
    """
    return mean_of([one.control[attack].accuracy for one in played])


def seeds_by_setting(played: Sequence[GraphPlayed]) -> dict[str, list[GraphPlayed]]:
    """Return name of each setting -> its seeds, in their order."""
    names = dict.fromkeys(one.setting.name for one in played)
    return {name: [one for one in played if one.setting.name == name] for name in names}
