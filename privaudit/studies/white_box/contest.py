"""Attacks on answers and attacks on weights, on the same victims: which world do they come from?"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from privaudit.attacks.distribution.gauss import GaussianQueries
from privaudit.attacks.distribution.kl import KlDivergence
from privaudit.attacks.distribution.pin import Pin
from privaudit.estimators import accuracy_metrics, auc
from privaudit.games.declared import declared_world_inputs
from privaudit.interfaces import DistributionAttack
from privaudit.studies.distribution.contest import Figures, world_inputs
from privaudit.studies.white_box.trained import Trained
from privaudit.training.meta_classifier.fit import MetaSettings, world_log_odds
from privaudit.training.meta_classifier.weight_layers import WeightLayer, WeightLayers
from privaudit.types.design import SHADOW, TARGET

KL, GAUSS, STRICT, PUBLISHED = KlDivergence.name, GaussianQueries.name, Pin.name, "pin, published form"
PINS = {STRICT: Pin(), PUBLISHED: Pin(form="published")}
CONTESTANTS: Mapping[str, DistributionAttack] = {KL: KlDivergence(), GAUSS: GaussianQueries(), **PINS}
ATTACKS = tuple(CONTESTANTS)
CPU = torch.device("cpu")


def contest(trained: Trained, world: int, n_shadows: int) -> dict[str, Figures]:
    """Let every attack tell a world's victims from the base's.

    Args:
        trained: all models.
        world: the other world.
        n_shadows: shadow models of each world that attacks are given, the first ones.

    Returns:
        attack -> figures.
    """
    design = trained.outputs.design
    victims = design.rows(TARGET, 0, world)
    truth = design.world[victims] == world
    signals = {}
    for pin in PINS.values():
        (name,) = pin.signals
        signals[name] = log_odds(
            trained, world, n_shadows, rows_of(trained.layers, victims), MetaSettings(form=pin.form)
        )
    inputs = replace(world_inputs(trained.outputs, world, n_shadows=n_shadows), victim_signals=signals)
    found = {}
    for name, attack in CONTESTANTS.items():
        found[name] = figures_of(attack.run(declared_world_inputs(attack, inputs)).scores, truth)
    return found


def figures_of(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> Figures:
    """Return accuracy and area under the curve of an attack's scores.

    Args:
        scores: ``(n_victims,)``, at least 0 says the other world.
        truth: ``(n_victims,)`` whether a victim comes from it.
    """
    accuracy = accuracy_metrics(scores, truth, confidence=0.95)[0].value
    assert accuracy is not None  # there are victims of both worlds
    return Figures(accuracy, auc(scores, truth.astype(np.uint8)))


def log_odds(
    trained: Trained, world: int, n_shadows: int, others: WeightLayers, settings: MetaSettings
) -> NDArray[np.float64]:
    """Train a meta-classifier on the shadow models of the base and a world, and ask it about others.

    Args:
        trained: all models.
        world: the other world.
        n_shadows: shadow models of each world.
        others: weights of the models to be judged.
        settings: of the meta-classifier.
    """
    design = trained.outputs.design
    shadows = np.concatenate([design.rows(SHADOW, one)[:n_shadows] for one in (0, world)])
    is_other = (design.world[shadows] == world).astype(np.int64)
    return world_log_odds(rows_of(trained.layers, shadows), is_other, others, settings, CPU)


def rows_of(layers: WeightLayers, models: NDArray[np.int64]) -> WeightLayers:
    """Return the weights of some of the models."""
    return tuple(layer.rows(models) for layer in layers)


def largest_change(trained: Trained, world: int, n_shadows: int) -> dict[str, float]:
    """Return how far log-odds move when the victims' hidden units are put in another order, which changes no function.

    Args:
        trained: models with hidden layers.
        world: the other world.
        n_shadows: shadow models of each world.

    Returns:
        form of the attack -> largest change among the victims.
    """
    victims = rows_of(trained.layers, trained.outputs.design.rows(TARGET, 0, world))
    ask = partial(log_odds, trained, world, n_shadows)
    found = {}
    for name, pin in PINS.items():
        said, again = (ask(layers, MetaSettings(form=pin.form)) for layers in (victims, reversed_units(victims)))
        found[name] = float(np.abs(said - again).max())
    return found


def reversed_units(layers: WeightLayers) -> WeightLayers:
    """Return the same functions with every hidden layer's units in reverse order.

    Args:
        layers: from the first to the classes.
    """
    found = []
    for place, layer in enumerate(layers):
        weight, bias = layer.weight, layer.bias
        if place < len(layers) - 1:
            weight, bias = weight[:, ::-1], bias[:, ::-1]
        if place:
            weight = weight[:, :, ::-1]
        found.append(WeightLayer(weight=weight, bias=bias))
    return tuple(found)
