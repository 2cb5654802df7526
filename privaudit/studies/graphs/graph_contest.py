"""Models of one setting and seed: trained, asked, their weights read; and all attacks on them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import device, nn

from privaudit.attacks.distribution.pin import LOGIT, Pin
from privaudit.data.graphs.worlds import make_graph_worlds
from privaudit.estimators import accuracy_metrics, auc
from privaudit.games.declared import declared_world_inputs
from privaudit.scoring.graph_outputs import ask_queries, graph_queries
from privaudit.studies.distribution.contest import CONTESTANTS, Contestant, Figures
from privaudit.studies.graphs.cora import BaseGraph
from privaudit.studies.graphs.graph_settings import N_NODES, GraphSetting
from privaudit.training.graphs.train import train_graph_models
from privaudit.training.meta_classifier.fit import MetaSettings, world_log_odds
from privaudit.training.meta_classifier.weight_layers import read_layers
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.graphs import GraphWorlds
from privaudit.types.worlds import WorldDesign, WorldInputs

PIN = Pin.name
GRAPH_CONTESTANTS = (*CONTESTANTS, Contestant(PIN, Pin()))
GRAPH_ATTACKS = tuple(one.name for one in GRAPH_CONTESTANTS)


class GraphOutputs(NamedTuple):
    """What all models of a setting say, and the models.

    Attributes:
        worlds: who was trained on what.
        networks: one per model.
        probability: ``(n_models, n_queries, n_classes)`` float32.
    """

    worlds: GraphWorlds
    networks: Sequence[nn.Module]
    probability: NDArray[np.float32]

    @property
    def design(self) -> WorldDesign:
        """Who was trained in which world."""
        return self.worlds.design


def draw_graph_worlds(setting: GraphSetting, seed: int, base: BaseGraph | None) -> GraphWorlds:
    """Draw all graphs of a setting.

    Args:
        setting: what to draw.
        seed: of all draws.
        base: a real graph instead of generated ones.
    """
    generator = "power_law_cluster" if setting.property == "clustering" else "stochastic_block"
    return make_graph_worlds(
        values=setting.values,
        property=setting.property,
        protocol=setting.protocol,
        generator=generator if base is None else None,
        base=base,
        n_nodes=N_NODES if base is None else None,
        n_shadows=setting.n_shadows,
        n_victims=setting.n_victims,
        n_query_graphs=setting.n_query_graphs,
        train_share=setting.train_share,
        same_nodes=setting.same_nodes,
        has_control=setting.has_control,
        seed=seed,
    )


def train_and_ask(setting: GraphSetting, worlds: GraphWorlds) -> GraphOutputs:
    """Train all models of a setting, and ask them about every query node.

    Args:
        setting: how to train.
        worlds: the graphs.
    """
    networks = train_graph_models(worlds, range(worlds.design.n_models), setting.recipe)
    queries = graph_queries(worlds)
    said = [np.exp(ask_queries(network, queries)) for network in networks]
    return GraphOutputs(worlds, networks, np.asarray(said, dtype=np.float32))


def graph_contest(outputs: GraphOutputs, world: int) -> dict[str, Figures]:
    """Let every attack tell a world's victims from the base's.

    Args:
        outputs: what all models say.
        world: the other world.

    Returns:
        attack -> figures.
    """
    design = outputs.design
    truth = design.world[design.rows(TARGET, 0, world)] == world
    found = {}
    for one in GRAPH_CONTESTANTS:
        inputs = graph_inputs(outputs, world, n_shadows=one.n_shadows, has_weights=one.name == PIN)
        scores = one.attack.run(declared_world_inputs(one.attack, inputs)).scores
        accuracy = accuracy_metrics(scores, truth, confidence=0.95)[0].value
        assert accuracy is not None  # there are victims of both worlds
        found[one.name] = Figures(accuracy, auc(scores, truth.astype(np.uint8)))
    return found


def graph_inputs(outputs: GraphOutputs, world: int, *, n_shadows: int | None, has_weights: bool) -> WorldInputs:
    """Return what an attack may see of the base (0) and another world (1).

    Args:
        outputs: what all models say.
        world: the other world.
        n_shadows: shadow models of each world, the first ones; ``None`` = all.
        has_weights: whether a meta-classifier reads the victims' weights.
    """
    design = outputs.design
    shadows = np.concatenate([design.rows(SHADOW, one)[:n_shadows] for one in (0, world)])
    victims = design.rows(TARGET, 0, world)
    queries = np.flatnonzero(np.isin(design.query_world, (0, world)))
    said = _probabilities(outputs, victims, queries)
    shadow_world = (design.world[shadows] == world).astype(np.int64)
    return WorldInputs(
        shadows=_probabilities(outputs, shadows, queries),
        shadow_world=shadow_world,
        victims=said,
        victim_labels=said.argmax(axis=2),
        query_label=outputs.worlds.labels[design.query_records[queries]],
        query_world=(design.query_world[queries] == world).astype(np.int64),
        victim_signals={LOGIT: _log_odds(outputs, shadows, shadow_world, victims)} if has_weights else {},
    )


def _probabilities(outputs: GraphOutputs, rows: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.float64]:
    said = outputs.probability[np.ix_(rows, queries)].astype(np.float64)
    return np.asarray(said / said.sum(axis=2, keepdims=True))  # float32 may have moved a sum off 1


def _log_odds(
    outputs: GraphOutputs, shadows: NDArray[np.int64], world: NDArray[np.int64], victims: NDArray[np.int64]
) -> NDArray[np.float64]:
    ours, theirs = (read_layers([outputs.networks[row] for row in rows]) for rows in (shadows, victims))
    return world_log_odds(ours, world, theirs, MetaSettings(), device("cpu"))


def task_accuracy_of(outputs: GraphOutputs) -> float:
    """Return how often victims of the base are right on the base's queries."""
    design = outputs.design
    queries = np.flatnonzero(design.query_world == 0)
    said = outputs.probability[np.ix_(design.rows(TARGET, 0), queries)].argmax(axis=2)
    return float((said == outputs.worlds.labels[design.query_records[queries]]).mean())
