"""Stores who was trained on which draw of which world, and what is known of the records."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import CorruptStoreError
from privaudit.store.tensors import array_to_text, load_arrays, save_arrays, text_to_array
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign

LOG_PROBABILITIES, PREDICTED = "class_log_probability", "predicted_class"  # names of what is stored of each model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredWorlds:
    """What the analysis of a distribution audit knows beside the models' outputs.

    Attributes:
        design: who was trained on what; the worlds of victims are secret.
        labels: ``(n_records,)`` int64 true class of each record.
        has_property: ``(n_records,)`` True for records with the property; all False where worlds are no ratios.
    """

    design: WorldDesign
    labels: NDArray[np.int64]
    has_property: NDArray[np.bool_]


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
    words = {"names": design.names, "ratios": design.ratios, "control": design.control, "seed": design.seed}
    arrays = {
        "words": text_to_array(json.dumps(words)),
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
    save_arrays(path, arrays)


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
        )
        return StoredWorlds(
            design=design, labels=arrays["labels"], has_property=arrays["has_property"].astype(np.bool_)
        )
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptStoreError(
            f"{path} holds no worlds ({error}). Delete it and run the same command again."
        ) from None
