"""What an audit of graphs will do, checked before the first model is trained."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from privaudit.config import AuditConfig
from privaudit.config.distribution import DistributionConfig
from privaudit.config.graphs import GraphsConfig
from privaudit.data.graphs.graph_files import read_graph_file
from privaudit.data.graphs.worlds import make_graph_worlds
from privaudit.pipeline.distribution.methods import distribution_attacks
from privaudit.pipeline.distribution.plan import check_confidence
from privaudit.pipeline.plan import LEFT_OF_THE_SEAM
from privaudit.store.manifest import Manifest, library_versions
from privaudit.store.world_file import StoredGraphs, StoredWorlds, draws_digest
from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.types.graphs import GraphWorlds

GENERATED = {"stochastic_block": "stochastic block graphs", "power_law_cluster": "power-law cluster graphs"}
GROUP_SIZE = 16  # models in one task; fixed, for on an accelerator the last bits depend on who is trained beside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphPlan:
    """One audit of graphs, checked and ready to run.

    Attributes:
        config: what was asked for.
        worlds: the graphs, and who is trained on what.
        recipe: how.
        device: where, resolved.
        manifest: what the models will be a function of.
    """

    config: AuditConfig
    worlds: GraphWorlds
    recipe: GraphRecipe
    device: str
    manifest: Manifest

    @property
    def stored(self) -> StoredWorlds:
        """What the analysis needs of it."""
        worlds = self.worlds
        own = [worlds.graphs[graph] for graph in worlds.graph_of.tolist()]
        graphs = StoredGraphs(
            protocol=worlds.protocol,
            property=worlds.property,
            draws=worlds.draws,
            n_nodes=np.array([graph.n_nodes for graph in own], dtype=np.int64),
            n_edges=np.array([len(graph.edges) for graph in own], dtype=np.int64),
        )
        has_property = np.zeros(len(worlds.labels), dtype=np.bool_)
        return StoredWorlds(design=worlds.design, labels=worlds.labels, has_property=has_property, graphs=graphs)


def make_graph_plan(config: AuditConfig, *, base: Path | None, device: str) -> GraphPlan:
    """Draw the graphs of all worlds, and check that every method can serve.

    Args:
        config: the audit, with ``distribution.graphs``.
        base: folder of a relative ``distribution.graphs.file``.
        device: where to train, resolved.

    Raises:
        ConfigError, DataError, UnsupportedError: whatever is wrong.
    """
    settings = config.distribution
    assert settings is not None and settings.graphs is not None  # the config has checked
    distribution_attacks(settings, config.access)
    check_confidence(config.confidence)
    recipe = _recipe(config)
    worlds = _worlds(settings, settings.graphs, base, config.seed)
    manifest = _manifest(config, settings, settings.graphs, worlds, recipe, device.partition(":")[0])
    return GraphPlan(config=config, worlds=worlds, recipe=recipe, device=device, manifest=manifest)


def _worlds(settings: DistributionConfig, graphs: GraphsConfig, base: Path | None, seed: int) -> GraphWorlds:
    source: dict[str, Any] = {"generator": graphs.generator, "n_nodes": graphs.n_nodes}
    if graphs.file is not None:
        source = {"base": read_graph_file((base or Path()) / graphs.file)}
    return make_graph_worlds(
        values=graphs.values,
        property=graphs.property,
        protocol=graphs.protocol,
        n_shadows=settings.n_shadows,
        n_victims=settings.n_victims,
        n_query_graphs=graphs.n_query_graphs,
        n_queries=settings.n_queries if "n_queries" in settings.model_fields_set else None,
        train_share=graphs.train_share,
        same_nodes=graphs.same_nodes,
        has_control=settings.control,
        seed=seed,
        **source,
    )


def _recipe(config: AuditConfig) -> GraphRecipe:
    steps, optimizer = config.recipe.steps, config.recipe.optimizer
    assert steps is not None  # the config has checked
    given: dict[str, Any] = {"network": config.model.build, "optimizer": optimizer.name, **config.model.params}
    return GraphRecipe(steps=steps, lr=optimizer.lr, weight_decay=optimizer.weight_decay, **given)


def _manifest(
    config: AuditConfig,
    settings: DistributionConfig,
    graphs: GraphsConfig,
    worlds: GraphWorlds,
    recipe: GraphRecipe,
    device_type: str,
) -> Manifest:
    name = GENERATED.get(str(graphs.generator), "graphs") if graphs.file is None else Path(graphs.file).stem
    trainer = {"trainer": "ensemble", "group_size": GROUP_SIZE, "precision": "float32", "compiled": False}
    return Manifest(
        data={
            "digest": graphs_digest(worlds),
            "name": name,
            "n_records": len(worlds.labels),
            "n_classes": worlds.n_classes,
        },
        recipe={
            "model": {"build": config.model.build, "params": dict(config.model.params)},
            "variants": [{**asdict(recipe), "dp": None}],
            "device_type": device_type,
            **trainer,
        },
        design={
            "kind": "distribution",
            "seed": config.seed,
            **settings.design(),
            "access": config.access,
            "draws": draws_digest(worlds.design),
        },
        versions=library_versions(),
        config=config.model_dump(mode="json", exclude=set(LEFT_OF_THE_SEAM)),
    )


def graphs_digest(worlds: GraphWorlds) -> str:
    """SHA-256 over all graphs, their nodes' features and classes, and which graph is whose.

    Args:
        worlds: the graphs.
    """
    total = hashlib.sha256()
    edges = [graph.edges for graph in worlds.graphs]
    whose = [worlds.first_node, worlds.graph_of, np.array(worlds.query_graphs, dtype=np.int64)]
    features = [worlds.features] if worlds.feature_rows is None else [worlds.features, worlds.feature_rows]
    for array in (*edges, *whose, *features, worlds.labels):
        total.update(f"{array.dtype} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
