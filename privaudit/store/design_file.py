"""The design's arrays, with the labels, groups and ids of the records, in one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import CorruptStoreError
from privaudit.store.tensors import array_to_text, load_arrays, save_arrays, text_to_array
from privaudit.types import AuditDesign


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditRecords:
    """What is known of each record right of the seam; no feature value.

    Attributes:
        labels: ``(n_records,)`` int64 classes.
        groups: name -> ``(n_records,)`` group values.
        record_ids: ``(n_records,)`` the user's ids.
    """

    labels: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.str_]]
    record_ids: NDArray[np.str_]


def write_design(path: Path, design: AuditDesign, records: AuditRecords) -> None:
    """Store a design and its records, whole or not at all."""
    names: dict[str, Any] = {"kind": design.kind, "seed": design.seed, "role": design.role.tolist()}
    names["groups"] = {name: values.tolist() for name, values in records.groups.items()}
    names["record_ids"] = records.record_ids.tolist()
    arrays: dict[str, NDArray[Any]] = {
        "is_in": design.is_in,
        "pair": design.pair,
        "variant": design.variant,
        "is_population": design.is_population.astype(np.uint8),
        "record_codes": design.record_codes,
        "labels": records.labels,
        "names": text_to_array(json.dumps(names, sort_keys=True)),
    }
    save_arrays(path, arrays)


def read_design(path: Path) -> tuple[AuditDesign, AuditRecords]:
    """Read a design and its records.

    Raises:
        StoreError: if the file is missing.
        CorruptStoreError: if it is damaged.
    """
    arrays = load_arrays(path)
    try:
        names = json.loads(array_to_text(arrays["names"]))
        design = AuditDesign(
            kind=names["kind"],
            seed=names["seed"],
            role=np.array(names["role"]),
            is_population=arrays["is_population"].astype(bool),
            **{name: arrays[name] for name in ("is_in", "pair", "variant", "record_codes")},
        )
        groups = {name: np.array(values, dtype=np.str_) for name, values in names["groups"].items()}
        ids = np.array(names["record_ids"], dtype=np.str_)
        per_record = {"labels": arrays["labels"], "record_ids": ids, **groups}
        wrong = [name for name, values in per_record.items() if values.shape != (design.n_records,)]
        if wrong:
            raise ValueError(f"{wrong[0]} does not hold one value per record")
        return design, AuditRecords(labels=arrays["labels"], groups=groups, record_ids=ids)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorruptStoreError(f"{path} is damaged ({error}). Choose another --out, or delete that folder.") from None
