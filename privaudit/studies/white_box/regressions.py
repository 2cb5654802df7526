"""Both regressions on the same victims: how far are the estimated ratios off, and which of two ratios are they nearer to?"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.distribution.kl_regression import KlRegression, decide_between
from privaudit.attacks.distribution.pin_regression import PinRegression
from privaudit.games.declared import declared_world_inputs
from privaudit.studies.distribution.contest import others, two_classes
from privaudit.studies.white_box.contest import CPU, figures_of, rows_of
from privaudit.studies.white_box.trained import Trained
from privaudit.training.meta_classifier.fit import MetaSettings, estimated_ratios
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldInputs

KL_REGRESSION, PIN_REGRESSION = KlRegression.name, PinRegression.name
REGRESSIONS = (KL_REGRESSION, PIN_REGRESSION)


class RatioFigures(NamedTuple):
    """What one regression reached.

    Attributes:
        squared_error: mean over victims, of every ratio.
        mean_estimate: of every ratio's victims.
        accuracy: (lower ratio, higher ratio) -> share of right answers between the two.
    """

    squared_error: Mapping[float, float]
    mean_estimate: Mapping[float, float]
    accuracy: Mapping[tuple[float, float], float]


def regressions(trained: Trained, n_shadows: int) -> dict[str, RatioFigures]:
    """Let both regressions estimate every victim's ratio.

    Args:
        trained: all models.
        n_shadows: shadow models of each ratio.

    Returns:
        attack -> figures.
    """
    design = trained.outputs.design
    assert design.ratios is not None
    inputs, truth = ratio_inputs(trained, n_shadows)
    found = {}
    for attack in (KlRegression(), PinRegression()):
        found[attack.name] = ratio_figures(attack.run(declared_world_inputs(attack, inputs)).scores, truth)
    return found


def ratio_inputs(trained: Trained, n_shadows: int) -> tuple[WorldInputs, NDArray[np.float64]]:
    """Return what regressions may see of all worlds but the control, and the victims' true ratios.

    Args:
        trained: all models.
        n_shadows: shadow models of each ratio.
    """
    outputs, design = trained.outputs, trained.outputs.design
    assert design.ratios is not None
    worlds = np.array([0, *others(design)])
    shadows = np.concatenate([design.rows(SHADOW, int(world))[:n_shadows] for world in worlds])
    victims = design.rows(TARGET, *worlds.tolist())
    queries = np.flatnonzero(np.isin(design.query_world, worlds))
    ratios = np.array(design.ratios)
    (signal,) = PinRegression().signals
    estimates = estimated_ratios(
        rows_of(trained.layers, shadows),
        ratios[design.world[shadows]],
        rows_of(trained.layers, victims),
        MetaSettings(),
        CPU,
    )
    said = two_classes(outputs.probability[np.ix_(victims, queries)])
    inputs = WorldInputs(
        shadows=two_classes(outputs.probability[np.ix_(shadows, queries)]),
        shadow_world=np.searchsorted(worlds, design.world[shadows]),
        victims=said,
        victim_labels=said.argmax(axis=2),
        query_label=outputs.labels[design.query_records[queries]],
        query_world=np.searchsorted(worlds, design.query_world[queries]),
        ratios=tuple(ratios[worlds].tolist()),
        victim_signals={signal: estimates},
    )
    return inputs, ratios[design.world[victims]]


def ratio_figures(estimates: NDArray[np.float64], truth: NDArray[np.float64]) -> RatioFigures:
    """Return errors, and accuracies between every two ratios, of one regression's estimates.

    Args:
        estimates: ``(n_victims,)``.
        truth: ``(n_victims,)`` true ratios.
    """
    ratios = np.unique(truth).tolist()
    accuracy = {}
    for place, low in enumerate(ratios):
        for high in ratios[place + 1 :]:
            chosen = np.isin(truth, (low, high))
            accuracy[low, high] = figures_of(
                decide_between(estimates[chosen], low, high), truth[chosen] == high
            ).accuracy
    return RatioFigures(
        squared_error={ratio: float(np.square(estimates[truth == ratio] - ratio).mean()) for ratio in ratios},
        mean_estimate={ratio: float(estimates[truth == ratio].mean()) for ratio in ratios},
        accuracy=accuracy,
    )
