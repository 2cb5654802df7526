"""Reads an audit's files back: config, signals, claim."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privaudit.config import AuditConfig, parse
from privaudit.errors import CorruptStoreError, StoreError
from privaudit.estimators import pld_claim
from privaudit.interfaces import Attack, AuditInputs
from privaudit.pipeline.looks import ANALYSIS
from privaudit.pipeline.primary import make_methods
from privaudit.scoring.signals import ALWAYS, measured_rows
from privaudit.store.design_file import AuditRecords
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import Manifest, read_manifest
from privaudit.store.tensors import load_arrays, save_arrays
from privaudit.types import AuditDesign, DpSgdParams, Neighbouring, PrivacyClaim

RIGHT_OF_THE_SEAM = (*ANALYSIS, "report")


def stored_config(manifest: Manifest, changes: AuditConfig | None) -> AuditConfig:
    """Return the stored config, with the parts right of the seam taken from ``changes``: attacks, confidence, report."""
    config = parse(AuditConfig, dict(manifest.config), where="manifest.json")
    if changes is None:
        return config
    update = {part: getattr(changes, part) for part in RIGHT_OF_THE_SEAM}
    if config.distribution is not None and changes.distribution is not None:
        update["distribution"] = config.distribution.analysed_as(changes.distribution)
    return config.model_copy(update=update)


def read_inputs(
    folder: AuditFolder,
    design: AuditDesign,
    records: AuditRecords,
    models: NDArray[np.int64],
    *,
    signals: Iterable[str],
    has_features: bool = False,
) -> AuditInputs:
    """Read stored signals of some models.

    Args:
        folder: the audit's folder.
        design: its design.
        records: its records.
        models: rows of the models in the design, which become the usable ones.
        signals: names of the signals; others in the folder are left alone.
        has_features: whether an attack wants the records' features.

    Raises:
        StoreError: if signals or features are missing, because no attack asked for them or the audit is not finished.
        CorruptStoreError: if a file is damaged.
    """
    numbers = {name: _numbers(design, np.intersect1d(models, measured_rows(name, design))) for name in set(signals)}
    absent = {name: folder.missing_signals([name], measured.values()) for name, measured in sorted(numbers.items())}
    missing = set().union(*absent.values())
    if missing:
        _refuse_unasked(folder, [name for name, rows in absent.items() if rows])
        raise StoreError(
            f"{folder.path} is not finished: signals of {len(missing)} of {len(models)} models are missing. "
            "Run the same `privaudit run` command again; it goes on from there."
        )
    return AuditInputs(
        design=design,
        labels=records.labels,
        groups=records.groups,
        signals={name: folder.read_signal(name, measured) for name, measured in sorted(numbers.items()) if measured},
        usable=models,
        features=read_features(folder.features, design.n_records) if has_features else None,
    )


def _numbers(design: AuditDesign, rows: NDArray[np.int64]) -> dict[int, int]:
    return dict(zip(rows.tolist(), design.numbers[rows].tolist(), strict=True))


def _refuse_unasked(folder: AuditFolder, missing: list[str]) -> None:
    """Say which missing signals the stored config does not ask for: its run would not bring them, however often."""
    asked = signals_read(stored_config(read_manifest(folder.manifest), None))
    unasked = [name for name in missing if name not in asked]
    if unasked:
        which = f"signal {unasked[0]} was" if len(unasked) == 1 else f"signals {', '.join(unasked)} were"
        raise StoreError(
            f"{folder.path}: {which} not collected: no attack asked for {'it' if len(unasked) == 1 else 'them'} when this "
            "audit was run. Run `privaudit run` with this config; stored models are kept."
        )


def signals_read(config: AuditConfig) -> frozenset[str]:
    """Names of the signals that an audit collects: what its attacks read, and what every report does."""
    attacks, _ = make_methods(config)
    return reported_signals(config).union(*(attack.signals for attack in attacks))


def reported_signals(config: AuditConfig) -> frozenset[str]:
    """Names of the signals that a report reads whatever the attacks are: of a model that gives labels, its labels."""
    return ALWAYS if config.access == "score" else frozenset({"correct"})


def wants_features(attacks: Iterable[Attack]) -> bool:
    """Whether an attack looks at the records' features."""
    return any("features" in attack.record_fields for attack in attacks)


def store_features(folder: AuditFolder, features: NDArray[np.float32]) -> None:
    """Lay the records' features into an audit's folder, which is private to its owner; reports hold none of them."""
    if not folder.features.exists():  # they are what the manifest's digest says, or the folder would have been refused
        save_arrays(folder.features, {"features": features})


def read_features(path: Path, n_records: int) -> NDArray[np.float32]:
    """Read stored features.

    Args:
        path: the file.
        n_records: of the design.

    Raises:
        StoreError: if they were not stored.
        CorruptStoreError: if the file is damaged, or holds other features.
    """
    if not path.exists():
        raise StoreError(
            f"{path} is missing: an attack looks at the records' features, and no attack did when this audit was run. "
            "Run `privaudit run` with the same config and this attack; no model is trained again."
        )
    features = load_arrays(path).get("features")
    if features is None or features.ndim < 2 or len(features) != n_records:
        raise CorruptStoreError(
            f"{path} must hold the features of {n_records} records; it does not. Delete it and run the same "
            "`privaudit run` command again; no model is trained again."
        )
    return features


def stored_claim(manifest: Manifest) -> tuple[PrivacyClaim | None, DpSgdParams | None]:
    """Compute the claim from the stored recipe; no noise is no claim."""
    recipe = manifest.recipe["variants"][0]
    if recipe["dp"] is None or recipe["dp"]["noise_multiplier"] == 0:
        return None, None
    params = DpSgdParams(
        noise_multiplier=recipe["dp"]["noise_multiplier"],
        sample_rate=recipe["sample_rate"],
        steps=recipe["steps"],
        max_grad_norm=recipe["dp"]["max_grad_norm"],
    )
    return pld_claim(params, delta=recipe["dp"]["delta"], neighbouring=Neighbouring.ADD_REMOVE), params
