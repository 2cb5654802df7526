"""Stores who was trained on which draw of which world, and what is known of the records."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import CorruptStoreError
from privaudit.store.tensors import array_to_text, load_arrays, save_arrays, text_to_array
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.graphs import GraphProperty, GraphProtocol
from privaudit.types.worlds import Poison, WorldDesign

LOG_PROBABILITIES, PREDICTED = "class_log_probability", "predicted_class"  # names of what is stored of each model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredGraphs:
    """What the analysis knows of the graphs that models were trained on.

    Attributes:
        protocol: who trains on which graph, see `privaudit.types.graphs.GraphWorlds`.
        property: what the worlds differ in.
        draws: one ``(n,)`` array per world: degrees or local clustering coefficients of the nodes of the victims' graphs.
        n_nodes: ``(n_models,)`` int64 nodes of each model's graph.
        n_edges: ``(n_models,)`` int64 edges of each model's graph.
    """

    protocol: GraphProtocol
    property: GraphProperty
    draws: tuple[NDArray[Any], ...]
    n_nodes: NDArray[np.int64]
    n_edges: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredWorlds:
    """What the analysis of a distribution audit knows beside the models' outputs.

    Attributes:
        design: who was trained on what; the worlds of victims are secret.
        labels: ``(n_records,)`` int64 true class of each record.
        has_property: ``(n_records,)`` True for records with the property; all False where worlds are no ratios.
        graphs: of models that train on graphs, whose nodes are the records; ``None`` of others.
    """

    design: WorldDesign
    labels: NDArray[np.int64]
    has_property: NDArray[np.bool_]
    graphs: StoredGraphs | None = None


def draws_digest(design: WorldDesign) -> str:
    """SHA-256 over who is trained on what, in which world, and what all are asked about.

    Args:
        design: the design.
    """
    total = hashlib.sha256()
    arrays = (design.world, design.role == TARGET, design.query_records, design.query_world)
    for array in (*arrays, *design.members, *(design.member_labels or ())):
        total.update(f"{array.shape}\n".encode())
        total.update(np.ascontiguousarray(array, dtype=np.int64).tobytes())
    if design.poison is not None:  # audits without it keep the digests of older versions
        total.update(json.dumps(asdict(design.poison), sort_keys=True).encode())
    return total.hexdigest()


def check_draws(path: Path, stored: StoredWorlds, wanted: str) -> None:
    """Refuse a design that is not the one that a manifest was written for.

    Args:
        path: its file, for the message.
        stored: what was read.
        wanted: the manifest's digest.

    Raises:
        CorruptStoreError: if it differs.
    """
    if draws_digest(stored.design) != wanted:
        raise CorruptStoreError(
            f"{path} is not what manifest.json was written with. Run the same command again; models are kept."
        )


def write_worlds(path: Path, stored: StoredWorlds) -> None:
    """Write the design, whole or not at all.

    Args:
        path: the file.
        stored: the design and the records.

    Raises:
        StoreError: if the folder cannot be written to.
    """
    design = stored.design
    words: dict[str, Any] = {
        "names": design.names,
        "ratios": design.ratios,
        "control": design.control,
        "seed": design.seed,
    }
    if design.poison is not None:
        words["poison"] = asdict(design.poison)
    arrays = {
        "world": design.world,
        "is_target": (design.role == TARGET).astype(np.uint8),
        "sizes": design.sizes(),
        "members": np.concatenate(design.members).astype(np.int64),
        "query_records": design.query_records,
        "query_world": design.query_world,
        "labels": stored.labels,
        "has_property": stored.has_property.astype(np.uint8),
    }
    if design.member_labels is not None:
        arrays["member_labels"] = np.concatenate(design.member_labels).astype(np.int64)
    if stored.graphs is not None:
        words["graphs"] = {"protocol": stored.graphs.protocol, "property": stored.graphs.property}
        arrays |= _graph_arrays(stored.graphs)
    save_arrays(path, {"words": text_to_array(json.dumps(words)), **arrays})


def _graph_arrays(graphs: StoredGraphs) -> dict[str, NDArray[Any]]:
    draws = {f"draws_{world}": values for world, values in enumerate(graphs.draws)}
    return {**draws, "graph_nodes": graphs.n_nodes, "graph_edges": graphs.n_edges}


def _read_graphs(words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> StoredGraphs | None:
    if "graphs" not in words:
        return None
    return StoredGraphs(
        protocol=words["graphs"]["protocol"],
        property=words["graphs"]["property"],
        draws=tuple(arrays[f"draws_{world}"] for world in range(len(words["names"]))),
        n_nodes=arrays["graph_nodes"],
        n_edges=arrays["graph_edges"],
    )


def read_worlds(path: Path) -> StoredWorlds:
    """Read a stored design.

    Args:
        path: the file.

    Raises:
        StoreError: if it is missing.
        CorruptStoreError: if it is damaged.
    """
    arrays = load_arrays(path)
    try:
        words = json.loads(array_to_text(arrays["words"]))
        cuts = np.cumsum(arrays["sizes"])[:-1]
        changed = arrays.get("member_labels")
        design = WorldDesign(
            names=tuple(words["names"]),
            ratios=None if words["ratios"] is None else tuple(words["ratios"]),
            world=arrays["world"],
            role=np.where(arrays["is_target"] == 1, TARGET, SHADOW),
            members=tuple(np.split(arrays["members"], cuts)),
            member_labels=None if changed is None else tuple(np.split(changed, cuts)),
            query_records=arrays["query_records"],
            query_world=arrays["query_world"],
            control=words["control"],
            seed=int(words["seed"]),
            poison=Poison(**words["poison"]) if "poison" in words else None,
        )
        return StoredWorlds(
            design=design,
            labels=arrays["labels"],
            has_property=arrays["has_property"].astype(np.bool_),
            graphs=_read_graphs(words, arrays),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptStoreError(
            f"{path} holds no worlds ({error}). Delete it and run the same command again."
        ) from None
