"""A released model: read and stored before the shadows are trained; reported with a blind baseline and without a bound."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.blind import N_BLOCKS, BlindScores, blind_scores
from privaudit.config import AuditConfig
from privaudit.data.dataset import Dataset
from privaudit.data.id_files import read_ids
from privaudit.data.released import ReleasedRecords, released_records
from privaudit.errors import ConfigError, DataError, StoreError
from privaudit.interfaces import AuditInputs
from privaudit.pipeline.baseline import POINTER, finding_of_scores
from privaudit.store.folder import AuditFolder
from privaudit.training.model_spec import ModelSpec
from privaudit.types import AuditDesign, Finding, PrivacyClaim
from privaudit.types.design import RELEASED

if TYPE_CHECKING:
    from torch import nn

BLIND = "blind"  # name of its scores among the stored signals
NAME = "released"  # of the target in findings
NO_BOUND = (
    "No bound on epsilon: who is a member of the released model was not drawn by coins of this audit, so estimators and "
    "primary are left aside. A model that the audit trains itself (no model.checkpoint) gives a bound."
)
NOT_JUDGED = (
    "The claim cannot be judged with a released checkpoint: a verdict rests on a bound on epsilon, and there is none. What "
    "the claim allows is shown for comparison."
)
FAR_OFF = 0.05  # beyond chance from the shadows' accuracies: the released model was hardly trained as they were


def is_released(design: AuditDesign) -> bool:
    """Whether the target of a design is a released model."""
    return not bool(design.is_trained.all())


def records_of_released(config: AuditConfig, dataset: Dataset, base: Path | None) -> ReleasedRecords:
    """Read the lists of a config with a checkpoint, and draw the records to audit.

    Args:
        config: with ``model.checkpoint``.
        dataset: all records of the source.
        base: folder that the config's relative paths are looked up in.
    """
    members, non_members = (
        read_ids((base or Path()) / str(getattr(config.model, name)), key=f"model.{name}", column=config.data.id)
        for name in ("members", "non_members")
    )
    return released_records(dataset, members, non_members, n_records=config.data.n_records, seed=config.seed)


def checkpoint_content(config: AuditConfig, base: Path | None) -> bytes:
    """Read the released model's file.

    Raises:
        ConfigError: if it cannot be read.
    """
    path = (base or Path()) / str(config.model.checkpoint)
    try:
        return path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or error
        raise ConfigError(
            f"model.checkpoint: {path}: {reason}. Relative paths start at the config.", key="model.checkpoint"
        ) from None


def load_released(config: AuditConfig, dataset: Dataset, spec: ModelSpec, digest: str) -> "nn.Module":
    """Read the released model and check that it is one of the config's models.

    Args:
        config: with ``model.checkpoint``.
        dataset: the records.
        spec: which model.
        digest: of the file when the audit was planned.
    """
    from privaudit.training.checkpoint import read_checkpoint, released_network

    content = checkpoint_content(config, spec.base)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ConfigError("model.checkpoint: the file changes while it is read. Try again.", key="model.checkpoint")
    state = read_checkpoint(content, (spec.base or Path()) / str(config.model.checkpoint))
    return released_network(state, spec, record_shape=dataset.record_shape, n_classes=dataset.n_classes)


def store_released(folder: AuditFolder, network: "nn.Module") -> None:
    """Copy the released model's weights among the audit's models, once."""
    from privaudit.training.weights import save_weights

    if not folder.model(RELEASED).exists():
        save_weights(folder.model(RELEASED), network)


def check_outputs_of_released(design: AuditDesign, lost: Sequence[int]) -> None:
    """Refuse a released model that gives no finite outputs.

    Args:
        design: with a released model as last row.
        lost: rows of the models whose outputs are not finite.

    Raises:
        DataError: if it is among them.
    """
    if design.n_models - 1 in lost:
        raise DataError(
            "model.checkpoint: the released model's outputs are NaN or infinite on some records. Are these the records, and "
            "the scaling, that it was trained with?"
        )


def store_blind_scores(folder: AuditFolder, dataset: Dataset, design: AuditDesign) -> None:
    """Let the blind classifiers see features and labels, and store their scores, once: no feature is kept.

    Args:
        folder: the audit's folder.
        dataset: the records.
        design: with a released model as last row.
    """
    if folder.signal(BLIND, RELEASED).exists():
        return
    rows = design.coin_records
    flat = dataset.features[rows].reshape(len(rows), -1)
    columns = np.hstack([flat, np.eye(dataset.n_classes)[dataset.labels[rows]]])
    scored = blind_scores(columns, design.is_in[-1, rows], seed=design.seed)
    folder.write_signal(BLIND, RELEASED, np.stack([scored.scores, scored.block], axis=1), rows)


def with_blind_baseline(
    folder: AuditFolder, design: AuditDesign, findings: Sequence[Finding], *, confidence: float
) -> tuple[Finding, ...]:
    """Add the blind baseline's finding, and a pointer to it under every attack where it finds something.

    Args:
        folder: the audit's folder.
        design: with a released model as last row.
        findings: of the attacks and of the target itself.
        confidence: of the interval.

    Raises:
        StoreError: if the scores were not stored.
    """
    target = design.n_models - 1
    if not folder.signal(BLIND, RELEASED).exists():
        raise StoreError(f"{folder.path} is not finished: the blind baseline is missing. Run the same command again.")
    table = folder.read_signal(BLIND, {target: RELEASED})
    scores, block = table.values[0].T
    member = design.is_in[target, table.record_index].astype(bool)
    params = {"n_blocks": N_BLOCKS, "seed": design.seed}
    blind = finding_of_scores(BlindScores(scores, block.astype(np.int64)), member, params=params, confidence=confidence)
    return (*(_of_released(finding, target, found=bool(blind.notes)) for finding in findings), blind)


def _of_released(finding: Finding, target: int, *, found: bool) -> Finding:
    """Call the target by its name, since its row moves when shadows are added, and point at what was found blindly."""
    return replace(
        finding,
        id=f"{finding.id.removesuffix(str(target))}{NAME}",
        params={**finding.params, "target": NAME},
        notes=(*finding.notes, POINTER)
        if found and finding.access is not None and finding.roc is not None
        else finding.notes,
    )


def released_notes(inputs: AuditInputs, claim: PrivacyClaim | None) -> tuple[str, ...]:
    """Say what the numbers on a released model are about, and what they are not.

    Args:
        inputs: with the signal ``correct`` of all models.
        claim: what the recipe promises, if anything.
    """
    design = inputs.design
    sizes = design.is_in.sum(axis=1)
    trained = (
        f"The {len(sizes) - 1} shadow models were trained by this recipe on {sizes[:-1].mean():.0f} records on average, "
        f"members and non-members by fair coins; the released model elsewhere, on the {sizes[-1]} members that take "
        "part here and perhaps on more records. Where it was trained otherwise, somebody who knows how may tell more than is shown here."
    )
    return (trained, NO_BOUND, *([NOT_JUDGED] if claim else []), *_accuracy_notes(inputs.dense("correct"), design))


def _accuracy_notes(correct: NDArray[np.float64], design: AuditDesign) -> tuple[str, ...]:
    """Say so where the released model classifies its non-members unlike any shadow does its own."""
    outside = (design.is_in == 0) & ~design.is_population
    accuracy = np.array([row[out].mean() for row, out in zip(correct, outside, strict=True)])
    low, high = accuracy[:-1].min(), accuracy[:-1].max()
    allowed = FAR_OFF + 1.0 / np.sqrt(outside[-1].sum())  # two standard errors at most
    if low - allowed <= accuracy[-1] <= high + allowed:
        return ()
    note = (
        f"Warning: the released model is right about {accuracy[-1]:.1%} of its non-members, the shadows about {low:.1%} to "
        f"{high:.1%} of theirs: it was trained by another recipe or on more records, or sees other features (scaling, order "
        "of columns or classes). Attacks that compare it with the shadows may be far off."
    )
    return (note.replace("%", " %"),)
